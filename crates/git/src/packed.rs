//! Reading large blobs out of packs piece by piece.
//!
//! libgit2 inflates a whole packed object into memory. Large files are almost always stored whole,
//! not as a delta, so that their zlib stream can be read directly (gitformat-pack(5)).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use flate2::bufread::ZlibDecoder;
use git2::Oid;
use sha1::{Digest as _, Sha1};

/// The type number of a blob that is stored whole.
const BLOB: u8 = 3;

/// Where the tables of an index begin: after the signature and version.
const FANOUT: u64 = 8;
const NAMES: u64 = FANOUT + 256 * 4;
/// Length of a SHA-1.
const NAME: u64 = 20;

/// Opens a blob for streaming; `None` when it is not in a pack, or stored as a delta.
pub fn open(objects: &Path, id: Oid) -> io::Result<Option<impl Read + use<>>> {
    for entry in std::fs::read_dir(objects.join("pack"))? {
        let index = entry?.path();
        if index.extension().is_none_or(|extension| extension != "idx") {
            continue;
        }
        if let Some(offset) = find(&File::open(&index)?, id)? {
            return open_at(File::open(index.with_extension("pack"))?, offset, id);
        }
    }
    Ok(None)
}

/// Looks an object up in an index of version 2.
fn find(index: &File, id: Oid) -> io::Result<Option<u64>> {
    let mut header = [0; 8];
    index.read_exact_at(&mut header, 0)?;
    if header != [0xff, b't', b'O', b'c', 0, 0, 0, 2] {
        return Ok(None);
    }
    let name = id.as_bytes();
    let total = u64::from(read_u32(index, FANOUT + 255 * 4)?);
    let mut low = match name[0] {
        0 => 0,
        first => u64::from(read_u32(index, FANOUT + (u64::from(first) - 1) * 4)?),
    };
    let mut high = u64::from(read_u32(index, FANOUT + u64::from(name[0]) * 4)?).min(total);
    let mut candidate = [0; NAME as usize];
    while low < high {
        let middle = low + (high - low) / 2;
        index.read_exact_at(&mut candidate, NAMES + middle * NAME)?;
        match candidate[..].cmp(name) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return offset(index, total, middle).map(Some),
        }
    }
    Ok(None)
}

/// The offset of the object at `position`; large ones are in a table of their own.
fn offset(index: &File, total: u64, position: u64) -> io::Result<u64> {
    let checksums = NAMES + total * NAME;
    let offsets = checksums + total * 4;
    let small = read_u32(index, offsets + position * 4)?;
    if small & 0x8000_0000 == 0 {
        return Ok(u64::from(small));
    }
    let mut large = [0; 8];
    index.read_exact_at(&mut large, offsets + total * 4 + u64::from(small & 0x7fff_ffff) * 8)?;
    Ok(u64::from_be_bytes(large))
}

fn read_u32(file: &File, at: u64) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, at)?;
    Ok(u32::from_be_bytes(bytes))
}

fn open_at(pack: File, offset: u64, id: Oid) -> io::Result<Option<impl Read + use<>>> {
    let mut input = BufReader::with_capacity(64 << 10, At { file: pack, position: offset });
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    if (byte[0] >> 4) & 7 != BLOB {
        return Ok(None);
    }
    // Type and size: four bits in the first byte, then seven per byte.
    let mut size = u64::from(byte[0] & 15);
    let mut shift = 4;
    while byte[0] & 0x80 != 0 {
        input.read_exact(&mut byte)?;
        if shift > 57 {
            return Err(io::Error::other("the object's size is out of range"));
        }
        size |= u64::from(byte[0] & 0x7f) << shift;
        shift += 7;
    }
    let mut hash = Sha1::new();
    hash.update(format!("blob {size}\0"));
    Ok(Some(Blob { content: ZlibDecoder::new(input), hash: Some(hash), rest: size, id }))
}

/// A file read from a position on, without sharing a cursor.
struct At {
    file: File,
    position: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

/// Inflates a blob and checks its name at the end.
struct Blob<R> {
    content: R,
    hash: Option<Sha1>,
    rest: u64,
    id: Oid,
}

impl<R: Read> Read for Blob<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let most = buffer.len().min(usize::try_from(self.rest).unwrap_or(usize::MAX));
        let read = self.content.read(&mut buffer[..most])?;
        if read == 0 && self.rest > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the object is truncated"));
        }
        self.rest -= read as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..read]);
        }
        if self.rest == 0
            && let Some(hash) = self.hash.take()
            && hash.finalize().as_slice() != self.id.as_bytes()
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the object's content does not match its hash",
            ));
        }
        Ok(read)
    }
}
