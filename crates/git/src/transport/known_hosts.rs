//! Whether a host key is the one that `known_hosts` promises (sshd(8), the section on its format).

use ring::hmac;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, PublicKey};

/// The entries of a `known_hosts` file.
#[derive(Debug)]
pub struct KnownHosts(Vec<Entry>);

/// What the entries say about a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is listed for the host.
    Trusted,
    /// The host has other keys.
    Mismatch,
    /// The host is not listed.
    Unknown,
    /// It is marked as revoked.
    Revoked,
}

impl KnownHosts {
    /// Reads the lines. Keys of types that we cannot use are left out; a malformed line is an error.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "known_hosts is not UTF-8".to_owned())?;
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            let fields = if words[0].starts_with('@') { 4 } else { 3 };
            let illegible =
                || format!("known_hosts line {}: expected '[@marker] hosts key-type key'", index + 1);
            let line = words.get(..fields).ok_or_else(illegible)?.join(" ");
            match line.parse::<Entry>() {
                Ok(entry) => entries.push(entry),
                Err(_) if !is_usable(words[fields - 2]) => {}
                Err(_) => return Err(illegible()),
            }
        }
        Ok(Self(entries))
    }

    /// Judges the key that `host`, at `port`, presented.
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let same = |entry: &&Entry| entry.public_key().key_data() == key.key_data();
        if self.0.iter().filter(same).any(|entry| entry.marker() == Some(&Marker::Revoked)) {
            return Verdict::Revoked;
        }
        let mut listed = self.entries(host, port).peekable();
        if listed.peek().is_none() {
            Verdict::Unknown
        } else if listed.any(|entry| same(&entry)) {
            Verdict::Trusted
        } else {
            Verdict::Mismatch
        }
    }

    /// The key types listed for a host, so that the handshake asks for a key that can be checked.
    pub fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        self.entries(host, port).map(|entry| entry.public_key().algorithm()).collect()
    }

    fn entries(&self, host: &str, port: u16) -> impl Iterator<Item = &Entry> {
        let name = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        self.0.iter().filter(move |entry| entry.marker().is_none() && matches(entry.host_patterns(), &name))
    }
}

fn is_usable(key_type: &str) -> bool {
    matches!(
        key_type,
        "ssh-ed25519" | "ssh-rsa" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521"
    )
}

/// A host matches when one pattern does and no negated one.
fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&key, name.as_bytes(), hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let matching = |pattern: &str| {
                glob(normalize(pattern).to_ascii_lowercase().as_bytes(), name.to_ascii_lowercase().as_bytes())
            };
            let negated = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(matching);
            !negated
                && patterns
                    .iter()
                    .filter(|pattern| !pattern.starts_with('!'))
                    .any(|pattern| matching(pattern))
        }
    }
}

/// `[host]:22` is written `host`.
fn normalize(pattern: &str) -> &str {
    pattern.strip_prefix('[').and_then(|rest| rest.strip_suffix("]:22")).unwrap_or(pattern)
}

/// `*` stands for any characters, `?` for one. Linear in memory, quadratic at worst in time.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn check(hosts: &str, host: &str, port: u16) -> Verdict {
        let key: PublicKey = KEY.parse().unwrap();
        KnownHosts::parse(hosts.as_bytes()).unwrap().check(host, port, &key)
    }

    #[test]
    fn matches_names_ports_and_patterns() {
        assert_eq!(check(&format!("# c\n\ngit.example {KEY} comment"), "git.example", 22), Verdict::Trusted);
        assert_eq!(check(&format!("git.example {KEY}"), "git.example", 2222), Verdict::Unknown);
        assert_eq!(check(&format!("[git.example]:2222 {KEY}"), "git.example", 2222), Verdict::Trusted);
        assert_eq!(check(&format!("[git.example]:22 {KEY}"), "git.example", 22), Verdict::Trusted);
        assert_eq!(check(&format!("a,*.example,!evil.example\t{KEY}"), "git.example", 22), Verdict::Trusted);
        assert_eq!(check(&format!("*.example,!evil.example {KEY}"), "evil.example", 22), Verdict::Unknown);
        assert_eq!(check(&format!("Git.Example {KEY}"), "git.example", 22), Verdict::Trusted);
    }

    #[test]
    fn tells_mismatch_from_unknown_and_revoked() {
        assert_eq!(check(&format!("git.example {OTHER}"), "git.example", 22), Verdict::Mismatch);
        assert_eq!(check("", "git.example", 22), Verdict::Unknown);
        assert_eq!(
            check(&format!("git.example {KEY}\n@revoked * {KEY}"), "git.example", 22),
            Verdict::Revoked
        );
        assert_eq!(check(&format!("@cert-authority *.example {KEY}"), "git.example", 22), Verdict::Unknown);
    }

    #[test]
    fn refuses_malformed_lines_but_not_foreign_key_types() {
        assert!(KnownHosts::parse(b"git.example ssh-ed25519").is_err());
        assert!(KnownHosts::parse(b"git.example ssh-ed25519 !!!").is_err());
        assert!(KnownHosts::parse(b"\xff").is_err());
        assert!(KnownHosts::parse(b"git.example ssh-dss AAAAB3NzaC1kc3MAAACBAA==").is_ok());
    }
}
