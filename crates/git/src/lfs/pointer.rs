//! The small texts that stand in Git for large files: <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>.

use std::fmt;

/// The most bytes that a pointer has.
pub(super) const MAX_POINTER: u64 = 1024;

/// What the first line of a pointer says, in the form of today and that of before the first release.
const VERSIONS: &[&str] = &["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1"];

/// The digits of a SHA-256 in hexadecimal.
const DIGITS: usize = 64;

/// Which content a pointer stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pointer {
    /// The SHA-256 of the content in lower-case hexadecimal: fit for a file name.
    oid: String,
    /// The content's size in bytes.
    pub(super) size: u64,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A pointer.
    Pointer(Pointer),
    /// A pointer to content that a program has to transform.
    Extended,
    /// A file like any other.
    Other,
}

impl Pointer {
    /// The SHA-256 of the content in hexadecimal.
    pub(super) fn oid(&self) -> &str {
        &self.oid
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.oid)
    }
}

/// Reads a file of at most [`MAX_POINTER`] bytes.
pub(super) fn parse(text: &[u8]) -> Parsed {
    read(text).unwrap_or(Parsed::Other)
}

fn read(text: &[u8]) -> Option<Parsed> {
    let text = std::str::from_utf8(text).ok()?;
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').map(|line| line.split_once(' '));
    let (key, version) = lines.next()??;
    if key != "version" || !VERSIONS.contains(&version) {
        return None;
    }
    let (mut oid, mut size, mut extended) = (None, None, false);
    for line in lines {
        match line? {
            ("oid", value) => oid = Some(hash(value)?),
            ("size", value) => size = Some(value.parse().ok()?),
            (key, _) if key.starts_with("ext-") => extended = true,
            _ => return None,
        }
    }
    let pointer = Pointer { oid: oid?, size: size? };
    Some(if extended { Parsed::Extended } else { Parsed::Pointer(pointer) })
}

fn hash(value: &str) -> Option<String> {
    let digits = value.strip_prefix("sha256:")?;
    let valid = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == DIGITS && digits.bytes().all(valid)).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    #[test]
    fn pointers_are_told_from_other_files() {
        // The example of the specification.
        let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n");
        let pointer = Pointer { oid: OID.to_owned(), size: 12345 };
        assert_eq!(parse(text.as_bytes()), Parsed::Pointer(pointer));
        for other in [
            "",
            "version 1\n",
            "a: 1\n",
            &format!("version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\n"),
            "version https://git-lfs.github.com/spec/v1\noid sha256:../../etc/passwd\nsize 1\n",
            &text.replace("size 12345", "size -1"),
            &text.replace("sha256", "md5"),
            &text.replace("\nsize", "\nmore\nsize"),
        ] {
            assert_eq!(parse(other.as_bytes()), Parsed::Other, "{other}");
        }
        let extended = text.replace("oid", &format!("ext-0-crypt sha256:{OID}\noid"));
        assert_eq!(parse(extended.as_bytes()), Parsed::Extended);
        assert_eq!(parse(b"\xff\xfe"), Parsed::Other);
    }
}
