//! The user's list of repositories: what `helm repo add` writes.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sluice_http::{ClientCertificate, Tls};
use sluice_yaml::Version;

use crate::address;
use crate::download::Basic;
use crate::error::Error;

/// The largest list, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// One repository.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Who the user is there.
    pub credentials: Option<Basic>,
    /// Whether the credentials go to other hosts too.
    pub pass_credentials: bool,
    /// Trust and client identity.
    pub tls: Tls,
}

/// The user's repositories.
#[derive(Clone, Debug, Default)]
pub struct Repositories {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Repositories {
    /// Reads the list; a file that is not there is an empty one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let invalid = |message: String| Error::Repositories { path: path.to_owned(), message };
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), entries: Vec::new() });
            }
            Err(error) => return Err(Error::io(path, error)),
        };
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map_err(|error| Error::io(path, error))?;
        let node = sluice_yaml::parse_first(&text).map_err(|error| invalid(error.to_string()))?;
        let json = node.map_or(Ok(Json::Null), |node| node.to_json(Version::V2));
        let json = json.map_err(|error| invalid(error.to_string()))?;
        let entries = json["repositories"].as_array().into_iter().flatten();
        let entries = entries.map(entry).collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// The repository of that name.
    pub fn named(&self, name: &str) -> Result<&Entry, Error> {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| Error::UnknownRepository(name.to_owned(), self.path.clone()))
    }

    /// The repository at that address, if the user knows it.
    pub fn at(&self, url: &str) -> Option<&Entry> {
        let url = address::normalize(url).ok()?;
        self.entries.iter().find(|entry| address::normalize(&entry.url).is_ok_and(|known| known == url))
    }
}

fn entry(json: &Json) -> Result<Entry, Error> {
    let text = |field: &str| json[field].as_str().unwrap_or_default();
    let file = |field: &str| match text(field) {
        "" => Ok(None),
        path => fs::read(path).map(Some).map_err(|error| Error::io(Path::new(path), error)),
    };
    let client = match (file("certFile")?, file("keyFile")?) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        _ => None,
    };
    let credentials = (!text("username").is_empty())
        .then(|| Basic { user: text("username").to_owned(), password: text("password").to_owned() });
    Ok(Entry {
        name: text("name").to_owned(),
        url: text("url").to_owned(),
        credentials,
        pass_credentials: json["pass_credentials_all"] == true,
        tls: Tls { ca: file("caFile")?, client, accept_any: json["insecure_skip_tls_verify"] == true },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_helm_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repositories.yaml");
        assert!(matches!(Repositories::read(&path).unwrap().named("a"), Err(Error::UnknownRepository(..))));
        let text = "apiVersion: \"\"\ngenerated: \"0001-01-01T00:00:00Z\"\nrepositories:\n- caFile: \"\"\n  certFile: \"\"\n  insecure_skip_tls_verify: false\n  keyFile: \"\"\n  name: a\n  pass_credentials_all: false\n  password: secret\n  url: https://charts.example.com/a\n  username: me\n";
        fs::write(&path, text).unwrap();
        let list = Repositories::read(&path).unwrap();
        assert_eq!(list.named("a").unwrap().url, "https://charts.example.com/a");
        assert!(list.at("https://charts.example.com/a/").is_some_and(|entry| entry.credentials.is_some()));
        assert!(list.at("https://charts.example.com/").is_none());
    }
}
