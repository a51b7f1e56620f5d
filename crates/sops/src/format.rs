//! The formats of files, and how an encrypted file of each is told from a plain one.

use std::fmt;

/// A format that SOPS reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, one or more documents.
    Yaml,
    /// JSON, an object.
    Json,
    /// Lines of `KEY=value`.
    Dotenv,
    /// Sections with keys and values.
    Ini,
    /// Anything: encrypted as a single value in JSON.
    Binary,
}

impl Format {
    /// The format that a file of this name has; [`Format::Binary`] if the name tells nothing.
    pub fn of_path(path: &str) -> Self {
        let is = |end: &str| path.ends_with(end);
        if is(".yaml") || is(".yml") {
            Self::Yaml
        } else if is(".json") || is(".dockerconfigjson") {
            Self::Json
        } else if is(".env") {
            Self::Dotenv
        } else if is(".ini") {
            Self::Ini
        } else {
            Self::Binary
        }
    }

    /// The text that every encrypted file of this format holds.
    fn marker(self) -> &'static str {
        match self {
            Self::Yaml => "mac: ENC[",
            Self::Json | Self::Binary => "\"mac\": \"ENC[",
            Self::Dotenv => "sops_mac=ENC[",
            Self::Ini => "[sops]",
        }
    }

    /// Whether the text is an encrypted file of this format.
    pub fn is_encrypted(self, text: &[u8]) -> bool {
        let marker = self.marker().as_bytes();
        text.windows(marker.len()).any(|window| window == marker)
    }

    /// The format of an encrypted file, by its content.
    pub fn detect(text: &[u8]) -> Option<Self> {
        // An encrypted binary file is JSON.
        [Self::Json, Self::Yaml, Self::Dotenv, Self::Ini].into_iter().find(|format| format.is_encrypted(text))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yaml => "YAML",
            Self::Json => "JSON",
            Self::Dotenv => "dotenv",
            Self::Ini => "INI",
            Self::Binary => "binary",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_tell_the_format() {
        for (name, format) in [
            ("a/b.yaml", Format::Yaml),
            ("b.yml", Format::Yaml),
            ("b.json", Format::Json),
            (".dockerconfigjson", Format::Json),
            (".env", Format::Dotenv),
            ("x.ini", Format::Ini),
            ("env", Format::Binary),
            ("B.YAML", Format::Binary),
        ] {
            assert_eq!(Format::of_path(name), format, "{name}");
        }
        assert_eq!(Format::detect(b"sops:\n    mac: ENC[AES256_GCM,..]"), Some(Format::Yaml));
        assert_eq!(Format::detect(b"\"mac\": \"ENC[AES256_GCM"), Some(Format::Json));
        assert_eq!(Format::detect(b"sops_mac=ENC[AES256"), Some(Format::Dotenv));
        assert_eq!(Format::detect(b"[a]\nb = c\n[sops]\nmac = ENC["), Some(Format::Ini));
        assert_eq!(Format::detect(b"plain"), None);
    }
}
