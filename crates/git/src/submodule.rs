//! The submodules of a commit: where they are, and how to reach them.

use std::collections::BTreeMap;

use url::Url;

use crate::{Auth, Commit, Error, Kind, Remote, Walk};

/// The most of a `.gitmodules` file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A submodule that a commit pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submodule {
    /// Where it belongs in the tree.
    pub path: String,
    /// Its URL as `.gitmodules` has it, possibly relative.
    pub url: String,
    /// The commit that is pinned.
    pub sha: String,
}

impl Commit {
    /// The submodules that both the tree and `.gitmodules` name, by path. Blocks.
    pub fn submodules(&self) -> Result<Vec<Submodule>, Error> {
        let file = self.lookup(b".gitmodules", |entry| match entry.kind {
            Kind::File | Kind::Executable => entry.read(MAX_FILE),
            _ => Ok(Vec::new()),
        })?;
        let urls = parse(&String::from_utf8_lossy(&file.unwrap_or_default()));
        let mut found = Vec::new();
        if urls.is_empty() {
            return Ok(found);
        }
        self.walk(|entry| {
            if entry.kind == Kind::Submodule {
                let path = String::from_utf8_lossy(entry.path).into_owned();
                if let Some(url) = urls.get(&path) {
                    found.push(Submodule { url: url.clone(), sha: entry.id.to_string(), path });
                }
            }
            Ok::<_, Error>(Walk::Continue)
        })?;
        Ok(found)
    }
}

impl Submodule {
    /// How to reach the submodule of a repository that came from `parent`.
    ///
    /// HTTP credentials and client certificates go along only to the same scheme, host and port: a
    /// repository must not be able to send them elsewhere. An SSH key may go to any host that
    /// `known_hosts` lists, as it never leaves us.
    pub fn remote(&self, parent: &Remote) -> Result<Remote, Error> {
        let url = resolve(&parent.url, &self.url)?;
        let mut remote = Remote { url: Remote::new(url.as_str())?.url, ..parent.clone() };
        let same_server = |a: &Url, b: &Url| {
            a.scheme() == b.scheme()
                && a.host() == b.host()
                && a.port_or_known_default() == b.port_or_known_default()
        };
        let both_ssh = url.scheme() == "ssh" && parent.url.scheme() == "ssh";
        if !both_ssh && !same_server(&url, &parent.url) {
            remote.auth = Auth::None;
            remote.tls.client = None;
        }
        Ok(remote)
    }
}

/// Resolves `./` and `../` against the parent, and understands `user@host:path`.
fn resolve(parent: &Url, text: &str) -> Result<Url, Error> {
    let invalid = || Error::InvalidConfig(format!("invalid submodule url '{}'", sluice_http::redact(text)));
    if !text.starts_with("./") && !text.starts_with("../") {
        if !text.contains("://")
            && let Some((host, path)) = text.split_once(':')
            && !host.contains('/')
            // `transport::address` would run a helper of that name in git.
            && !path.starts_with(':')
        {
            return Url::parse(&format!("ssh://{host}/{}", path.trim_start_matches('/')))
                .map_err(|_| invalid());
        }
        return Url::parse(text).map_err(|_| invalid());
    }
    let mut url = parent.clone();
    let mut parts: Vec<&str> = parent.path().trim_matches('/').split('/').collect();
    let mut rest = text;
    loop {
        if let Some(next) = rest.strip_prefix("./") {
            rest = next;
        } else if let Some(next) = rest.strip_prefix("../") {
            parts.pop().ok_or_else(invalid)?;
            rest = next;
        } else {
            break;
        }
    }
    parts.extend(rest.split('/').filter(|part| !part.is_empty()));
    url.set_path(&format!("/{}", parts.join("/")));
    Ok(url)
}

/// URLs by path, from a file in the syntax of git-config(1).
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut modules: Vec<(Option<String>, Option<String>)> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.starts_with("[submodule ");
            if inside {
                modules.push((None, None));
            }
        } else if let (true, Some((key, value)), Some(module)) =
            (inside, line.split_once('='), modules.last_mut())
        {
            let value = unquote(value.trim());
            match key.trim().to_ascii_lowercase().as_str() {
                "path" => module.0 = Some(value.trim_end_matches('/').to_owned()),
                "url" => module.1 = Some(value),
                _ => {}
            }
        }
    }
    modules.into_iter().filter_map(|(path, url)| path.zip(url)).collect()
}

/// Undoes quotes and escapes, and drops a comment after the value.
pub(crate) fn unquote(value: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' => text.extend(characters.next()),
            '#' | ';' if !quoted => break,
            _ => text.push(character),
        }
    }
    if quoted { text } else { text.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_gitmodules() {
        let text = "# c\n[submodule \"a\"]\n\tpath = libs/a\n\turl = ../a.git ; note\n[core]\n path = x\n url = y\n\
                    [submodule \"b\"]\n  URL = \"https://h/b;c.git\"\n  path = \"b b\"\n[submodule \"half\"]\n path = half\n";
        let expected = [("b b", "https://h/b;c.git"), ("libs/a", "../a.git")];
        assert_eq!(parse(text), expected.map(|(path, url)| (path.to_owned(), url.to_owned())).into());
    }

    #[test]
    fn resolves_urls() {
        let from =
            |parent: &str, url: &str| resolve(&Url::parse(parent).unwrap(), url).map(|url| url.to_string());
        assert_eq!(from("https://h/org/app.git", "../lib.git").unwrap(), "https://h/org/lib.git");
        assert_eq!(from("https://h/org/app.git", "../../x/./lib").unwrap(), "https://h/x/lib");
        assert_eq!(from("ssh://git@h:22/org/app", "./sub").unwrap(), "ssh://git@h:22/org/app/sub");
        assert_eq!(
            from("https://h/a", "git@g.example:org/lib.git").unwrap(),
            "ssh://git@g.example/org/lib.git"
        );
        assert_eq!(from("https://h/a", "https://g/b").unwrap(), "https://g/b");
        assert!(from("https://h/a", "../../../b").is_err());
    }

    #[test]
    fn credentials_stay_with_their_server() {
        let mut parent = Remote::new("https://h/org/app.git").unwrap();
        parent.auth = Auth::Bearer("t".into());
        let remote =
            |url: &str| Submodule { path: "x".into(), url: url.into(), sha: String::new() }.remote(&parent);
        assert!(matches!(remote("../lib.git").unwrap().auth, Auth::Bearer(_)));
        assert!(matches!(remote("https://h:443/lib.git").unwrap().auth, Auth::Bearer(_)));
        for elsewhere in
            ["https://evil/lib.git", "http://h/lib.git", "https://h:444/lib.git", "ssh://git@h/lib"]
        {
            assert!(matches!(remote(elsewhere).unwrap().auth, Auth::None), "{elsewhere}");
        }
        for unsupported in ["file:///etc", "ext::sh -c id", "/srv/x", "-oProxyCommand=x"] {
            assert!(remote(unsupported).is_err(), "{unsupported}");
        }
    }
}
