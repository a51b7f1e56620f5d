//! A line that a controller has logged.

use std::fmt::{self, Display, Formatter};

use clap::ValueEnum;
use serde_json::{Map, Value};

/// Levels that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    Debug,
    Info,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

/// A line; empty where it does not say, or has something other than a text.
#[derive(Debug)]
pub(super) struct Entry {
    ts: String,
    level: String,
    msg: String,
    error: String,
    /// What old versions of the controllers call the kind.
    reconciler_kind: String,
    controller_kind: String,
    name: String,
    namespace: String,
}

impl Entry {
    /// Reads a line of JSON.
    pub(super) fn read(line: &str) -> Result<Self, serde_json::Error> {
        let fields: Map<String, Value> = serde_json::from_str(line)?;
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self {
            ts: text("ts"),
            level: text("level"),
            msg: text("msg"),
            error: text("error"),
            reconciler_kind: text("reconciler kind"),
            controller_kind: text("controllerKind"),
            name: text("name"),
            namespace: text("namespace"),
        })
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind =
            if self.reconciler_kind.is_empty() { &self.controller_kind } else { &self.reconciler_kind };
        write!(f, "{} {} {kind}", self.ts, self.level)?;
        if !self.name.is_empty() {
            write!(f, "/{}.{}", self.name, self.namespace)?;
        }
        // The space before an error stands there without one too.
        write!(f, " - {} {}", self.msg, self.error)
    }
}

/// Which lines to show. Kinds and names are compared without regard to case.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) level: Option<Level>,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    /// All namespaces if there is none.
    pub(super) namespace: Option<String>,
}

impl Filter {
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        let is_one_of = |wanted: &Option<String>, values: &[&str]| {
            let wanted = wanted.as_deref().filter(|wanted| !wanted.is_empty());
            wanted.is_none_or(|wanted| values.iter().any(|value| value.eq_ignore_ascii_case(wanted)))
        };
        self.level.is_none_or(|level| level.name() == entry.level)
            && is_one_of(&self.kind, &[&entry.reconciler_kind, &entry.controller_kind])
            && is_one_of(&self.name, &[&entry.name])
            && is_one_of(&self.namespace, &[&entry.namespace])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Entry {
        Entry::read(json).unwrap()
    }

    const LINE: &str = r#"{"level":"error","ts":"2026-01-02T03:04:05.678Z","msg":"Reconciler error",
        "controller":"kustomization","controllerGroup":"kustomize.toolkit.fluxcd.io","controllerKind":"Kustomization",
        "Kustomization":{"name":"app","namespace":"apps"},"namespace":"apps","name":"app","error":"no such path"}"#;

    #[test]
    fn lines_name_the_object() {
        assert_eq!(
            entry(LINE).to_string(),
            "2026-01-02T03:04:05.678Z error Kustomization/app.apps - Reconciler error no such path"
        );
        let old =
            entry(r#"{"ts":"t","level":"info","msg":"m","reconciler kind":"Bucket","controllerKind":"X"}"#);
        assert_eq!(old.to_string(), "t info Bucket - m ");
        assert_eq!(entry(r#"{"ts":"t","level":"info","msg":"m","name":null}"#).to_string(), "t info  - m ");
    }

    #[test]
    fn filters_are_met_together() {
        let entry = entry(LINE);
        let text = |text: &str| Some(text.to_owned());
        assert!(Filter::default().admits(&entry));
        let filter = Filter {
            level: Some(Level::Error),
            kind: text("kustomization"),
            name: text("APP"),
            namespace: text("apps"),
        };
        assert!(filter.admits(&entry));
        assert!(!Filter { level: Some(Level::Info), ..filter }.admits(&entry));
        assert!(!Filter { kind: text("GitRepository"), ..Filter::default() }.admits(&entry));
        assert!(!Filter { namespace: text("flux-system"), ..Filter::default() }.admits(&entry));
    }
}
