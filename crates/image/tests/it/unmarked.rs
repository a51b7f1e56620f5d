//! Edits where no marker stands.

use sluice_image::Image;
use sluice_image::setters::{Edit, Images, Reason};
use sluice_image::unmarked::{Charts, Kinds, Unmarked, ValuesFiles};

/// 64 digits each.
const OLD_SHA: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const NEW_SHA: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn all() -> Kinds {
    let values_files = ValuesFiles::parse(&["values.yaml".to_owned(), "envs/*/images.yml".to_owned()]);
    Kinds { kustomize_images: true, helm_values: true, helm_charts: true, values_files }
}

fn image(name: &str, tag: &str, digest: &str) -> Image {
    Image { name: name.into(), tag: tag.into(), digest: digest.into() }
}

fn images() -> Images {
    [
        ("ns:app".to_owned(), image("ghcr.io/org/app", "1.10", "")),
        ("ns:nginx".to_owned(), image("nginx", "1.29.0", "sha256:bb")),
        ("ns:grafana".to_owned(), image("grafana/grafana", "12.1.0", &format!("sha256:{NEW_SHA}"))),
        ("ns:blue".to_owned(), image("ghcr.io/org/two", "1.0.0", "")),
        ("ns:green".to_owned(), image("ghcr.io/org/two", "2.0.0", "")),
        ("ns:chart".to_owned(), image("ghcr.io/org/charts/podinfo", "6.9.1_build.2", "")),
    ]
    .into()
}

fn edit(file: &str, text: &str, charts: &str) -> Edit {
    let images = images();
    let mut known = Charts::default();
    known.read(charts);
    let unmarked = Unmarked::new(all(), &images, &known);
    assert!(unmarked.concerns(file, text), "{text}");
    let edit = unmarked.edit(file, text).unwrap();
    // A second time there is nothing to do.
    assert_eq!(unmarked.edit(file, &edit.text).unwrap().text, edit.text);
    edit
}

#[test]
fn images_of_a_kustomization() {
    let before = "# mine\r
resources: [a.yaml]\r
images:\r
- name:   app   # the name in the manifests\r
  newName: ghcr.io/org/app\r
  newTag: '1.9'   # tag\r
- {name: docker.io/library/nginx, newTag: \"1.28.0\", digest:  'sha256:aa'}\r
- name: quay.io/other/thing\r
  newTag: v1\r
- name: ghcr.io/org/app\r
  newTag: 3 # {\"$imagepolicy\": \"ns:other:tag\"}\r
- name: ghcr.io/org/app\r
  newTag: 1.9\r
";
    let edit = edit("apps/kustomization.yaml", before, "");
    let after = before
        .replace("'1.9'", "'1.10'")
        .replace("\"1.28.0\"", "\"1.29.0\"")
        .replace("'sha256:aa'", "'sha256:bb'")
        .replace("newTag: 1.9\r", "newTag: \"1.10\"\r");
    assert_eq!(edit.text, after);
    assert_eq!(edit.unapplied, []);
    let setters: Vec<&str> = edit.changes.iter().map(|change| change.setter.as_str()).collect();
    assert_eq!(setters, ["ns:app:tag", "ns:nginx:tag", "ns:nginx:digest", "ns:app:tag"]);
    assert_eq!((edit.changes[0].old.as_str(), edit.changes[0].line), ("1.9", 6));
}

#[test]
fn what_has_no_one_answer_is_told() {
    let text = "images:
- name: ghcr.io/org/two
  newTag: '1'
- name: ghcr.io/org/app
- name: ghcr.io/org/app
  newTag: '1'
  digest: sha256:aa
";
    let edit = edit("kustomization.yml", text, "");
    assert_eq!((edit.text.as_str(), edit.changes.len()), (text, 0));
    let lines: Vec<u32> = edit.unapplied.iter().map(|skipped| skipped.line).collect();
    assert_eq!(lines, [2, 4, 5]);
    assert!(
        matches!(&edit.unapplied[0].reason, Reason::Ambiguous { policies, .. } if policies == "'ns:blue', 'ns:green'")
    );
    assert_eq!(edit.unapplied[1].reason, Reason::NoTag("ghcr.io/org/app".into()));
    assert_eq!(edit.unapplied[2].reason, Reason::Pinned("ghcr.io/org/app".into()));
}

#[test]
fn values_of_a_release() {
    let before = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  values:
    # kept
    image:
      repository: ghcr.io/org/app
      tag:    \"1.9\"   # tag
      pullPolicy: Always
    sidecars:
    - image: {registry: docker.io, repository: nginx, tag: 1.28.0@sha256:aa}
    other: {repository: quay.io/x/y, tag: v1}
    unset: {repository: ghcr.io/org/app, tag: }
---
kind: ConfigMap
data: {repository: ghcr.io/org/app, tag: '1.9'}
";
    let edit = edit("release.yaml", before, "");
    let after = before.replace("\"1.9\"", "\"1.10\"").replace("1.28.0@sha256:aa", "1.29.0@sha256:bb");
    assert_eq!(edit.text, after);
    assert_eq!(edit.changes.len(), 2);
    assert_eq!(
        (edit.changes[0].object.kind.as_str(), edit.changes[0].object.name.as_str()),
        ("HelmRelease", "web")
    );
    assert_eq!(edit.unapplied.len(), 1);
    assert_eq!(edit.unapplied[0].reason, Reason::NoTag("ghcr.io/org/app".into()));
}

const REPOSITORIES: &str = "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: flux-system}
spec: {type: oci, url: oci://ghcr.io/org/charts/}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: other}
spec: {type: oci, url: oci://ghcr.io/elsewhere}
";

fn release(version: &str, namespace: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: podinfo
spec:
  chart:
    spec:
      chart: podinfo
      version: {version}
      sourceRef:
        kind: HelmRepository
        name: charts
{namespace}
"
    )
}

#[test]
fn versions_of_charts() {
    let namespace = "        namespace: flux-system";
    let changed = edit("a.yaml", &release("6.9.0 # chart", namespace), REPOSITORIES);
    assert_eq!(changed.text, release("6.9.1+build.2 # chart", namespace));
    assert_eq!(changed.changes[0].setter, "ns:chart:tag");
    // Whose is it?
    let unknown = edit("a.yaml", &release("6.9.0", ""), REPOSITORIES);
    assert_eq!(unknown.unapplied[0].reason, Reason::UnknownRepository("charts".into()));
    let range = edit("a.yaml", &release("6.x", namespace), REPOSITORIES);
    assert_eq!(range.unapplied[0].reason, Reason::Range("6.x".into()));
    let absent = edit("a.yaml", &release("6.9.0", namespace), "");
    assert_eq!((absent.changes.len(), absent.unapplied.len()), (0, 0));
}

#[test]
fn artifacts_of_charts() {
    let of = |reference: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: a}}\nspec:\n  url: oci://ghcr.io/org/charts/podinfo\n  ref: {reference}\n"
        )
    };
    assert_eq!(edit("a.yaml", &of("{tag: 6.9.0}"), "").text, of("{tag: 6.9.1_build.2}"));
    assert_eq!(edit("a.yaml", &of("{semver: 6.x}"), "").text, of("{semver: 6.x}"));
    let pinned = edit("a.yaml", &of("{digest: 'sha256:aa'}"), "");
    assert_eq!(pinned.unapplied[0].reason, Reason::Pinned("ghcr.io/org/charts/podinfo".into()));
}

/// As umbrella charts have it: charts below by their names, comments of helm-docs, registries of their own.
const VALUES: &str = "# Default values for shop.
# This is a YAML-formatted file.
global:
  imageRegistry: \"\"

web:
  replicaCount:   2
  image:
    # -- Where the image is
    repository: ghcr.io/org/app
    pullPolicy: IfNotPresent
    # -- Overrides the tag, whose default is the chart's appVersion
    tag: \"1.9\"   # @schema type:string

  extraContainers:
    - name: proxy
      image: { registry: docker.io, repository: library/nginx, tag: 1.28.0, digest: 'sha256:aa' }

  resources: {}


grafana:
  image:
    registry: docker.io
    repository: grafana/grafana
    tag: 12.0.0
    sha: \"OLD\"
  sidecar:
    image: { repository: ghcr.io/org/app, tag: \"\" }
  other:
    image: { repository: quay.io/other/thing, tag: v1 }
worker: &worker
  image:
    repository: ghcr.io/org/app
    tag: '1.9'
worker-two:
  <<: *worker
  args: [--tag,  1.9]
";

#[test]
fn values_in_files() {
    let before = VALUES.replace("OLD", OLD_SHA);
    let after = before
        .replace("\"1.9\"", "\"1.10\"")
        .replace("'1.9'", "'1.10'")
        .replace("tag: 1.28.0, digest: 'sha256:aa'", "tag: 1.29.0, digest: 'sha256:bb'")
        .replace("12.0.0", "12.1.0")
        .replace(OLD_SHA, NEW_SHA);
    for file in ["values.yaml", "charts/shop/values.yaml", "envs/prod/images.yml"] {
        let edit = edit(file, &before, "");
        assert_eq!(edit.text, after, "{file}");
        let setters: Vec<&str> = edit.changes.iter().map(|change| change.setter.as_str()).collect();
        assert_eq!(
            setters,
            [
                "ns:app:tag",
                "ns:nginx:tag",
                "ns:nginx:digest",
                "ns:grafana:tag",
                "ns:grafana:digest",
                "ns:app:tag"
            ]
        );
        assert_eq!(edit.changes[0].object, sluice_image::setters::Object::default());
        // An empty tag means the chart's own version.
        assert_eq!(edit.unapplied.len(), 1);
        assert_eq!(edit.unapplied[0].reason, Reason::NoTag("ghcr.io/org/app".into()));
    }
    // Line ends of Windows, and no line end at all.
    let windows = before.replace('\n', "\r\n");
    assert_eq!(edit("values.yaml", &windows, "").text, after.replace('\n', "\r\n"));
    let bare = "image: {repository: ghcr.io/org/app, tag: 1.9}";
    assert_eq!(edit("values.yaml", bare, "").text, "image: {repository: ghcr.io/org/app, tag: \"1.10\"}");
}

#[test]
fn files_of_other_names_and_objects_hold_no_values() {
    let (images, charts) = (images(), Charts::default());
    let all = Unmarked::new(all(), &images, &charts);
    let text = "image: {repository: ghcr.io/org/app, tag: '1.9'}\n";
    for file in ["values-prod.yaml", "prod/images.yml", "a/envs/prod/images.yml"] {
        assert!(!all.concerns(file, text), "{file}");
    }
    let object = "apiVersion: example.org/v1\nkind: App\nimage: {repository: ghcr.io/org/app, tag: '1.9'}\n";
    let edit = all.edit("values.yaml", object).unwrap();
    assert_eq!((edit.text.as_str(), edit.changes.len()), (object, 0));
    // What is digits, but no digest, is left alone; a digest without a new one is told of.
    let commit =
        "image: {repository: ghcr.io/org/app, tag: '1.9', sha: 0123456789abcdef0123456789abcdef01234567}\n";
    assert_eq!(all.edit("values.yaml", commit).unwrap().text, commit.replace("1.9", "1.10"));
    let pinned = format!("image: {{repository: ghcr.io/org/app, tag: '1.9', sha: {NEW_SHA}}}\n");
    let edit = all.edit("values.yaml", &pinned).unwrap();
    assert_eq!(
        (edit.text.as_str(), &edit.unapplied[0].reason),
        (pinned.as_str(), &Reason::Pinned("ghcr.io/org/app".into()))
    );
    // A template of values is no YAML.
    let template = "image: {repository: ghcr.io/org/app, tag: '1.9'}\n{{ include \"x\" . }}\n";
    assert_eq!(all.edit("values.yaml", template).unwrap().text, template);
}

#[test]
fn only_what_is_asked_for() {
    let (images, charts) = (images(), Charts::default());
    let none = Unmarked::new(Kinds::default(), &images, &charts);
    assert!(
        !none.concerns("kustomization.yaml", "images: []") && !none.concerns("a.yaml", "kind: HelmRelease")
    );
    let all = Unmarked::new(all(), &images, &charts);
    assert!(!all.concerns("a.yaml", "images: []"));
    // What is no YAML is left alone.
    assert_eq!(all.edit("kustomization.yaml", "images: [{").unwrap().text, "images: [{");
}
