//! The arguments of `kustomize build`, without a binary around them.

use std::path::{Path, PathBuf};

use crate::fs::Jail;
use crate::{Build, Dialect, Error, LoadRestrictions, Options, Reorder, build};

/// What a command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The directory to build.
    pub directory: PathBuf,
    /// The directory that no file may be outside of; the whole disk if unset.
    pub root: Option<PathBuf>,
    /// How to build.
    pub options: Options,
}

/// Why the arguments are wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// There is no such flag.
    #[error("unknown flag: {0}")]
    UnknownFlag(String),
    /// A flag has no value.
    #[error("flag needs an argument: {0}")]
    MissingValue(String),
    /// A flag has another value than those it takes.
    #[error("invalid argument {value:?} for {flag}: must be one of {accepted}")]
    InvalidValue {
        /// The flag.
        flag: String,
        /// Its value.
        value: String,
        /// The values it takes.
        accepted: &'static str,
    },
    /// More than one directory.
    #[error("specify one path to kustomization.yaml")]
    ManyDirectories,
}

impl Arguments {
    /// Parses `[--flux] [--root ROOT] [--reorder ORDER] [--load-restrictor RESTRICTION] [DIRECTORY]`. Flags for
    /// plugins, functions and charts are taken and change nothing: those are not run.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, ArgumentError> {
        let mut parsed = Self::default();
        parsed.options.dialect = Dialect::Latest;
        parsed.options.reorder = Reorder::Legacy;
        let mut directory = None;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if !argument.starts_with("--") {
                if directory.replace(PathBuf::from(argument)).is_some() {
                    return Err(ArgumentError::ManyDirectories);
                }
                continue;
            }
            let (flag, mut inline) = match argument.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                inline
                    .take()
                    .or_else(|| arguments.next())
                    .ok_or_else(|| ArgumentError::MissingValue(flag.clone()))
            };
            match flag.as_str() {
                "--flux" => parsed.options = Options::flux(),
                "--root" => parsed.root = Some(PathBuf::from(value()?)),
                "--reorder" => parsed.options.reorder = reorder(&flag, value()?)?,
                "--load-restrictor" => parsed.options.load_restrictions = restriction(&flag, value()?)?,
                "--enable-managedby-label" => parsed.options.managed_by_label = true,
                "--enable-alpha-plugins" | "--enable-exec" | "--enable-helm" | "--enable-star" => {}
                _ => return Err(ArgumentError::UnknownFlag(flag)),
            }
        }
        parsed.directory = directory.unwrap_or_else(|| PathBuf::from("."));
        Ok(parsed)
    }

    /// Builds.
    pub fn build(&self) -> Result<Build, Error> {
        let jail = Jail::new(self.root.as_deref().unwrap_or(Path::new("/")))?;
        let directory = std::path::absolute(&self.directory)
            .map_err(|source| Error::Fs(crate::fs::FsError::Io { path: self.directory.clone(), source }))?;
        build(&jail, &directory, &self.options)
    }
}

fn reorder(flag: &str, value: String) -> Result<Reorder, ArgumentError> {
    match value.as_str() {
        "none" => Ok(Reorder::None),
        "legacy" => Ok(Reorder::Legacy),
        _ => Err(ArgumentError::InvalidValue { flag: flag.to_owned(), value, accepted: "legacy, none" }),
    }
}

fn restriction(flag: &str, value: String) -> Result<LoadRestrictions, ArgumentError> {
    match value.as_str() {
        "LoadRestrictionsRootOnly" => Ok(LoadRestrictions::RootOnly),
        "LoadRestrictionsNone" => Ok(LoadRestrictions::None),
        _ => {
            let accepted = "LoadRestrictionsRootOnly, LoadRestrictionsNone";
            Err(ArgumentError::InvalidValue { flag: flag.to_owned(), value, accepted })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Arguments, ArgumentError> {
        Arguments::parse(arguments.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags() {
        let parsed = parse("--flux --root /r /r/d").unwrap();
        assert_eq!(parsed.options, Options::flux());
        assert_eq!((parsed.directory, parsed.root), ("/r/d".into(), Some("/r".into())));
        let parsed = parse("--reorder=none --load-restrictor LoadRestrictionsNone").unwrap();
        assert_eq!(parsed.options.reorder, Reorder::None);
        assert_eq!(parsed.options.load_restrictions, LoadRestrictions::None);
        assert_eq!(parsed.directory, Path::new("."));
    }

    #[test]
    fn wrong_flags() {
        assert_eq!(parse("--nope"), Err(ArgumentError::UnknownFlag("--nope".into())));
        assert_eq!(parse("--root"), Err(ArgumentError::MissingValue("--root".into())));
        assert!(parse("--reorder=random").is_err());
        assert_eq!(parse("a b"), Err(ArgumentError::ManyDirectories));
    }
}
