//! Bases on other servers, without any server.

use std::cell::RefCell;
use std::path::Path;

use sluice_kustomize::fs::Memory;
use sluice_kustomize::remote::{Checkout, Remote, RemoteError, Repository};
use sluice_kustomize::{Build, Environment, Error, Limits, Options, build_in};

use crate::config;

/// Serves files by URL, and one tree for every repository.
#[derive(Default)]
struct Net {
    files: Vec<(&'static str, String)>,
    tree: Memory,
    asked: RefCell<Vec<String>>,
}

impl Remote for Net {
    fn file(&self, url: &str, limit: u64) -> Result<Vec<u8>, RemoteError> {
        self.asked.borrow_mut().push(url.to_owned());
        let found = self.files.iter().find(|(known, _)| *known == url);
        match found {
            Some((_, text)) if text.len() as u64 > limit => Err(RemoteError::TooLarge { limit }),
            Some((_, text)) => Ok(text.clone().into_bytes()),
            None => Err(RemoteError::Status { status: 404, reason: "Not Found".to_owned() }),
        }
    }

    fn repository(&self, repository: &Repository, _limit: u64) -> Result<Checkout, RemoteError> {
        self.asked.borrow_mut().push(format!("{}@{}", repository.address(), repository.reference));
        Ok(Checkout { files: Box::new(self.tree.clone()), root: "/repo".into() })
    }
}

fn built(net: &Net, kustomization: &str, limits: Limits) -> Result<Build, Error> {
    let files =
        Memory::new().with("/d/kustomization.yaml", kustomization).with("/d/secret.yaml", config("secret"));
    let environment = Environment { remote: Some(net), ..Environment::of(&files) };
    build_in(environment, Path::new("/d"), &Options { limits, ..Options::flux() })
}

fn tree(kustomization: &str) -> Net {
    let tree = Memory::new()
        .with("/repo/base/kustomization.yaml", kustomization)
        .with("/repo/base/r.yaml", config("r"))
        .with("/repo/other/r.yaml", config("other"))
        .with("/secret.yaml", config("stolen"));
    Net { tree, ..Net::default() }
}

#[test]
fn files_and_repositories_are_fetched_once() {
    let mut net = tree("resources: [r.yaml]\n");
    net.files = vec![("https://example.com/f.yaml", config("f"))];
    let kustomization =
        "resources:\n- https://example.com/f.yaml\n- over\n- https://example.com/o/r//base?ref=v1\n";
    let files = Memory::new().with("/d/kustomization.yaml", kustomization).with(
        "/d/over/kustomization.yaml",
        "namePrefix: o-\nresources: ['https://example.com/o/r//base?ref=v1']\n",
    );
    let environment = Environment { remote: Some(&net), ..Environment::of(&files) };
    let build = build_in(environment, Path::new("/d"), &Options::flux()).unwrap();
    let names: Vec<&str> = build.resources.iter().map(sluice_kustomize::Resource::name).collect();
    assert_eq!(names, ["f", "o-r", "r"]);
    // Each mention is tried as a file first, as kustomize does; what it is then fetched as comes once.
    let asked = net.asked.borrow();
    let asked: Vec<&str> = asked.iter().map(String::as_str).filter(|url| !url.contains("//base")).collect();
    assert_eq!(asked, ["https://example.com/f.yaml", "https://example.com/o/r@v1"]);
    assert_eq!(build.fetched, ["https://example.com/f.yaml", "https://example.com/o/r?ref=v1"]);
}

#[test]
fn a_fetched_tree_stays_in_its_directory() {
    let url = "resources: ['https://example.com/o/r//base?ref=v1']\n";
    for (inside, part) in [
        ("resources: [../../secret.yaml]\n", "not in or below"),
        ("resources: [../other/r.yaml]\n", "not in or below"),
        ("resources: [/d/secret.yaml]\n", "not in or below"),
        ("resources: [../../d]\n", "not in or below"),
    ] {
        let error = built(&tree(inside), url, Limits::default()).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("stolen"), "{inside}: {error}");
    }
}

#[test]
fn a_repository_that_leads_to_itself_is_found() {
    let net = tree("resources: ['https://example.com/o/r//base?ref=v1']\n");
    let error =
        built(&net, "resources: ['https://example.com/o/r//base?ref=v1']\n", Limits::default()).unwrap_err();
    assert!(error.to_string().contains("cycle"), "{error}");
}

#[test]
fn fetches_are_bounded() {
    let mut net = tree("resources: [r.yaml]\n");
    let url = |at: usize| format!("https://example.com/{at}.yaml");
    net.files = (0..5).map(|at| (&*url(at).leak(), config(&format!("c{at}")))).collect();
    let all: Vec<String> = (0..5).map(url).collect();
    let kustomization = format!("resources: [{}]\n", all.join(", "));
    assert!(built(&net, &kustomization, Limits::default()).is_ok());
    let few = Limits { fetches: 3, ..Limits::default() };
    assert!(matches!(built(&net, &kustomization, few).unwrap_err().root(), Error::Limit(_)));
    let small = Limits { bytes: 200, ..Limits::default() };
    let error = built(&net, &kustomization, small).unwrap_err().to_string();
    assert!(error.contains("larger than") || error.contains("bytes"), "{error}");
}

#[test]
fn what_a_server_refuses_is_told() {
    let error = built(&tree(""), "resources: ['https://me:pw@example.com/none.yaml']\n", Limits::default());
    let error = error.unwrap_err();
    let told = format!("{error}: {}", error.detail().unwrap_or_default());
    assert!(
        told.contains("404") && told.contains("example.com/none.yaml") && !told.contains("pw@"),
        "{told}"
    );
}
