//! Against Azurite, Microsoft's own emulator, which checks signatures.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use sluice_bucket::{Access, Azure, AzureAuth, Bucket};
use sluice_testkit::project_root;

use crate::{download, keys, list};

/// The key of the account that every Azurite has.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running Azurite.
struct Azurite {
    child: Child,
    url: String,
    /// Kept open: it dies of a closed pipe.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Azurite {
    fn start() -> Self {
        let installed = Command::new(project_root().join("scripts/install-azurite"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(installed.status.success(), "scripts/install-azurite failed");
        let main = String::from_utf8(installed.stdout).unwrap();
        let mut child = Command::new("node")
            .arg(main.trim())
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                "0",
                "--inMemoryPersistence",
                "--disableTelemetry",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once("successfully listens on ")
                .map(|(_, url)| format!("{}/devstoreaccount1", url.trim()))
        });
        Self { child, url: found.expect("Azurite did not start"), _stdout: lines }
    }

    /// Fills a container; gives a shared access signature.
    fn seed(&self, container: &str, blobs: &[&str]) -> String {
        let seeded = Command::new("node")
            .arg(project_root().join("e2e/azurite/seed.mjs"))
            .args([self.url.as_str(), container])
            .args(blobs)
            .output()
            .unwrap();
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        String::from_utf8(seeded.stdout).unwrap().trim().to_owned()
    }

    fn open(&self, container: &str, auth: AzureAuth) -> Bucket {
        Bucket::Azure(Azure::new(&self.url, container, auth, &Access::default()).unwrap())
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn blobs_are_listed_and_read() {
    let azurite = Azurite::start();
    let sas = azurite.seed("apps", &["a.yaml=a: 1", "deep/er/ü b.yaml=b: 1", "deeper=x"]);
    let key = || AzureAuth::SharedKey(KEY.to_owned());
    for auth in [key(), AzureAuth::Sas(format!("?{sas}"))] {
        let bucket = azurite.open("apps", auth);
        assert!(bucket.exists().await.unwrap());
        let all = list(&bucket, "").await;
        assert_eq!(keys(&all), ["a.yaml", "deep/er/ü b.yaml", "deeper"]);
        assert_eq!(keys(&list(&bucket, "deep/").await), ["deep/er/ü b.yaml"]);
        for object in &all {
            let (etag, _) = download(&bucket, &object.key).await.unwrap();
            assert_eq!(etag, object.etag, "the listing tells what the header will");
        }
        assert_eq!(download(&bucket, "deep/er/ü b.yaml").await.unwrap().1, "b: 1");
        assert_eq!(download(&bucket, "none").await, None);
    }
    assert!(!azurite.open("none", key()).exists().await.unwrap());
    let wrong = AzureAuth::SharedKey("aHVudGVyMg==".to_owned());
    let error = azurite.open("apps", wrong).exists().await.unwrap_err();
    assert_eq!(error.status(), Some(403), "{error}");
    assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("sig="), "{error}");
}
