//! `create tenant`: where a team's objects go, and what may act on them.

use anyhow::{Result, bail};
use clap::Args;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::flags::{Meta, object_name};
use crate::cluster::explain;
use crate::commands::export::document;
use crate::context::Context;

/// Says whose an object is.
const TENANT: &str = "toolkit.fluxcd.io/tenant";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Arguments of `create tenant`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// Namespaces of the tenant
    #[arg(long, value_name = "NAMESPACE,…", value_delimiter = ',', required = true, value_parser = object_name)]
    with_namespace: Vec<String>,
    /// What the tenant may do in them
    #[arg(long, value_name = "ROLE", default_value = "cluster-admin")]
    cluster_role: String,
    /// Name of the tenant's service accounts; that of the tenant when not given
    #[arg(long, value_name = "NAME", value_parser = object_name)]
    with_service_account: Option<String>,
    /// The namespaces are there already
    #[arg(long)]
    skip_namespace: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    if arguments.cluster_role.is_empty() {
        bail!("cluster-role is required");
    }
    let objects = objects(&arguments);
    if arguments.meta.export {
        let text: String = objects.iter().map(|(_, object)| document(object)).collect();
        return context.output.data(&text);
    }
    context
        .within(async {
            let client = context.client().await?;
            for (what, object) in &objects {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                context.output.action(format_args!("applying {what} {name}"));
                apply(&client, object).await?;
            }
            Ok(())
        })
        .await?;
    context.output.success("tenant setup completed");
    Ok(())
}

/// The objects of all namespaces, each with what it is called in messages.
fn objects(arguments: &Arguments) -> Vec<(&'static str, Value)> {
    let mut labels = arguments.meta.labels();
    labels.insert(TENANT.to_owned(), json!(arguments.meta.name));
    let account = arguments.with_service_account.as_ref().unwrap_or(&arguments.meta.name);
    let mut objects = Vec::new();
    for namespace in &arguments.with_namespace {
        if !arguments.skip_namespace {
            objects.push((
                "namespace",
                json!({
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": { "name": namespace, "labels": labels },
                }),
            ));
        }
        objects.push((
            "service account",
            json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": { "name": account, "namespace": namespace, "labels": labels },
            }),
        ));
        objects.push((
            "role binding",
            json!({
                "apiVersion": format!("{RBAC}/v1"),
                "kind": "RoleBinding",
                "metadata": {
                    "name": format!("{}-reconciler", arguments.meta.name),
                    "namespace": namespace,
                    "labels": labels,
                },
                "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": arguments.cluster_role },
                "subjects": [
                    { "apiGroup": RBAC, "kind": "User", "name": format!("gotk:{namespace}:reconciler") },
                    { "kind": "ServiceAccount", "name": account, "namespace": namespace },
                ],
            }),
        ));
    }
    objects
}

/// Creates the object, or brings one of its name up to date.
async fn apply(client: &Client, object: &Value) -> Result<()> {
    let wanted: DynamicObject = serde_json::from_value(object.clone())?;
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let (group, plural) = match object["kind"].as_str() {
        Some("Namespace") => ("", "namespaces"),
        Some("RoleBinding") => (RBAC, "rolebindings"),
        _ => ("", "serviceaccounts"),
    };
    let resource = ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: object["apiVersion"].as_str().unwrap_or_default().to_owned(),
        kind: object["kind"].as_str().unwrap_or_default().to_owned(),
        plural: plural.to_owned(),
    };
    let api: Api<DynamicObject> = match metadata["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let existing = api.get_opt(name).await.map_err(explain)?;
    match existing {
        // A role binding is for one role for good.
        Some(old) if group == RBAC && old.data["roleRef"] != object["roleRef"] => {
            api.delete(name, &DeleteParams::default()).await.map_err(explain)?;
            api.create(&PostParams::default(), &wanted).await.map_err(explain)?;
        }
        Some(_) => {
            api.patch(name, &PatchParams::default(), &Patch::Merge(object)).await.map_err(explain)?;
        }
        None => {
            api.create(&PostParams::default(), &wanted).await.map_err(explain)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> Arguments {
        Arguments {
            meta: Meta { name: "dev-team".to_owned(), export: true, labels: Vec::new() },
            with_namespace: vec!["apps".to_owned(), "staging".to_owned()],
            cluster_role: "cluster-admin".to_owned(),
            with_service_account: None,
            skip_namespace: false,
        }
    }

    #[test]
    fn each_namespace_has_an_account_that_may_act_in_it() {
        let all = objects(&arguments());
        let kinds: Vec<&str> = all.iter().map(|(what, _)| *what).collect();
        let one = ["namespace", "service account", "role binding"];
        assert_eq!(kinds, [one, one].concat());
        assert_eq!(all[0].1["metadata"]["labels"], json!({"toolkit.fluxcd.io/tenant": "dev-team"}));
        assert_eq!(all[2].1["metadata"]["name"], "dev-team-reconciler");
        assert_eq!(
            all[2].1["subjects"],
            json!([
                {"apiGroup": RBAC, "kind": "User", "name": "gotk:apps:reconciler"},
                {"kind": "ServiceAccount", "name": "dev-team", "namespace": "apps"},
            ])
        );
        let account =
            Arguments { with_service_account: Some("flux".to_owned()), skip_namespace: true, ..arguments() };
        let all = objects(&account);
        assert_eq!((all.len(), &all[0].1["metadata"]["name"]), (4, &json!("flux")));
    }
}
