//! What the status of an `ImagePolicy` says.

use std::fmt::Write as _;

use sluice_apis::image::v1::{ImagePolicy, ImageRef};

/// Remembers the selected image, and the one before it.
pub(super) fn record(policy: &mut ImagePolicy, latest: ImageRef) {
    let status = policy.status.get_or_insert_default();
    if status.latest_ref.as_ref() != Some(&latest) {
        status.observed_previous_ref = status.latest_ref.replace(latest);
    }
}

/// The message of Ready.
pub(super) fn ready_message(policy: &ImagePolicy) -> String {
    let status = policy.status.as_ref();
    let Some(latest) = status.and_then(|status| status.latest_ref.as_ref()) else { return String::new() };
    let mut message = format!("Latest image tag for {} resolved to {}", latest.name, latest.tag);
    if let Some(digest) = &latest.digest {
        let _ = write!(message, " with digest {digest}");
    }
    let previous = status.and_then(|status| status.observed_previous_ref.as_ref());
    if let Some(previous) = previous.filter(|previous| *previous != latest) {
        let _ = write!(message, " (previously {}:{}", previous.name, previous.tag);
        if let Some(digest) = &previous.digest {
            let _ = write!(message, "@{digest}");
        }
        message.push(')');
    }
    message
}

#[cfg(test)]
mod tests {
    use sluice_apis::image::v1::ImagePolicySpec;

    use super::*;

    #[test]
    fn the_one_before_is_remembered_when_something_changes() {
        let mut policy = ImagePolicy::new("app", ImagePolicySpec::default());
        let image = |tag: &str, digest: Option<&str>| ImageRef {
            name: "ghcr.io/org/app".to_owned(),
            tag: tag.to_owned(),
            digest: digest.map(str::to_owned),
        };
        record(&mut policy, image("1.0.0", None));
        assert_eq!(ready_message(&policy), "Latest image tag for ghcr.io/org/app resolved to 1.0.0");
        record(&mut policy, image("1.0.0", Some("sha256:a")));
        record(&mut policy, image("1.0.0", Some("sha256:a")));
        record(&mut policy, image("1.1.0", Some("sha256:b")));
        assert_eq!(
            ready_message(&policy),
            "Latest image tag for ghcr.io/org/app resolved to 1.1.0 with digest sha256:b (previously ghcr.io/org/app:1.0.0@sha256:a)"
        );
    }
}
