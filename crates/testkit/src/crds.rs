//! Installing the project's CRDs.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{ControlPlane, binary::project_root};

/// How long an established CRD may take until its objects can be listed.
const SERVED: Duration = Duration::from_secs(20);

/// Applies every file of `config/crd`, and returns when all their kinds are served.
pub(crate) async fn install(control_plane: &ControlPlane) -> Result<()> {
    let (mut files, mut kinds) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(project_root().join("config/crd"))? {
        let path = entry?.path();
        // Files are called GROUP_PLURAL.yaml; the kustomization beside them is not.
        if let Some((group, plural)) = stem(&path).and_then(|stem| stem.split_once('_')) {
            kinds.push(format!("{plural}.{group}"));
            files.push(format!("--filename={}", path.to_str().context("the clone's path is not UTF-8")?));
        }
    }
    let files = files.iter().map(String::as_str);
    let apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=test"];
    control_plane.kubectl(&apply.into_iter().chain(files.clone()).collect::<Vec<_>>()).await?;
    let wait = ["wait", "--for=condition=Established", "--timeout=60s"];
    control_plane.kubectl(&wait.into_iter().chain(files).collect::<Vec<_>>()).await?;

    // Established is not served: for a moment the answer may be "storage is (re)initializing".
    let kinds = kinds.join(",");
    let began = Instant::now();
    loop {
        match control_plane.kubectl(&["get", "--all-namespaces", &kinds]).await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > SERVED => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}
