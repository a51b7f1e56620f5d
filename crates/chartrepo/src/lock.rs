//! `Chart.lock`.

use serde::Serialize;
use sha2::{Digest, Sha256};
use sluice_chart::{Dependency, Lock};

/// A lock over what `Chart.yaml` asks for and what was chosen.
pub(crate) fn make(wanted: &[Dependency], chosen: Vec<Dependency>, now: jiff::Timestamp) -> Lock {
    Lock { generated: now.to_string(), digest: digest(wanted, &chosen), dependencies: chosen }
}

/// The digest over both, as Helm computes it: over Go's JSON of the two lists.
fn digest(wanted: &[Dependency], chosen: &[Dependency]) -> String {
    let json = serde_json::to_string(&(wanted, chosen)).unwrap_or_default();
    // Go writes these as escapes.
    let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    format!("sha256:{}", hex::encode(Sha256::digest(json)))
}

/// The text of the file.
pub(crate) fn text(lock: &Lock) -> String {
    #[derive(Serialize)]
    struct File<'a> {
        dependencies: &'a [Dependency],
        digest: &'a str,
        generated: &'a str,
    }
    let file = File { dependencies: &lock.dependencies, digest: &lock.digest, generated: &lock.generated };
    sluice_yaml::to_yaml(&serde_json::to_value(file).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, version: &str, repository: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            version: version.to_owned(),
            repository: repository.to_owned(),
            ..Dependency::default()
        }
    }

    /// Recorded from `helm template --dependency-update`.
    #[test]
    fn the_file_is_the_one_that_helm_writes() {
        let (http, local) = ("http://127.0.0.1:18999", "file://../local");
        let mut wanted = vec![dependency("db", ">=1.2.0 <1.3.0", http), dependency("local", "~0", local)];
        wanted[0].alias = "store".to_owned();
        wanted[0].tags = vec!["a".to_owned(), "b".to_owned()];
        wanted[1].condition = "other.enabled".to_owned();
        wanted[1].alias = "other".to_owned();
        let chosen = vec![dependency("db", "1.2.3", http), dependency("local", "0.3.0", local)];
        let lock = make(&wanted, chosen, "2026-11-28T19:31:27.321348637Z".parse().unwrap());
        assert_eq!(
            text(&lock),
            "dependencies:\n- name: db\n  repository: http://127.0.0.1:18999\n  version: 1.2.3\n- name: local\n  repository: file://../local\n  version: 0.3.0\ndigest: sha256:e2c0c106490390deec28bc8b0833df78b3cae43e0e09aa4de41cf20988f45a19\ngenerated: \"2026-11-28T19:31:27.321348637Z\"\n"
        );
    }
}
