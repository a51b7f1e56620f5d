//! Phase: the registry is asked for all tags.

use sluice_apis::image::v1::{ImageRepository, ScanResult};
use sluice_apis::meta::now;
use sluice_image::tags;
use sluice_oci::{Client, Repository};
use sluice_runtime::Pass;
use tokio::time::timeout;

use super::super::access;
use super::super::store::{Identity, Written};
use super::{RepositoryReconciler, blocking};
use crate::failure::{Failure, reasons};

/// Most tags of one image.
const MAX_TAGS: usize = 1_000_000;
/// Longest tag in bytes, by the distribution specification.
const MAX_TAG: usize = 128;

impl RepositoryReconciler {
    /// Lists the tags, keeps them, and records the result. Whether there were any before.
    pub(super) async fn scan(
        &self,
        pass: &mut Pass<ImageRepository>,
        repository: Repository,
    ) -> Result<bool, Failure> {
        // The time counts for credentials and tags together, from when it is this one's turn.
        let (bound, image) = (access::timeout(&pass.object), repository.to_string());
        let work = async || {
            let client = self.shared.client(pass.client(), &pass.object, repository.clone()).await?;
            list(client).await.map_err(failed)
        };
        let found = self.shared.lanes.ask(pass, &repository, async || timeout(bound, work()).await).await?;
        let found = found.unwrap_or_else(|_| {
            Err(failed(format!("context deadline exceeded: not done within {}s", bound.as_secs_f64())))
        })?;
        let (store, object, exclusions) =
            (self.shared.tags.clone(), pass.key().clone(), pass.object.spec.exclusions().into_owned());
        let keep = move || {
            if let Some(error) = exclusions.iter().find_map(check) {
                return Ok(Err(error));
            }
            let kept = match tags::keep(found, &exclusions) {
                Ok(kept) => kept,
                Err(error) => return Ok(Err(error.to_string())),
            };
            let of = Identity { object: &object, image: &image };
            let Written { revision, had_tags } = store.write(of, &kept, jiff::Timestamp::now())?;
            let result = ScanResult {
                revision: Some(revision),
                tag_count: kept.len() as i64,
                scan_time: Some(now()),
                latest_tags: tags::latest(&kept),
            };
            Ok(Ok((result, had_tags)))
        };
        let result = blocking(keep).await;
        let result = result.map_err(|error| {
            failed(format!("failed to set tags for {:?}: {error}", repository.to_string()))
        })?;
        let (result, had_tags) = result.map_err(failed)?;
        pass.object.status.get_or_insert_default().last_scan_result = Some(result);
        Ok(had_tags)
    }
}

/// What is wrong with a pattern.
fn check(pattern: &String) -> Option<String> {
    let error = tags::keep(Vec::new(), std::slice::from_ref(pattern)).err()?;
    Some(format!("failed to compile regex {pattern}: {error}"))
}

async fn list(client: Client) -> Result<Vec<String>, String> {
    let mut pages = client.tags();
    let mut all = Vec::new();
    let mut ignored = 0_usize;
    while let Some(page) = pages.next().await.map_err(|error| error.to_string())? {
        for tag in page {
            if is_tag(&tag) {
                all.push(tag);
            } else {
                ignored += 1;
            }
        }
        if all.len() + ignored > MAX_TAGS {
            return Err(format!(
                "the registry lists more than {MAX_TAGS} tags: remove some of them, or use a repository with fewer"
            ));
        }
    }
    if ignored > 0 {
        tracing::warn!(ignored, "the registry lists tags that none may have; they are ignored");
    }
    all.shrink_to_fit();
    Ok(all)
}

/// Whether a text is a tag by the distribution specification.
fn is_tag(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    !text.is_empty() && text.len() <= MAX_TAG && text.bytes().all(allowed) && !text.starts_with(['.', '-'])
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failed(error: String) -> Failure {
    Failure::retry(reasons::READ_OPERATION_FAILED, format!("scan failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_are_taken() {
        for tag in ["1.0.0", "_x", "latest", &"a".repeat(128)] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in ["", ".x", "-x", "a b", "a\nb", "é", &"a".repeat(129)] {
            assert!(!is_tag(tag), "{tag}");
        }
    }

    #[test]
    fn a_bad_pattern_is_named() {
        assert_eq!(check(&"^a".to_owned()), None);
        let error = check(&"(".to_owned()).unwrap();
        assert!(error.starts_with("failed to compile regex (: error parsing regexp: "), "{error}");
    }
}
