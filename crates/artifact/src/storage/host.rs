//! The host that artifacts are advertised at.

use std::ffi::OsString;
use std::io;

use super::StorageError;

/// The host for URLs: the one configured, or one derived from the listen address.
pub(super) fn advertised(listen: &str, configured: &str) -> Result<String, StorageError> {
    derive(listen, configured, std::env::var_os("HOSTNAME"), || {
        Ok(rustix::system::uname().nodename().to_string_lossy().into_owned())
    })
}

fn derive(
    listen: &str,
    configured: &str,
    env_hostname: Option<OsString>,
    system_hostname: impl FnOnce() -> io::Result<String>,
) -> Result<String, StorageError> {
    if !configured.is_empty() {
        return Ok(configured.to_owned());
    }
    let (host, port) = listen.rsplit_once(':').ok_or_else(|| StorageError::Address(listen.to_owned()))?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if bare == host && host.contains(':') {
        return Err(StorageError::Address(listen.to_owned()));
    }
    let host = match bare {
        "" => "localhost".to_owned(),
        "0.0.0.0" => match env_hostname.filter(|name| !name.is_empty()) {
            Some(name) => name.to_string_lossy().into_owned(),
            None => system_hostname().map_err(StorageError::Hostname)?,
        },
        other => other.to_owned(),
    };
    if host.contains(':') { Ok(format!("[{host}]:{port}")) } else { Ok(format!("{host}:{port}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(listen: &str, configured: &str, env: Option<&str>) -> Result<String, StorageError> {
        derive(listen, configured, env.map(Into::into), || Ok("machine".to_owned()))
    }

    #[test]
    fn the_configured_host_wins_verbatim() {
        assert_eq!(
            of(":9090", "source-controller.flux-system.svc.cluster.local.", None).unwrap(),
            "source-controller.flux-system.svc.cluster.local."
        );
    }

    #[test]
    fn otherwise_the_listen_address_decides() {
        assert_eq!(of(":9090", "", None).unwrap(), "localhost:9090");
        assert_eq!(of("127.0.0.1:1", "", None).unwrap(), "127.0.0.1:1");
        assert_eq!(of("0.0.0.0:80", "", Some("pod-7")).unwrap(), "pod-7:80");
        assert_eq!(of("0.0.0.0:80", "", Some("")).unwrap(), "machine:80");
        assert_eq!(of("[::1]:80", "", None).unwrap(), "[::1]:80");
    }

    #[test]
    fn an_address_without_port_is_refused() {
        assert!(matches!(of("9090", "", None), Err(StorageError::Address(_))));
        assert!(matches!(of("::1", "", None), Err(StorageError::Address(_))));
    }
}
