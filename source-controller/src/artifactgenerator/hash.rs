//! The names of generated files: a checksum of what is in a directory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The sum of RFC 1950.
struct Adler32 {
    a: u32,
    b: u32,
}

impl Adler32 {
    const MODULUS: u32 = 65_521;
    /// As many bytes as fit before the sums could overflow.
    const BLOCK: usize = 5552;

    fn new() -> Self {
        Self { a: 1, b: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        for block in bytes.chunks(Self::BLOCK) {
            for byte in block {
                self.a += u32::from(*byte);
                self.b += self.a;
            }
            self.a %= Self::MODULUS;
            self.b %= Self::MODULUS;
        }
    }

    fn sum(&self) -> u32 {
        self.b << 16 | self.a
    }
}

/// The checksum of files, given by their paths below `root`; `prefix` goes before each path. It depends on paths and
/// contents only.
pub(super) fn checksum(root: &Path, prefix: &str, files: &[String]) -> io::Result<u32> {
    let mut names: Vec<(String, &String)> =
        files.iter().map(|file| (format!("{prefix}/{file}"), file)).collect();
    names.sort_unstable();
    let mut all = Adler32::new();
    let mut buffer = vec![0; 64 << 10];
    for (name, file) in names {
        if name.contains('\n') {
            return Err(io::Error::other("filenames with newlines are not supported"));
        }
        let mut one = Adler32::new();
        let mut content = File::open(root.join(file))?;
        loop {
            match content.read(&mut buffer)? {
                0 => break,
                read => one.update(&buffer[..read]),
            }
        }
        all.update(format!("{:x}  {name}\n", one.sum()).as_bytes());
    }
    Ok(all.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_rfc() {
        let sum = |bytes: &[u8]| {
            let mut adler = Adler32::new();
            adler.update(bytes);
            adler.sum()
        };
        assert_eq!(sum(b""), 1);
        assert_eq!(sum(b"Wikipedia"), 0x11E6_0398);
        // From zlib.adler32(b"\xff" * 100000).
        assert_eq!(sum(&vec![0xff; 100_000]), 0x149A_302C);
    }

    #[test]
    fn paths_and_contents_count() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("b")).unwrap();
        std::fs::write(dir.path().join("a.yaml"), "a: 1\n").unwrap();
        std::fs::write(dir.path().join("b/c.yaml"), "").unwrap();
        // From zlib.adler32 over the lines of its sums.
        let files = ["b/c.yaml".to_owned(), "a.yaml".to_owned()];
        assert_eq!(checksum(dir.path(), "app", &files).unwrap(), 3_159_952_011);
        assert_eq!(checksum(dir.path(), "app", &[]).unwrap(), 1);
    }
}
