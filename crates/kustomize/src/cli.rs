//! The arguments of `kustomize build`, without a binary around them.

use std::path::{Path, PathBuf};

use crate::fs::Jail;
use crate::remote::{Remote, Repository};
use crate::{
    Build, Charts, Dialect, Environment, Error, LoadRestrictions, Options, Reorder, build_in,
    build_repository,
};

/// What a command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The directory to build, or a repository with one.
    pub directory: PathBuf,
    /// The directory that no file may be outside of; the whole disk if unset.
    pub root: Option<PathBuf>,
    /// How to build.
    pub options: Options,
    /// The file that the output goes to, or the directory for one file a resource.
    pub output: Option<PathBuf>,
    /// Whether help is wanted, and nothing else.
    pub help: bool,
    /// Whether charts are rendered.
    pub enable_helm: bool,
    /// What charts are told about the cluster's API, in place of what the kustomization says.
    pub helm_api_versions: Vec<String>,
    /// What charts are told about the cluster's version, in place of what the kustomization says.
    pub helm_kube_version: String,
    /// What the flags mean here, where that is not what they mean to kustomize.
    pub notes: Vec<String>,
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
    /// A flag has an empty value.
    #[error("{0} must not be empty")]
    EmptyValue(String),
    /// More than one directory.
    #[error("specify one path to kustomization.yaml")]
    ManyDirectories,
}

/// The flags.
pub const HELP: &str = "\
Print what the kustomization in a directory makes

Usage: sluice kustomize build [FLAGS] [DIR]

DIR is a directory with a kustomization file, or a repository with a path to one, such as
https://github.com/owner/repo//path?ref=v1.0.0; the present directory when not given.

Flags:
  -o, --output PATH               Write to the file, or one file a resource if PATH is a directory
      --load-restrictor NAME      LoadRestrictionsRootOnly (default), or LoadRestrictionsNone: kustomizations may
                                  name files outside of their own directory
      --reorder ORDER             legacy (default): definitions and namespaces first; none: as loaded
      --enable-helm               Render helmCharts
      --helm-api-versions NAME    What charts find in Capabilities.APIVersions; repeatable
      --helm-kube-version VERSION What charts find in Capabilities.KubeVersion
      --flux                      Build as Flux does: files from everywhere below --root, order as loaded
      --root DIR                  Read no file outside of the directory
  -h, --help                      Print help

Taken for scripts that call kustomize, without effect: --helm-command and --helm-debug (charts are rendered by
sluice itself), --enable-alpha-plugins, --enable-exec, --enable-star, --network, --network-name, --mount, -e/--env,
--as-current-user (they are about plugins in containers and programs, which are never run: a kustomization that
needs one fails), --stack-trace.
";

impl Arguments {
    /// Parses the flags of [`HELP`].
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, ArgumentError> {
        let mut parsed = Self::default();
        parsed.options.dialect = Dialect::Latest;
        parsed.options.reorder = Reorder::Legacy;
        let mut directory = None;
        let mut arguments = arguments.into_iter();
        let mut flags_end = false;
        while let Some(argument) = arguments.next() {
            if flags_end || argument == "-" || !argument.starts_with('-') {
                if directory.replace(PathBuf::from(argument)).is_some() {
                    return Err(ArgumentError::ManyDirectories);
                }
            } else if argument == "--" {
                flags_end = true;
            } else {
                let (flag, inline) = split(&argument)?;
                parsed.flag(flag, inline, &mut arguments)?;
            }
        }
        parsed.directory = directory.unwrap_or_else(|| PathBuf::from("."));
        Ok(parsed)
    }

    fn flag(
        &mut self,
        flag: &str,
        inline: Option<&str>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), ArgumentError> {
        let mut value = || {
            inline
                .map(str::to_owned)
                .or_else(|| rest.next())
                .ok_or_else(|| ArgumentError::MissingValue(flag.to_owned()))
        };
        let switch = || switch(flag, inline);
        match flag {
            "--flux" if switch()? => {
                self.options = Options { limits: self.options.limits, ..Options::flux() };
            }
            "--flux" => {}
            "--help" => self.help = switch()?,
            "--root" => self.root = Some(PathBuf::from(value()?)),
            "--output" => {
                let path = value()?;
                self.output = (!path.is_empty()).then(|| PathBuf::from(path));
            }
            "--reorder" => self.options.reorder = reorder(flag, value()?)?,
            "--load-restrictor" => self.options.load_restrictions = restriction(flag, value()?)?,
            "--enable-managedby-label" => self.options.managed_by_label = switch()?,
            "--enable-helm" => self.enable_helm = switch()?,
            "--helm-api-versions" => self.helm_api_versions.push(value()?),
            "--helm-kube-version" => self.helm_kube_version = value()?,
            "--helm-command" => {
                if value()?.is_empty() {
                    return Err(ArgumentError::EmptyValue(flag.to_owned()));
                }
                self.notes
                    .push("--helm-command has no effect: charts are rendered by sluice itself".to_owned());
            }
            "--env" | "--mount" | "--network-name" => {
                value()?;
                self.notes.push(without_effect(flag));
            }
            "--network" | "--as-current-user" => {
                if switch()? {
                    self.notes.push(without_effect(flag));
                }
            }
            // A kustomization that needs one of these says so when it is built.
            "--enable-alpha-plugins"
            | "--enable-exec"
            | "--enable-star"
            | "--helm-debug"
            | "--stack-trace" => {
                switch()?;
            }
            _ => return Err(ArgumentError::UnknownFlag(flag.to_owned())),
        }
        Ok(())
    }

    /// Builds from files alone.
    pub fn build(&self) -> Result<Build, Error> {
        self.build_with(None, None)
    }

    /// Builds with the network, and with charts if the flags ask for them.
    pub fn build_with(
        &self,
        remote: Option<&dyn Remote>,
        charts: Option<&dyn Charts>,
    ) -> Result<Build, Error> {
        let jail = Jail::new(self.root.as_deref().unwrap_or(Path::new("/")))?;
        let environment = Environment { files: &jail, remote, charts: charts.filter(|_| self.enable_helm) };
        // As in kustomize, a text that can be a repository is one, whatever there is on the disk.
        if let Some(Ok(repository)) = self.directory.to_str().map(Repository::parse) {
            return build_repository(environment, &repository, &self.options);
        }
        let directory = std::path::absolute(&self.directory)
            .map_err(|source| Error::Fs(crate::fs::FsError::Io { path: self.directory.clone(), source }))?;
        build_in(environment, &directory, &self.options)
    }
}

/// The flag in its long form, and the value behind `=` or, for a short one, behind the letter.
fn split(argument: &str) -> Result<(&str, Option<&str>), ArgumentError> {
    if argument.starts_with("--") {
        return Ok(match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (argument, None),
        });
    }
    let unknown = || ArgumentError::UnknownFlag(argument.to_owned());
    let (letter, rest) = argument.split_at_checked(2).ok_or_else(unknown)?;
    let value = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest));
    match letter {
        "-o" => Ok(("--output", value)),
        "-e" => Ok(("--env", value)),
        "-h" => Ok(("--help", value)),
        _ => Err(unknown()),
    }
}

fn without_effect(flag: &str) -> String {
    format!("{flag} has no effect: plugins in containers and programs are never run")
}

fn switch(flag: &str, value: Option<&str>) -> Result<bool, ArgumentError> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(value) => {
            let (flag, value) = (flag.to_owned(), value.to_owned());
            Err(ArgumentError::InvalidValue { flag, value, accepted: "true, false" })
        }
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
        for text in ["-o out.yaml", "-oout.yaml", "-o=out.yaml", "--output=out.yaml d"] {
            assert_eq!(parse(text).unwrap().output, Some("out.yaml".into()), "{text}");
        }
        let parsed =
            parse("--enable-helm=false -e A=1 --mount type=bind --as-current-user --stack-trace d").unwrap();
        assert!(!parsed.enable_helm && parsed.notes.len() == 3);
        let parsed = parse("--enable-helm --helm-api-versions a/v1 --helm-api-versions=b/v1 -h").unwrap();
        assert!(parsed.enable_helm && parsed.help && parsed.helm_api_versions == ["a/v1", "b/v1"]);
        assert_eq!(parse("-- -d").unwrap().directory, Path::new("-d"));
    }

    #[test]
    fn wrong_flags() {
        assert_eq!(parse("--nope"), Err(ArgumentError::UnknownFlag("--nope".into())));
        assert_eq!(parse("-x"), Err(ArgumentError::UnknownFlag("-x".into())));
        assert_eq!(parse("--root"), Err(ArgumentError::MissingValue("--root".into())));
        assert!(parse("--reorder=random").is_err() && parse("--enable-helm=maybe").is_err());
        assert_eq!(parse("a b"), Err(ArgumentError::ManyDirectories));
    }

    #[test]
    fn a_repository_is_asked_for() {
        let error = parse("https://example.com/o/r//d?ref=v1").unwrap().build().unwrap_err().to_string();
        assert!(error.contains("https://example.com/o/r") && error.contains("not allowed"), "{error}");
    }
}
