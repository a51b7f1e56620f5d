//! Many fetches at once, with different credentials for the same host.

use sluice_git::{Auth, Remote, fetch};

use crate::support::http::{Config, Server};
use crate::support::repo::Repo;
use crate::support::{branch, options, remote};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn configurations_do_not_mix() {
    let repo = Repo::new();
    // All requests reach git; the server notes who sent them.
    let server = Server::start(Config::new(repo.root())).await;
    for number in 0..24 {
        std::fs::create_dir_all(repo.root().join("links")).unwrap();
        std::os::unix::fs::symlink(repo.bare(), repo.root().join(format!("links/r{number}.git"))).unwrap();
    }
    let tasks = (0..24).map(|number| {
        let url = format!("http://{}/links/r{number}.git", server.address);
        tokio::spawn(async move {
            let auth = if u32::is_multiple_of(number, 3) {
                Auth::None
            } else {
                Auth::Bearer(format!("token-{number}"))
            };
            let store = tempfile::tempdir().unwrap();
            fetch(&Remote { auth, ..remote(&url) }, &branch("main"), store.path(), &options())
                .await
                .map(|commit| commit.sha)
        })
    });
    let results = futures::future::join_all(tasks).await;
    let head = repo.git(&["rev-parse", "HEAD"]);
    for result in results {
        assert_eq!(result.unwrap().unwrap(), head);
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 24 * 3);
    for request in seen {
        let number: usize =
            request.path.trim_start_matches("/links/r").split('.').next().unwrap().parse().unwrap();
        let expected = (!number.is_multiple_of(3)).then(|| format!("Bearer token-{number}"));
        assert_eq!(request.authorization, expected, "{}", request.path);
    }
}
