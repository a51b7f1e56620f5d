//! Reading of tar streams from strangers: ustar (POSIX.1-1988), pax (POSIX.1-2001) and GNU's long names.
//!
//! Everything that describes an entry is bounded before it is read, and each entry's extent comes from one
//! place only, so that no two readers of this crate can disagree about where the next header is.

use std::io::{self, Read};

use crate::header::{BLOCK, padding};

/// Longest description of one entry: its pax records and long names, in bytes.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// None of these; the word names it in messages.
    Other(&'static str),
}

/// The description of an entry.
#[derive(Debug)]
pub struct Entry {
    /// The path, as the archive has it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    /// Bytes of content.
    pub size: u64,
}

/// Reads the entries of an uncompressed tar stream one after the other; reading from it gives the content of the
/// current one. Nothing is checked but the format: paths may lead anywhere.
pub struct Reader<R> {
    input: R,
    /// Content of the current entry that was not read.
    content: u64,
    /// Zero bytes after it.
    padding: u64,
}

/// What precedes an entry and describes it.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// Starts at the beginning of an archive.
    pub fn new(input: R) -> Self {
        Self { input, content: 0, padding: 0 }
    }

    /// The next entry; None at the end of the archive. What is left of the current one is skipped.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        self.skip()?;
        let mut extensions = Extensions::default();
        let mut described = 0;
        loop {
            let Some(header) = self.read_header()? else { return Ok(None) };
            let size = header.number(124, 12)?;
            match header.flag() {
                b'x' => {
                    let records = self.read_description(size, &mut described)?;
                    extensions.apply(&records)?;
                }
                b'L' => {
                    let mut name = self.read_description(size, &mut described)?;
                    name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len()));
                    extensions.path = Some(name);
                }
                // Names of link targets, and records for the whole archive: nothing of them is used.
                b'K' | b'g' => {
                    self.read_description(size, &mut described)?;
                }
                flag => return self.begin(&header, flag, size, extensions).map(Some),
            }
        }
    }

    fn begin(&mut self, header: &Header, flag: u8, size: u64, extensions: Extensions) -> io::Result<Entry> {
        let name = extensions.path.unwrap_or_else(|| header.path());
        let kind = match flag {
            // The oldest format marks a directory by a slash at the end of its name.
            b'0' | b'7' | 0 if name.ends_with(b"/") => Kind::Directory,
            b'0' | b'7' | 0 => Kind::File,
            b'1' => Kind::Other("hard link"),
            b'2' => Kind::Symlink,
            b'3' => Kind::Other("character device"),
            b'4' => Kind::Other("block device"),
            b'5' => Kind::Directory,
            b'6' => Kind::Other("named pipe"),
            b'S' => Kind::Other("sparse file"),
            _ => Kind::Other("unknown"),
        };
        // Links, devices and directories have no content, whatever size they claim.
        let has_content = !matches!(flag, b'1'..=b'6');
        let size = if has_content { extensions.size.unwrap_or(size) } else { 0 };
        if size > u64::MAX / 2 {
            return Err(invalid("an entry's size is out of range"));
        }
        self.content = size;
        self.padding = padding(size) as u64;
        let mode = header.number(100, 8)? as u32 & 0o7777;
        Ok(Entry { name, kind, mode, size })
    }

    fn skip(&mut self) -> io::Result<()> {
        let rest = self.content + self.padding;
        let skipped = io::copy(&mut (&mut self.input).take(rest), &mut io::sink())?;
        (self.content, self.padding) = (0, 0);
        if skipped == rest { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// The next header. None at the end: a block of zeros, or no more input.
    fn read_header(&mut self) -> io::Result<Option<Header>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(block.get_mut(filled..).unwrap_or_default()) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let header = Header(block);
        header.check()?;
        Ok(Some(header))
    }

    /// The content of an entry that describes the next one.
    fn read_description(&mut self, size: u64, total: &mut u64) -> io::Result<Vec<u8>> {
        *total = total.saturating_add(size);
        if *total > MAX_DESCRIPTION {
            return Err(invalid("an entry's name and records are too long"));
        }
        let mut content = vec![0; size as usize];
        self.input.read_exact(&mut content)?;
        let mut padding = [0; BLOCK];
        self.input.read_exact(padding.get_mut(..crate::header::padding(size)).unwrap_or_default())?;
        Ok(content)
    }
}

/// Reads the content of the current entry.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = buffer.len().min(usize::try_from(self.content).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let n = self.input.read(buffer.get_mut(..want).unwrap_or_default())?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= n as u64;
        Ok(n)
    }
}

impl Extensions {
    /// Takes what is used of pax records: `<length> <key>=<value>\n`, the length counting all of it.
    fn apply(&mut self, mut records: &[u8]) -> io::Result<()> {
        let bad = || invalid("malformed pax records");
        while !records.is_empty() {
            let space = records.iter().position(|b| *b == b' ').ok_or_else(bad)?;
            let length = records.get(..space).and_then(decimal).ok_or_else(bad)?;
            let length = usize::try_from(length).map_err(|_| bad())?;
            let record =
                records.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(bad)?;
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
            let (key, value) = (record.get(..equals), record.get(equals + 1..).unwrap_or_default());
            match key {
                Some(b"path") => self.path = Some(value.to_vec()),
                Some(b"size") => self.size = Some(decimal(value).ok_or_else(bad)?),
                // Files with holes have another size in the archive than on disk.
                Some(key) if key.starts_with(b"GNU.sparse.") => {
                    return Err(invalid("sparse files are not supported"));
                }
                _ => {}
            }
            records = records.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

struct Header([u8; BLOCK]);

impl Header {
    fn field(&self, at: usize, size: usize) -> &[u8] {
        self.0.get(at..at + size).unwrap_or_default()
    }

    fn flag(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or_default()
    }

    /// Text up to the first NUL.
    fn text(&self, at: usize, size: usize) -> &[u8] {
        self.field(at, size).split(|b| *b == 0).next().unwrap_or_default()
    }

    fn path(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        // Only POSIX headers have a prefix; GNU's use the field otherwise.
        let prefix = if self.field(257, 6) == b"ustar\0" { self.text(345, 155) } else { b"" };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// A number in octal digits, or in GNU's binary form.
    fn number(&self, at: usize, size: usize) -> io::Result<u64> {
        let field = self.field(at, size);
        let bad = || invalid("malformed number in a header");
        if let Some((first, rest)) = field.split_first()
            && first & 0x80 != 0
        {
            // Big-endian, the highest bit set as a mark. Negative numbers make no sense here.
            let low = rest.len().saturating_sub(8);
            let (high, low) = rest.split_at(low);
            if first & 0x7f != 0 || high.iter().any(|b| *b != 0) {
                return Err(bad());
            }
            return Ok(low.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
        }
        let digits = field.trim_ascii();
        let digits: &[u8] =
            digits.split(|b| *b == 0 || *b == b' ').find(|d| !d.is_empty()).unwrap_or_default();
        if digits.iter().any(|b| !(b'0'..=b'7').contains(b)) {
            return Err(bad());
        }
        Ok(digits.iter().fold(0, |n, b| n << 3 | u64::from(b - b'0')))
    }

    fn check(&self) -> io::Result<()> {
        let own = 148..156;
        let bytes = || self.0.iter().enumerate().map(|(i, b)| if own.contains(&i) { b' ' } else { *b });
        let unsigned: u64 = bytes().map(u64::from).sum();
        // Some old programs added the bytes up as signed.
        let signed: i64 = bytes().map(|b| i64::from(b.cast_signed())).sum();
        let stored = self.number(148, 8)?;
        if stored == unsigned || i64::try_from(stored) == Ok(signed) {
            Ok(())
        } else {
            Err(invalid("wrong checksum of a header"))
        }
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
