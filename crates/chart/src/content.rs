//! The content of a chart's files.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::load::left_files;

/// The content of a file: at hand, or in the archive that it came in until somebody looks at it. Cloning copies no
/// bytes.
#[derive(Clone)]
pub struct Content(Repr);

#[derive(Clone)]
enum Repr {
    Here(Arc<[u8]>),
    Packed { archive: Arc<Packed>, number: usize },
}

/// An archive of which some files are left where they are.
pub(crate) struct Packed {
    /// The archive, which has been read once.
    archive: Vec<u8>,
    /// Those files, once one of them was wanted.
    files: OnceLock<Vec<Arc<[u8]>>>,
}

impl Packed {
    pub(crate) fn new(archive: Vec<u8>) -> Self {
        Self { archive, files: OnceLock::new() }
    }

    /// The archive.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.archive
    }

    /// The content with that number among those that are left.
    pub(crate) fn content(self: &Arc<Self>, number: usize) -> Content {
        Content(Repr::Packed { archive: Arc::clone(self), number })
    }
}

impl Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes().map(AsRef::as_ref).unwrap_or_default()
    }
}

impl Content {
    /// The bytes, to be kept.
    pub fn shared(&self) -> Arc<[u8]> {
        self.bytes().cloned().unwrap_or_default()
    }

    /// The bytes; there always are some: what could be read once can be read again.
    fn bytes(&self) -> Option<&Arc<[u8]>> {
        match &self.0 {
            Repr::Here(bytes) => Some(bytes),
            Repr::Packed { archive, number } => {
                archive.files.get_or_init(|| left_files(&archive.archive)).get(*number)
            }
        }
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Arc<[u8]>> for Content {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Repr::Here(bytes))
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self(Repr::Here(bytes.into()))
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Here(bytes) => write!(f, "{} bytes", bytes.len()),
            Repr::Packed { .. } => f.write_str("in its archive"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::load::{RawFile, assemble, load_archive};
    use crate::{Chart, LoadOptions, ReleaseInfo, RenderOptions, templates};

    const TEMPLATE: &str = r#"get: {{ .Files.Get "files/a.txt" }}
bytes: {{ .Files.GetBytes "files/a.txt" | len }}
none: {{ .Files.Get "none" | quote }}
lines: {{ .Files.Lines "files/a.txt" | toJson }}
secrets: {{ (.Files.Glob "files/*").AsSecrets | toJson }}
config: {{ (.Files.Glob "**.txt").AsConfig | toJson }}
{{- range $name, $bytes := .Files }}
{{ $name }}: {{ toString $bytes | quote }}
{{- end }}
index: {{ index .Files "files/b.txt" | toString }}
has: {{ if .Files.Glob "none" }}some{{ end }} {{ len (.Files.Glob "files/*") }}
type: {{ printf "%T" .Files }} {{ kindOf .Files }}
"#;

    fn archive() -> Vec<u8> {
        let files = [
            ("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"),
            ("values.yaml", "a: 1\n"),
            ("templates/a.yaml", TEMPLATE),
            ("files/a.txt", "\u{feff}one\ntwo\n"),
            ("files/b.txt", "b"),
            ("crds/a.yaml", "kind: A\n"),
            ("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
            ("charts/db/crds/b.yaml", "kind: B\n"),
            ("charts/db/templates/b.yaml", "db: {{ .Files.Get \"crds/b.yaml\" | quote }}\n"),
        ];
        let raw =
            |(name, data): (&str, &str)| RawFile { name: name.to_owned(), data: data.as_bytes().into() };
        let chart = assemble(files.map(raw).into(), LoadOptions::default().limits).unwrap().chart;
        chart.save(Vec::new()).unwrap()
    }

    fn loaded(leave_files: bool) -> Chart {
        let options = LoadOptions { leave_files, ..LoadOptions::default() };
        load_archive(&archive(), &options).unwrap().chart
    }

    #[test]
    fn files_that_were_left_are_what_they_would_have_been() {
        let (left, whole) = (loaded(true), loaded(false));
        assert_eq!(format!("{:?}", left.files[0].data), "in its archive");
        assert_eq!(left, whole);
        let crds = |chart: &Chart| chart.crds().iter().map(|crd| crd.file.data.to_vec()).collect::<Vec<_>>();
        assert_eq!(crds(&left), [b"kind: A\n", b"kind: B\n"]);
        assert_eq!(left.save(Vec::new()).unwrap(), whole.save(Vec::new()).unwrap());
    }

    #[test]
    fn templates_see_no_difference() {
        let release =
            ReleaseInfo { name: "rel".into(), namespace: "ns".into(), revision: 1, is_upgrade: false };
        let options = RenderOptions::new(release);
        let rendered =
            |leave_files| templates(loaded(leave_files), &serde_json::Map::new(), &options).unwrap().files;
        assert_eq!(rendered(true), rendered(false));
        let text = &rendered(true)["app/templates/a.yaml"];
        for line in ["bytes: 8", "index: b", "type: engine.files map", "has:  2", "files/b.txt: \"b\""] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert_eq!(rendered(true)["app/charts/db/templates/b.yaml"], "db: \"kind: B\\n\"\n");
    }
}
