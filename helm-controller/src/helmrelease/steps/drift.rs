//! Objects brought back to what their release says.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::READY;
use sluice_apis::helm::reasons;
use sluice_release::Drift;
use sluice_runtime::EventType;

use super::super::release::Subject;
use super::super::{HelmReleasePass, Releaser, history, report};
use super::latest;

impl Releaser {
    pub(super) async fn correct(&self, pass: &mut HelmReleasePass, subject: &Subject, drift: Drift) {
        if !drift.has_changes() {
            return;
        }
        conditions::mark_unknown(&mut pass.object, READY, reasons::PROGRESSING, "correcting cluster drift");
        let correction = sluice_release::correct(&subject.cluster, drift).await;
        let Some(current) = latest(&mut pass.object) else { return };
        let name = history::full_name(&current);
        let corrected = correction.corrected.join("\n");
        if !correction.errors.is_empty() {
            let partly = if corrected.is_empty() { "" } else { "partially " };
            let mut message = format!(
                "Failed to {partly}correct cluster state of release {name}:\n{}",
                correction.errors.join("\n")
            );
            if !corrected.is_empty() {
                message.push_str("\n\nSuccessful corrections:\n");
                message.push_str(&corrected);
            }
            pass.event(
                EventType::Warning,
                reasons::DRIFT_CORRECTION_FAILED,
                &message,
                &report::about(&current),
            );
        } else if !corrected.is_empty() {
            let message = format!("Cluster state of release {name} has been corrected:\n{corrected}");
            pass.event(EventType::Normal, reasons::DRIFT_CORRECTED, &message, &report::about(&current));
        }
    }
}
