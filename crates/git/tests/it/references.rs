//! Which commit a reference means, and what is said when there is none.

use sluice_git::{Commit, Error, Reference, Remote, fetch, ls_remote, resolve};

use crate::support::http::{Config, Server};
use crate::support::repo::Repo;
use crate::support::{branch, commit, name, options, remote, semver, tag};

/// A server for each protocol version, as old servers are still around.
async fn servers(repo: &Repo) -> [Server; 2] {
    let old = Config { version_2: false, ..Config::new(repo.root()) };
    [Server::plain(repo.root()).await, Server::start(old).await]
}

async fn fetched(remote: &Remote, reference: &Reference) -> Result<Commit, Error> {
    let store = tempfile::tempdir().unwrap();
    let commit = fetch(remote, reference, store.path(), &options()).await?;
    let mut files = 0;
    commit.walk(|_| {
        files += 1;
        Ok::<_, Error>(sluice_git::Walk::Continue)
    })?;
    assert!(files > 0, "the tree is there");
    Ok(commit)
}

#[tokio::test]
async fn branches() {
    let repo = Repo::new();
    let sha = repo.commit("app.yaml", "replicas: 2\n");
    repo.push("main");
    repo.push("main:refs/heads/main2");
    repo.push("main:refs/heads/feature/ünï");
    for server in servers(&repo).await {
        let remote = remote(&server.url());
        let head = fetched(&remote, &branch("main")).await.unwrap();
        assert_eq!(head.revision, format!("main@sha1:{sha}"));
        assert_eq!(head.absolute_reference(), format!("refs/heads/main@sha1:{sha}"));
        assert_eq!(head.subject(), "change app.yaml");
        assert_eq!((head.author.name.as_str(), head.committer.email.as_str()), ("Ada", "bob@example.org"));
        assert_eq!(head.author.offset_minutes, 120);
        assert!(head.tag.is_none() && head.signature.is_none());
        let other = fetched(&remote, &branch("feature/ünï")).await.unwrap();
        assert_eq!(other.revision, format!("feature/ünï@sha1:{sha}"));
        let resolved = resolve(&remote, &branch("main"), &options()).await.unwrap().unwrap();
        assert_eq!((resolved.revision, resolved.sha), (head.revision, sha.clone()));
        assert_eq!(resolve(&remote, &branch("nope"), &options()).await.unwrap(), None);

        let missing = fetched(&remote, &branch("nope")).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!("unable to clone '{}': couldn't find remote ref \"refs/heads/nope\"", server.url())
        );
        assert!(matches!(fetched(&remote, &branch("a b")).await, Err(Error::InvalidName { .. })));
    }
}

#[tokio::test]
async fn a_history_is_not_transferred() {
    let repo = Repo::empty();
    for content in 0..20 {
        repo.commit("file", content.to_string());
    }
    repo.push("main");
    for server in servers(&repo).await {
        let store = tempfile::tempdir().unwrap();
        fetch(&remote(&server.url()), &branch("main"), store.path(), &options()).await.unwrap();
        let objects =
            crate::support::repo::run(store.path(), &["cat-file", "--batch-all-objects", "--batch-check"]);
        assert_eq!(objects.lines().count(), 3, "one commit, one tree, one blob:\n{objects}");
        // What the real git thinks of the store.
        crate::support::repo::run(store.path(), &["fsck", "--strict"]);
    }
}

#[tokio::test]
async fn tags() {
    let repo = Repo::new();
    let first = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["tag", "light"]);
    repo.git(&["tag", "-a", "-m", "Release one\n\nNotes", "v1"]);
    repo.git(&["tag", "-a", "-m", "of a tag", "nested", "v1"]);
    let object = repo.git(&["rev-parse", "v1"]);
    repo.push("refs/tags/*");
    for server in servers(&repo).await {
        let remote = remote(&server.url());
        let light = fetched(&remote, &tag("light")).await.unwrap();
        assert_eq!(light.revision, format!("light@sha1:{first}"));
        assert!(light.tag.is_none());
        for reference in ["v1", "nested"] {
            let commit = fetched(&remote, &tag(reference)).await.unwrap();
            assert_eq!(commit.revision, format!("{reference}@sha1:{first}"));
            let resolved = resolve(&remote, &tag(reference), &options()).await.unwrap().unwrap();
            assert_eq!(resolved.revision, commit.revision);
        }
        let annotated = fetched(&remote, &tag("v1")).await.unwrap().tag.unwrap();
        assert_eq!((annotated.sha.as_str(), annotated.name.as_str()), (object.as_str(), "v1"));
        assert_eq!(annotated.message, "Release one\n\nNotes\n");
        let missing = fetched(&remote, &tag("v9")).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!("unable to clone '{}': couldn't find remote ref \"refs/tags/v9\"", server.url())
        );
    }
}

#[tokio::test]
async fn a_tag_that_moved() {
    let repo = Repo::new();
    repo.git(&["tag", "v1"]);
    repo.push("refs/tags/*");
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    let before = fetch(&remote, &tag("v1"), store.path(), &options()).await.unwrap();
    let moved = repo.commit("app.yaml", "moved: true\n");
    repo.git(&["tag", "-f", "-a", "-m", "again", "v1"]);
    repo.push("refs/tags/*");
    let after = fetch(&remote, &tag("v1"), store.path(), &options()).await.unwrap();
    assert_ne!(before.sha, after.sha);
    assert_eq!(after.revision, format!("v1@sha1:{moved}"));
}

#[tokio::test]
async fn semantic_versions() {
    let repo = Repo::new();
    let mut sha = std::collections::HashMap::new();
    for version in ["v1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "1.0.1+b", "1.0.1+a", "3.0", "latest"] {
        sha.insert(version, repo.commit("version", version));
        repo.git(&["tag", "-a", "-m", version, version]);
    }
    repo.push("refs/tags/*");
    for server in servers(&repo).await {
        let remote = remote(&server.url());
        for (constraint, version) in [
            ("*", "1.10.0"),
            ("~1.2", "1.2.0"),
            ("1.0.0", "v1.0.0"),
            (">=1.0.0-0", "2.0.0-rc.1"),
            ("1.0.1", "1.0.1+a"),
            ("<1.0.1", "v1.0.0"),
        ] {
            let commit = fetched(&remote, &semver(constraint)).await.unwrap();
            assert_eq!(commit.revision, format!("{version}@sha1:{}", sha[version]), "{constraint}");
            assert_eq!(commit.reference, Some(format!("refs/tags/{version}")));
            assert_eq!(commit.tag.unwrap().name, version);
        }
        let none = fetched(&remote, &semver(">=3.0.0")).await.unwrap_err();
        assert_eq!(none.to_string(), "no match found for semver: >=3.0.0");
        let invalid = fetched(&remote, &semver("huh?")).await.unwrap_err();
        assert!(invalid.to_string().starts_with("semver parse error: "), "{invalid}");
        assert_eq!(resolve(&remote, &semver("*"), &options()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn names() {
    let repo = Repo::new();
    repo.git(&["tag", "-a", "-m", "tag", "v1"]);
    let main = repo.git(&["rev-parse", "main"]);
    repo.git(&["checkout", "-q", "-b", "fork"]);
    let pull = repo.commit("pull.yaml", "x: 1\n");
    repo.push("main");
    repo.push("refs/tags/*");
    repo.push("fork:refs/pull/7/head");
    for server in servers(&repo).await {
        let remote = remote(&server.url());
        for (reference, sha) in [
            ("refs/heads/main", &main),
            ("refs/pull/7/head", &pull),
            ("refs/tags/v1", &main),
            ("refs/tags/v1^{}", &main),
            ("HEAD", &main),
        ] {
            let commit = fetched(&remote, &name(reference)).await.unwrap();
            assert_eq!(commit.revision, format!("{reference}@sha1:{sha}"));
            let head = resolve(&remote, &name(reference), &options()).await.unwrap().unwrap();
            assert_eq!(head.revision, commit.revision);
        }
        for missing in ["refs/heads/nope", "main", "refs/heads/mai"] {
            let err = fetched(&remote, &name(missing)).await.unwrap_err();
            assert_eq!(err.to_string(), format!("unable to resolve ref '{missing}' to a specific commit"));
        }
        let err = fetched(&remote, &name("/refs/heads/main")).await.unwrap_err();
        assert_eq!(
            err.to_string(),
            "ref /refs/heads/main is invalid; Git refs cannot begin or end with a slash '/'"
        );
    }
}

#[tokio::test]
async fn commits_with_and_without_the_servers_permission() {
    let repo = Repo::new();
    let old = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    let side = repo.commit("side.yaml", "x: 1\n");
    repo.commit("side.yaml", "x: 2\n");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit("app.yaml", "replicas: 2\n");
    repo.push("main");
    repo.push("side");
    for permission in ["false", "true"] {
        repo.config("uploadpack.allowReachableSHA1InWant", permission);
        for server in servers(&repo).await {
            let remote = remote(&server.url());
            let plain = fetched(&remote, &commit(&old, None)).await.unwrap();
            assert_eq!(plain.revision, format!("sha1:{old}"));
            let on_branch = fetched(&remote, &commit(&old.to_uppercase(), Some("main"))).await.unwrap();
            assert_eq!(on_branch.revision, format!("main@sha1:{old}"));
            assert_eq!(fetched(&remote, &commit(&side, None)).await.unwrap().sha, side);
            let named =
                Reference::Commit { sha: old.clone(), branch: None, name: Some("refs/heads/main".into()) };
            assert_eq!(
                fetched(&remote, &named).await.unwrap().revision,
                format!("refs/heads/main@sha1:{old}")
            );

            let absent = "0123456789012345678901234567890123456789";
            let err = fetched(&remote, &commit(absent, None)).await.unwrap_err();
            assert_eq!(
                err.to_string(),
                format!("unable to resolve commit object for '{absent}': object not found")
            );
            let err = fetched(&remote, &commit(&old, Some("nope"))).await.unwrap_err();
            assert!(err.to_string().ends_with("couldn't find remote ref \"refs/heads/nope\""), "{err}");
            let err = fetched(&remote, &commit(&old[..7], None)).await.unwrap_err();
            assert!(
                err.to_string().starts_with(&format!(
                    "unable to resolve commit object for '{}': object not found",
                    &old[..7]
                )),
                "{err}"
            );
        }
    }
}

#[tokio::test]
async fn empty_repositories() {
    let repo = Repo::empty();
    for server in servers(&repo).await {
        let remote = remote(&server.url());
        assert_eq!(ls_remote(&remote, &[], &options()).await.unwrap(), []);
        for reference in [branch("main"), tag("v1"), semver("*"), commit(&"a".repeat(40), None)] {
            let err = fetched(&remote, &reference).await.unwrap_err();
            assert_eq!(err.to_string(), "git repository is empty", "{reference}");
        }
        assert!(matches!(fetched(&remote, &name("refs/heads/main")).await, Err(Error::UnresolvableName(_))));
    }
}

#[tokio::test]
async fn listings() {
    let repo = Repo::new();
    repo.git(&["tag", "-a", "-m", "t", "v1"]);
    repo.push("refs/tags/*");
    let main = repo.git(&["rev-parse", "main"]);
    for server in servers(&repo).await {
        let all = ls_remote(&remote(&server.url()), &[], &options()).await.unwrap();
        let names: Vec<&str> = all.iter().map(|reference| reference.name.as_str()).collect();
        assert_eq!(names, ["HEAD", "refs/heads/main", "refs/tags/v1"]);
        assert_eq!(all[2].peeled.as_deref(), Some(main.as_str()));
        let tags = ls_remote(&remote(&server.url()), &["refs/tags/"], &options()).await.unwrap();
        assert_eq!(tags.len(), 1);
    }
}
