//! From an address as `git clone` takes it to a remote.

use sluice_git::{Auth, Remote};
use sluice_kustomize::remote::{RemoteError, Repository};

use crate::Ssh;

/// The remote that a repository's address means.
pub fn remote(repository: &Repository, ssh: Option<&Ssh>) -> Result<Remote, RemoteError> {
    let failed = |text: &str| RemoteError::Failed(text.to_owned());
    let address = repository.address();
    if address.starts_with("file://") {
        return Err(failed(
            "repositories on this machine's disk are not read: name the directory itself, or use https",
        ));
    }
    let url = if address.contains("://") {
        address
    } else {
        from_scp(&address).ok_or_else(|| failed("neither a URL nor user@host:path"))?
    };
    let mut remote = Remote::new(&url).map_err(|error| RemoteError::Failed(error.to_string()))?;
    if remote.url.scheme() == "ssh" {
        let ssh = ssh.ok_or_else(|| {
            failed("there is no SSH key for bases: use an https address, or make a source of the repository")
        })?;
        remote.auth = Auth::Ssh {
            identity: ssh.identity.clone(),
            password: None,
            known_hosts: ssh.known_hosts.clone(),
        };
    }
    Ok(remote)
}

/// `user@host:path` as a URL: git takes it so if no slash comes before the colon.
fn from_scp(address: &str) -> Option<String> {
    let (host, path) = address.split_once(':')?;
    let is_host = !host.is_empty() && !host.contains('/') && !host.starts_with('-');
    is_host.then(|| format!("ssh://{host}/{}", path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, String> {
        let repository = Repository::parse(text).unwrap();
        let remote = remote(&repository, Some(&Ssh::default()));
        remote.map(|remote| remote.url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_of_address() {
        for (text, want) in [
            ("github.com/o/r//d?ref=v1", "https://github.com/o/r"),
            ("git@github.com:o/r.git//d", "ssh://git@github.com/o/r.git"),
            ("ssh://me@example.com:7999/a/r//d", "ssh://me@example.com:7999/a/r"),
            ("git::https://gitlab.com/o/r", "https://gitlab.com/o/r"),
            ("http://127.0.0.1:3000/o/r.git", "http://127.0.0.1:3000/o/r.git"),
        ] {
            assert_eq!(url(text).unwrap(), want, "{text}");
        }
        assert!(url("file:///etc").unwrap_err().contains("not read"));
        assert!(url("git@gitlab.com/u:n/r.git/d").unwrap_err().contains("neither"));
    }

    #[test]
    fn ssh_needs_a_key() {
        let repository = Repository::parse("git@github.com:o/r").unwrap();
        let error = remote(&repository, None).err().unwrap().to_string();
        assert!(error.contains("no SSH key"), "{error}");
    }
}
