//! Reading of gzip streams that are in memory.
//!
//! What it reads, and what it refuses, is what `flate2`'s reader does, whose own code finds the members and inflates
//! them. Only the checksum is another crate's: it takes a tenth of the time, which for a large chart is felt.

use std::io::{self, Read};

use crc32fast::Hasher;
use flate2::bufread::{DeflateDecoder, GzDecoder};

/// The content of one gzip member after the other.
pub(super) struct Gunzip<'a>(State<'a>);

enum State<'a> {
    /// Before a member.
    Start(&'a [u8]),
    Body(Box<DeflateDecoder<&'a [u8]>>, Hasher, u32),
    End,
}

impl<'a> Gunzip<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(State::Start(bytes))
    }
}

impl Read for Gunzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.0 {
                State::Start(bytes) => {
                    let content = behind_header(bytes)?;
                    self.0 = State::Body(Box::new(DeflateDecoder::new(content)), Hasher::new(), 0);
                }
                State::Body(..) if buffer.is_empty() => return Ok(0),
                State::Body(decoder, hasher, size) => {
                    let count = decoder.read(buffer)?;
                    if count > 0 {
                        hasher.update(buffer.get(..count).unwrap_or_default());
                        *size = size.wrapping_add(count as u32);
                        return Ok(count);
                    }
                    let (sum, size) = (hasher.clone().finalize(), *size);
                    let rest = behind_trailer(decoder.get_ref(), sum, size)?;
                    self.0 = if rest.is_empty() { State::End } else { State::Start(rest) };
                }
                State::End => return Ok(0),
            }
        }
    }
}

/// What follows the header of a member.
fn behind_header(bytes: &[u8]) -> io::Result<&[u8]> {
    let mut member = GzDecoder::new(bytes);
    if member.header().is_none() {
        // It knows what is wrong.
        let _ = member.read(&mut [0])?;
    }
    Ok(member.into_inner())
}

/// What follows the checksum and the size of a member, which must be right.
fn behind_trailer(bytes: &[u8], sum: u32, size: u32) -> io::Result<&[u8]> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (told_sum, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
    let (told_size, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    if sum == u32::from_le_bytes(*told_sum) && size == u32::from_le_bytes(*told_size) {
        return Ok(rest);
    }
    let message = "corrupt gzip stream does not have a matching checksum";
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::bufread::MultiGzDecoder;
    use flate2::write::GzEncoder;
    use flate2::{Compression, GzBuilder};

    use super::*;

    /// All of it in pieces of that size, or the error.
    fn all(mut from: impl Read, size: usize) -> Result<Vec<u8>, (Vec<u8>, String)> {
        let mut out = Vec::new();
        let mut buffer = vec![0; size];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(out),
                Ok(count) => out.extend_from_slice(&buffer[..count]),
                Err(error) => return Err((out, format!("{:?} {error}", error.kind()))),
            }
        }
    }

    #[track_caller]
    fn same(bytes: &[u8]) {
        for size in [1, 37, 4096] {
            assert_eq!(all(Gunzip::new(bytes), size), all(MultiGzDecoder::new(bytes), size));
        }
    }

    fn member(content: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn reads_what_flate2_reads() {
        let long: Vec<u8> = (0..20_000_u32).flat_map(|n| (n * n / 7).to_le_bytes()).collect();
        assert_eq!(all(Gunzip::new(&member(&long)), 1000).unwrap(), long);
        let named = GzBuilder::new().filename("a").comment("b").extra(vec![1, 2, 3]);
        let mut named = named.write(Vec::new(), Compression::fast());
        named.write_all(b"named").unwrap();
        let named = named.finish().unwrap();
        for bytes in [
            member(b""),
            member(b"x"),
            named.clone(),
            [member(b"one"), member(b""), named].concat(),
            [member(b"one"), vec![0; 20]].concat(),
            [member(b"one"), b"garbage".to_vec()].concat(),
            b"no gzip at all".to_vec(),
            Vec::new(),
        ] {
            same(&bytes);
        }
    }

    #[test]
    fn refuses_what_flate2_refuses() {
        let good = [member(&b"some content, some content".repeat(9)), member(b"more")].concat();
        for cut in 0..good.len() {
            same(&good[..cut]);
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[cut] ^= 1 << bit;
                same(&bad);
            }
        }
    }
}
