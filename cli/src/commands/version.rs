//! `version`: of this program and of the controllers.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::installation;

/// The version of this program.
pub(crate) const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Arguments of `version`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only this program's version
    #[arg(long)]
    client: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut lines = vec![("sluice".to_owned(), VERSION.to_owned())];
    if !arguments.client {
        let client = context.client().await?;
        if let Some(found) = installation::find(&client).await?
            && !found.distribution.is_empty()
        {
            lines.push(("distribution".to_owned(), found.distribution));
        }
        let deployments = installation::deployments(&client, context.namespace()).await?;
        if deployments.is_empty() {
            bail!("no deployments found in {} namespace", context.namespace());
        }
        let controllers: BTreeMap<&str, &str> =
            deployments.iter().flat_map(installation::images).filter_map(name_and_tag).collect();
        lines.extend(controllers.into_iter().map(|(name, tag)| (name.to_owned(), tag.to_owned())));
    }
    match arguments.output {
        Format::Yaml => {
            for (name, version) in lines {
                context.output.data_line(format_args!("{name}: {version}"))?;
            }
            Ok(())
        }
        Format::Json => {
            let map: Map<String, Value> =
                lines.into_iter().map(|(name, version)| (name, json!(version))).collect();
            context.output.data_line(format_args!("{:#}", Value::Object(map)))
        }
    }
}

/// The last part of an image's name, and its tag; nothing without a tag.
fn name_and_tag(image: &str) -> Option<(&str, &str)> {
    let without_digest = image.split_once('@').map_or(image, |(image, _)| image);
    let last = without_digest.rsplit_once('/').map_or(without_digest, |(_, last)| last);
    last.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_behind_registries_with_ports() {
        assert_eq!(
            name_and_tag("registry:5000/sluice/source-controller:v1"),
            Some(("source-controller", "v1"))
        );
        assert_eq!(name_and_tag("sluice/source-controller:v1@sha256:aa"), Some(("source-controller", "v1")));
        assert_eq!(name_and_tag("registry:5000/sluice/source-controller"), None);
    }
}
