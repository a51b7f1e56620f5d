//! Who made a chart: the `.prov` file beside an archive, a clear-signed OpenPGP message with the archive's digest.

use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sluice_verify::KeyRing;
use sluice_yaml::Version;

use crate::error::Error;
use crate::fetch::Chart;

/// Why the signature of a chart was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// There is none.
    #[error("{0} has no provenance file: it was not signed when it was packaged")]
    Missing(String),
    /// It is no text of that form.
    #[error("failed to read the provenance of {0}: {1}")]
    Malformed(String, String),
    /// The signature is not one that counts.
    #[error("failed to verify the provenance of {0}: {1}")]
    Signature(String, String),
    /// It is about another file.
    #[error("provenance does not contain a SHA for a file named {0:?}")]
    OtherFile(String),
    /// It is about another content.
    #[error("sha256 sum does not match for {file}: {expected:?} != {found:?}")]
    Digest {
        /// The archive.
        file: String,
        /// What was signed.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// Checks an archive against its provenance. Returns the id of the key that signed.
pub fn verify(
    archive: &[u8],
    file: &str,
    provenance: &[u8],
    keys: &KeyRing,
) -> Result<String, ProvenanceError> {
    let malformed = |why: String| ProvenanceError::Malformed(file.to_owned(), why);
    let text = std::str::from_utf8(provenance).map_err(|error| malformed(error.to_string()))?;
    let (signed, key) = sluice_verify::verify_clear(text, keys)
        .map_err(|error| ProvenanceError::Signature(file.to_owned(), error.to_string()))?;
    let sums = signed
        .split_once("\n...\n")
        .map(|(_, sums)| sums)
        .ok_or_else(|| malformed("message block must have at least two parts".to_owned()))?;
    let sums = sluice_yaml::parse_first(sums)
        .and_then(|node| node.map_or(Ok(Json::Null), |node| node.to_json(Version::V2)))
        .map_err(|error| malformed(error.to_string()))?;
    let Some(expected) = sums["files"][file].as_str() else {
        return Err(ProvenanceError::OtherFile(file.to_owned()));
    };
    let found = format!("sha256:{}", hex::encode(Sha256::digest(archive)));
    if found == expected {
        Ok(key)
    } else {
        Err(ProvenanceError::Digest { file: file.to_owned(), expected: expected.to_owned(), found })
    }
}

/// Checks a chart that was fetched.
pub fn check(chart: &Chart, keys: &KeyRing) -> Result<String, Error> {
    let Some(provenance) = &chart.provenance else {
        return Err(ProvenanceError::Missing(chart.file.clone()).into());
    };
    Ok(verify(&chart.archive, &chart.file, provenance, keys)?)
}

/// Checks an archive on the disk, whose provenance lies beside it.
pub fn check_file(path: &Path, keys: &KeyRing) -> Result<String, Error> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if path.is_dir() {
        return Err(ProvenanceError::Malformed(file, "unpacked charts cannot be verified".to_owned()).into());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".prov");
    let beside = Path::new(&beside);
    let provenance = match std::fs::read(beside) {
        Ok(provenance) => provenance,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ProvenanceError::Missing(file).into());
        }
        Err(error) => return Err(Error::io(beside, error)),
    };
    let archive = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    Ok(verify(&archive, &file, &provenance, keys)?)
}
