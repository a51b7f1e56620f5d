//! What "healthy" means for the kinds that a Kustomization explains by expressions.

use std::sync::Arc;

use sluice_apis::kustomize::v1::CustomHealthCheck;
use sluice_apply::status::expressions::{self, Error};
use sluice_apply::status::{JobReader, StatusReader};

/// The readers for these expressions, to be asked before the built-in rules. With the controller's own identity the
/// built-in rules for Jobs come before the expressions; with another one after them, as in Flux.
pub fn readers(
    checks: &[CustomHealthCheck],
    own_identity: bool,
) -> Result<Vec<Arc<dyn StatusReader>>, Error> {
    let mut readers = expressions::readers(checks)?;
    if own_identity && !readers.is_empty() {
        readers.insert(0, Arc::new(JobReader));
    }
    Ok(readers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_apply::Object;
    use sluice_apply::status::State;

    use super::*;

    #[test]
    fn jobs_are_judged_by_expressions_only_with_another_identity() {
        let jobs = CustomHealthCheck {
            api_version: "batch/v1".to_owned(),
            kind: "Job".to_owned(),
            current: "true".to_owned(),
            failed: None,
            in_progress: None,
        };
        let running = Object::new(
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "status": {}}),
        )
        .unwrap();
        for (own_identity, expected) in [(true, State::InProgress), (false, State::Current)] {
            let readers = readers(std::slice::from_ref(&jobs), own_identity).unwrap();
            let first = readers.iter().find(|reader| reader.supports("batch", "Job")).unwrap();
            let state = first.status(&running).map(|status| status.state);
            assert_eq!(state, Ok(expected), "{own_identity}");
        }
    }
}
