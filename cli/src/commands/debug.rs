//! `debug`: what a HelmRelease or a Kustomization works with, and what it has done.

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_manifests::variables;
use sluice_release::values::{self, NoFiles};

use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::{self, Kind};

/// Where statuses are described.
const DOCUMENTATION: &str = "https://fluxcd.io/flux/components";

/// Arguments of `debug`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Print the status, the values or the history of a HelmRelease; values of Secrets are shown
    #[command(visible_alias = "hr")]
    Helmrelease(Release),
    /// Print the status, the variables or the history of a Kustomization; values of Secrets are shown
    #[command(visible_alias = "ks")]
    Kustomization(Kustomized),
}

/// What to print of a HelmRelease.
#[derive(Args, Clone, Debug)]
struct Release {
    /// Name of the HelmRelease
    name: String,
    #[command(flatten)]
    shown: Shown,
    /// Print the values with those of ConfigMaps and Secrets
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false)]
    #[arg(default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    show_values: bool,
}

/// What to print of a Kustomization.
#[derive(Args, Clone, Debug)]
struct Kustomized {
    /// Name of the Kustomization
    name: String,
    #[command(flatten)]
    shown: Shown,
    /// Print the variables for post-build substitution as KEY=value
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false)]
    #[arg(default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    show_vars: bool,
}

/// What both kinds have to print. As with Flux, flags may say that they are not meant.
#[derive(Args, Clone, Debug)]
struct Shown {
    /// Print the status
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false)]
    #[arg(default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    show_status: bool,
    /// Print what is remembered of earlier reconciliations
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false)]
    #[arg(default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    show_history: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let text = match arguments.target {
        Target::Helmrelease(arguments) => release(&arguments, context).await?,
        Target::Kustomization(arguments) => kustomization(&arguments, context).await?,
    };
    context.output.data(&text)
}

async fn release(arguments: &Release, context: &Context) -> Result<String> {
    let name = &arguments.name;
    match (arguments.shown.show_status, arguments.show_values, arguments.shown.show_history) {
        (true, false, false) => {
            let object = get(&kinds::HELM_RELEASE, name, context).await?;
            Ok(status_text("helm/helmreleases/#helmrelease-status", &release_status(&object)))
        }
        (false, true, false) => release_values(name, context).await,
        (false, false, true) => {
            let object = get(&kinds::HELM_RELEASE, name, context).await?;
            Ok(history_text("helm/helmreleases/#history", &release_status(&object)))
        }
        _ => bail!("exactly one of --show-status, --show-values, or --show-history must be set"),
    }
}

async fn kustomization(arguments: &Kustomized, context: &Context) -> Result<String> {
    let name = &arguments.name;
    match (arguments.shown.show_status, arguments.show_vars, arguments.shown.show_history) {
        (true, false, false) => {
            let object = get(&kinds::KUSTOMIZATION, name, context).await?;
            Ok(status_text("kustomize/kustomizations/#kustomization-status", &status(&object)))
        }
        (false, true, false) => kustomization_variables(name, context).await,
        (false, false, true) => {
            let object = get(&kinds::KUSTOMIZATION, name, context).await?;
            Ok(history_text("kustomize/kustomizations/#history", &status(&object)))
        }
        _ => bail!("exactly one of --show-status, --show-vars, or --show-history must be set"),
    }
}

async fn get(kind: &Kind, name: &str, context: &Context) -> Result<DynamicObject> {
    kind.api(&context.client().await?, context.namespace()).get(name).await.map_err(explain)
}

/// The values as the release gets them.
async fn release_values(name: &str, context: &Context) -> Result<String> {
    let (client, namespace) = (context.client().await?, context.namespace());
    let api: Api<HelmRelease> = Api::namespaced(client.clone(), namespace);
    let object = api.get(name).await.map_err(explain)?;
    let no_files = NoFiles("values from files of sources can't be read here: put the file into spec.values");
    let found = values::read(&client, namespace, &object.spec.values_from, &no_files).await?;
    let inline = values::inline(object.spec.values.as_ref())?;
    let composed = values::compose(namespace, inline, &found)?;
    Ok(sluice_yaml::to_yaml(&Value::Object(composed)))
}

/// The variables, one a line: they have no line feeds, as the controller takes those out.
async fn kustomization_variables(name: &str, context: &Context) -> Result<String> {
    let client = context.client().await?;
    let api: Api<Kustomization> = Api::namespaced(client.clone(), context.namespace());
    let object = api.get(name).await.map_err(explain)?;
    if object.spec.post_build.is_none() {
        bail!("no post build substitutions found");
    }
    let found = variables::read(&client, &object).await.map_err(|error| match error.detail() {
        Some(detail) => anyhow!("{error}; {detail}"),
        None => anyhow!("{error}"),
    })?;
    let mut text = String::new();
    for (name, value) in &found.variables {
        text.extend([name.as_str(), "=", value, "\n"]);
    }
    Ok(text)
}

fn status(object: &DynamicObject) -> Value {
    object.data.get("status").cloned().unwrap_or_else(|| json!({}))
}

/// The status as Flux prints it: times that are not set are null there.
fn release_status(object: &DynamicObject) -> Value {
    let mut status = status(object);
    let history = status.get_mut("history").and_then(Value::as_array_mut);
    for snapshot in history.into_iter().flatten().filter_map(Value::as_object_mut) {
        snapshot.entry("deleted").or_insert(Value::Null);
        let hooks = snapshot.get_mut("testHooks").and_then(Value::as_object_mut);
        for hook in hooks.into_iter().flat_map(|hooks| hooks.values_mut()).filter_map(Value::as_object_mut) {
            for time in ["lastStarted", "lastCompleted"] {
                hook.entry(time).or_insert(Value::Null);
            }
        }
    }
    status
}

fn status_text(page: &str, status: &Value) -> String {
    format!("# Status documentation: {DOCUMENTATION}/{page}\n{}", sluice_yaml::to_yaml(status))
}

fn history_text(page: &str, status: &Value) -> String {
    let history = status.get("history").filter(|history| !history.is_null()).cloned();
    let history = history.unwrap_or_else(|| json!([]));
    format!("# History documentation: {DOCUMENTATION}/{page}\n{}", sluice_yaml::to_yaml(&history))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::object;

    #[test]
    fn no_history_is_an_empty_list() {
        let text = history_text("helm/helmreleases/#history", &release_status(&object(json!({}))));
        let expected =
            "# History documentation: https://fluxcd.io/flux/components/helm/helmreleases/#history\n[]\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn times_of_releases_that_are_not_set_are_null() {
        let history = json!([
            {"version": 2, "testHooks": {"t": {"lastStarted": "2026-01-01T00:00:00Z"}}},
            {"version": 1, "deleted": "2026-01-01T00:00:00Z"},
        ]);
        let status = release_status(&object(json!({"status": {"history": history}})));
        let text = history_text("x", &status);
        let (_, text) = text.split_once('\n').unwrap();
        assert_eq!(
            text,
            "- deleted: null\n  testHooks:\n    t:\n      lastCompleted: null\n      lastStarted: \"2026-01-01T00:00:00Z\"\n  \
             version: 2\n- deleted: \"2026-01-01T00:00:00Z\"\n  version: 1\n"
        );
    }
}
