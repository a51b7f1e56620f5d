//! Tar headers (POSIX.1-1988 ustar, POSIX.1-2001 pax) with the same bytes as Go's archive/tar writes
//! for entries without owner and times.

use std::io::{self, Write};

/// Tar works in blocks of this many bytes.
pub(crate) const BLOCK: usize = 512;

const NAME_SIZE: usize = 100;
const PREFIX_SIZE: usize = 155;
/// Largest size that fits the 11 octal digits of a ustar header.
const MAX_OCTAL_SIZE: u64 = 0o777_7777_7777;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    File,
    Dir,
    PaxRecords,
}

impl Type {
    fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::Dir => b'5',
            Self::PaxRecords => b'x',
        }
    }
}

/// Writes the header blocks of one entry: a plain ustar header where the path fits, else pax records
/// first. Content and its padding are the caller's.
pub(crate) fn write_header(
    out: &mut impl Write,
    kind: Type,
    path: &[u8],
    mode: u32,
    size: u64,
) -> io::Result<()> {
    let needs_split = path.len() > NAME_SIZE || !path.is_ascii();
    let split = if needs_split { split_path(path) } else { Some((&b""[..], path)) };
    if let Some((prefix, name)) = split.filter(|_| size <= MAX_OCTAL_SIZE) {
        let mut header = Header::new(kind, name, mode, size);
        header.devices();
        header.put(345, PREFIX_SIZE, prefix);
        return out.write_all(&header.finish());
    }

    let mut records = Vec::new();
    if split.is_none() {
        records.extend(pax_record("path", path));
    }
    if size > MAX_OCTAL_SIZE {
        records.extend(pax_record("size", size.to_string().as_bytes()));
    }
    let (dir, file) =
        path.iter().rposition(|c| *c == b'/').map_or((&b""[..], path), |i| path.split_at(i + 1));
    let records_name = ascii(&[dir, b"PaxHeaders.0/", file].concat());
    let records_name = records_name.get(..NAME_SIZE).unwrap_or(&records_name);
    let records_name = records_name.trim_ascii_end_matches(b'/');
    out.write_all(&Header::new(Type::PaxRecords, records_name, 0, records.len() as u64).finish())?;
    out.write_all(&records)?;
    out.write_all(&zeros(padding(records.len() as u64)))?;

    let name = ascii(path);
    let size = if size > MAX_OCTAL_SIZE { 0 } else { size };
    let mut header = Header::new(kind, truncate_name(&name), mode, size);
    header.devices();
    out.write_all(&header.finish())
}

/// Zero bytes that follow content of `size` bytes.
pub(crate) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// `n` zero bytes, at most two blocks.
pub(crate) fn zeros(n: usize) -> Vec<u8> {
    vec![0; n]
}

/// Splits a path at a slash so that both parts fit their ustar fields.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= NAME_SIZE || !path.is_ascii() {
        return None;
    }
    let mut len = path.len();
    if len > PREFIX_SIZE + 1 {
        len = PREFIX_SIZE + 1;
    } else if path.ends_with(b"/") {
        len -= 1;
    }
    let slash = path.get(..len)?.iter().rposition(|c| *c == b'/')?;
    let (prefix, name) = (path.get(..slash)?, path.get(slash + 1..)?);
    let fits =
        !prefix.is_empty() && prefix.len() <= PREFIX_SIZE && !name.is_empty() && name.len() <= NAME_SIZE;
    fits.then_some((prefix, name))
}

/// One pax record: its own length in decimal, a space, `key=value` and a newline.
fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + rest.to_string().len();
    // The length counts its own digits, which may carry it over a power of ten.
    if rest + len.to_string().len() != len {
        len = rest + len.to_string().len();
    }
    let mut record = format!("{len} {key}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

fn ascii(path: &[u8]) -> Vec<u8> {
    path.iter().copied().filter(|b| b.is_ascii() && *b != 0).collect()
}

/// Cuts a name to its field. A cut right after a slash drops the slash, since some readers take any name
/// that ends in one for a directory.
fn truncate_name(name: &[u8]) -> &[u8] {
    match name.get(..NAME_SIZE) {
        Some(cut) if name.len() > NAME_SIZE => cut.trim_ascii_end_matches(b'/'),
        _ => name,
    }
}

trait TrimEnd {
    fn trim_ascii_end_matches(&self, byte: u8) -> &Self;
}

impl TrimEnd for [u8] {
    fn trim_ascii_end_matches(&self, byte: u8) -> &Self {
        let len = self.iter().rposition(|b| *b != byte).map_or(0, |i| i + 1);
        self.get(..len).unwrap_or(self)
    }
}

struct Header([u8; BLOCK]);

impl Header {
    fn new(kind: Type, name: &[u8], mode: u32, size: u64) -> Self {
        let mut header = Self([0; BLOCK]);
        header.put(0, NAME_SIZE, name);
        header.octal(100, 7, u64::from(mode));
        header.octal(108, 7, 0); // uid
        header.octal(116, 7, 0); // gid
        header.octal(124, 11, size);
        header.octal(136, 11, 0); // mtime: the epoch
        header.put(156, 1, &[kind.flag()]);
        header.put(257, 8, b"ustar\x0000");
        header
    }

    fn devices(&mut self) {
        self.octal(329, 7, 0);
        self.octal(337, 7, 0);
    }

    fn put(&mut self, at: usize, size: usize, bytes: &[u8]) {
        let n = bytes.len().min(size);
        if let (Some(field), Some(bytes)) = (self.0.get_mut(at..at + n), bytes.get(..n)) {
            field.copy_from_slice(bytes);
        }
    }

    fn octal(&mut self, at: usize, digits: usize, value: u64) {
        self.put(at, digits, format!("{value:0digits$o}").as_bytes());
    }

    fn finish(mut self) -> [u8; BLOCK] {
        // The checksum counts its own field as blanks.
        self.put(148, 8, b"        ");
        let sum: u64 = self.0.iter().map(|b| u64::from(*b)).sum();
        self.put(148, 8, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}
