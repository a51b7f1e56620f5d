//! `helm template`.

use anyhow::{Context as _, Result, anyhow, bail};
use sluice_chart::{
    Capabilities, Chart, KubeVersion, ReleaseInfo, RenderError, RenderOptions, Rendered, check_release_name,
    render, render_name,
};
use tokio::runtime::Handle;

use super::fetch::Fetch;
use super::flags::Flags;
use super::{locate, values, write};
use crate::context::Context;

/// Runs the command.
pub(super) async fn run(words: &[String], context: &Context) -> Result<()> {
    let flags = match Flags::parse_from(words) {
        Ok(flags) => flags,
        Err(error) if !error.use_stderr() => {
            error.print()?;
            return Ok(());
        }
        Err(error) => {
            let text = error.render().to_string();
            bail!("{}", text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        }
    };
    flags.check()?;
    let capabilities = capabilities(&flags)?;
    let (name, chart) = name_and_chart(&flags)?;
    let loaded = locate::chart(&chart, &flags, context.output).await?;
    loaded.chart.check_installable()?;
    if loaded.chart.metadata.deprecated {
        context.output.warning("this chart is deprecated");
    }
    check_release_name(&name).with_context(|| format!("release name {name:?}"))?;
    for warning in &loaded.warnings {
        context.output.warning(warning);
    }
    let release = ReleaseInfo {
        name: name.clone(),
        namespace: flags.namespace.clone(),
        revision: 1,
        is_upgrade: flags.is_upgrade,
    };
    // Values and schemas may have to be fetched while this goes on.
    let runtime = Handle::current();
    let work = || rendered(loaded.chart, release, capabilities, &flags, runtime);
    let rendered = match tokio::task::block_in_place(work)? {
        Ok(rendered) => rendered,
        Err(error) => return Err(explain(error, &flags, context)),
    };
    for warning in &rendered.warnings {
        context.output.warning(warning);
    }
    write::write(&rendered, &name, &flags, context.output)
}

fn rendered(
    chart: Chart,
    release: ReleaseInfo,
    capabilities: Capabilities,
    flags: &Flags,
    runtime: Handle,
) -> Result<Result<Rendered, RenderError>> {
    let fetcher = Fetch::new(flags.from.clone(), runtime);
    let values = values::merge(flags, &fetcher)?;
    let mut options = RenderOptions::new(release);
    options.capabilities = capabilities;
    options.check_schema = !flags.skip_schema_validation;
    options.fetch_schema = fetcher.schemas();
    options.keep_values = false;
    Ok(render(chart, &values, &options))
}

/// The error, and with `--debug` what was rendered although it is no YAML.
fn explain(error: RenderError, flags: &Flags, context: &Context) -> anyhow::Error {
    if let (true, RenderError::Sort { files, .. }) = (flags.debug, &error) {
        for (path, text) in files.iter().filter(|(_, text)| !text.trim().is_empty()) {
            if let Err(error) = context.output.data(&format!("---\n# Source: {path}\n{text}\n")) {
                return error;
            }
        }
        return error.into();
    }
    if error.is_of_templates() && !flags.debug {
        return anyhow!("{error}\n\nUse --debug flag to render out invalid YAML");
    }
    error.into()
}

fn capabilities(flags: &Flags) -> Result<Capabilities> {
    let mut capabilities = Capabilities::default();
    if let Some(version) = &flags.kube_version {
        capabilities.kube_version =
            KubeVersion::parse(version).with_context(|| format!("invalid kube version '{version}'"))?;
    }
    capabilities.api_versions.extend(flags.api_versions.iter().cloned());
    Ok(capabilities)
}

/// The release's name and the chart, as the words and flags have them.
fn name_and_chart(flags: &Flags) -> Result<(String, String)> {
    match flags.words.as_slice() {
        [name, chart] => {
            if flags.generate_name {
                bail!("cannot set --generate-name and also specify a name");
            }
            if flags.name_template.is_some() {
                bail!("cannot set --name-template and also specify a name");
            }
            Ok((name.clone(), chart.clone()))
        }
        [chart] => {
            let name = match &flags.name_template {
                Some(template) => render_name(template)?,
                // Helm's default name comes before --generate-name.
                None => "release-name".to_owned(),
            };
            Ok((name, chart.clone()))
        }
        words => {
            let rest = words.get(2..).unwrap_or_default();
            bail!("expected at most two arguments, unexpected arguments: {}", rest.join(", "))
        }
    }
}
