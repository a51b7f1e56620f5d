//! What an interrupted action left behind.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::RELEASED;
use sluice_apis::helm::reasons;
use sluice_release::record::{Info, Release, status as release_status};
use sluice_release::storage::{Storage, StorageError};
use sluice_runtime::EventType;

use super::super::recover::UNLOCKED;
use super::super::release::Subject;
use super::super::{HelmReleasePass, Releaser, history, observe, report, spec, status};

impl Releaser {
    pub(super) async fn unlock(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
    ) -> Result<(), String> {
        let algorithm = self.options.algorithm;
        let name = spec::short_release_name(&pass.object);
        let (mut release, is_own) = match storage.last_and_writer(&name).await {
            // Whatever took it away: the next state tells.
            Err(StorageError::NotFound) => return Ok(()),
            result => result.map_err(|error| error.to_string())?,
        };
        if !release.is_pending() {
            return Ok(());
        }
        let locked = release.info.status.clone();
        release.set_status(release_status::FAILED, format!("{UNLOCKED} '{locked}' state"));
        let result = storage.update(&release).await;
        if result.is_ok() && is_own {
            let was =
                Release { info: Info { status: locked.clone(), ..release.info.clone() }, ..release.clone() };
            self.recover_pending(&mut pass.object, storage, &was, subject.is_resumed).await;
        }
        observe::unlock(&mut pass.object, &storage.take_observed(), algorithm);
        let oci = status::status_mut(&mut pass.object)
            .history
            .iter()
            .find(|known| history::is_of(known, &release.name, &release.namespace, release.version))
            .and_then(|known| known.oci_digest.clone());
        let described = format!(
            "Helm release {}/{}.v{} with chart {}@{} in {locked} state",
            release.namespace,
            release.name,
            release.version,
            release.chart.name(),
            release.chart.version()
        );
        let digest = sluice_release::digest::of_values(algorithm, &release.config).to_string();
        let about = report::metadata(
            release.chart.version(),
            &digest,
            Some(release.chart.app_version()),
            oci.as_deref(),
        );
        let outcome = match result {
            Ok(()) => {
                let message = format!("Unlocked {described}");
                conditions::mark_false(&mut pass.object, RELEASED, reasons::PENDING_RELEASE, message.clone());
                pass.event(EventType::Normal, reasons::PENDING_RELEASE, &message, &about);
                Ok(())
            }
            Err(error) => {
                let message = format!("Unlock of {described} failed: {error}");
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, RELEASED, reasons::PENDING_RELEASE, message.clone());
                pass.event(EventType::Warning, reasons::PENDING_RELEASE, &message, &about);
                Err(error.to_string())
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }
}
