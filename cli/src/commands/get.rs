//! `get`: objects and their state.

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::cluster::{explain, is_not_found};
use crate::context::Context;
use crate::kinds::{self, Kind};
use crate::object;
use crate::objects::{ImageCommand, OtherCommand, SourceCommand};
use crate::selector::StatusSelector;
use crate::table::Table;
use crate::text::{chain, human_duration};

/// How many objects one answer of the API server holds.
const PAGE: u32 = 500;

/// Arguments of `get`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Objects of all kinds
    All(Selection),
    /// Sources
    #[command(subcommand, visible_alias = "source")]
    Sources(SourceTarget),
    /// Image repositories, policies and updates
    #[command(subcommand, visible_alias = "image")]
    Images(ImageTarget),
    #[command(flatten)]
    Other(OtherCommand<Selection>),
}

#[derive(Debug, Subcommand)]
enum SourceTarget {
    /// Sources of all kinds
    All(Selection),
    #[command(flatten)]
    One(SourceCommand<Selection>),
}

#[derive(Debug, Subcommand)]
enum ImageTarget {
    /// Image objects of all kinds
    All(Selection),
    #[command(flatten)]
    One(ImageCommand<Selection>),
}

/// Which objects, and how to show them.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// Name of an object; all when not given
    name: Option<String>,
    /// Objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Leave out the header
    #[arg(long)]
    no_header: bool,
    /// Only objects with a condition, such as ready=false or ready!=true
    #[arg(long, value_name = "TYPE=STATUS")]
    status_selector: Option<StatusSelector>,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    label_selector: Option<String>,
    /// Show changes as they happen
    #[arg(short, long)]
    watch: bool,
    /// Show the source of Kustomizations and Helm releases
    #[arg(long)]
    show_source: bool,
    /// How to print
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    Json,
    Yaml,
    Wide,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (kinds, selection, several): (Vec<&Kind>, Selection, bool) = match arguments.target {
        Target::All(selection) => {
            (kinds::SOURCES.into_iter().chain(kinds::IMAGES).chain(kinds::OTHERS).collect(), selection, true)
        }
        Target::Sources(SourceTarget::All(selection)) => (kinds::SOURCES.to_vec(), selection, true),
        Target::Images(ImageTarget::All(selection)) => (kinds::IMAGES.to_vec(), selection, true),
        Target::Sources(SourceTarget::One(command)) => one(command.split()),
        Target::Images(ImageTarget::One(command)) => one(command.split()),
        Target::Other(command) => one(command.split()),
    };
    if selection.watch {
        let [kind] = kinds.as_slice() else {
            bail!("expected a single resource type, but found all");
        };
        return watch(kind, &selection, context).await;
    }
    context.within(list(&kinds, &selection, several, context)).await
}

fn one((kind, selection): (&'static Kind, Selection)) -> (Vec<&'static Kind>, Selection, bool) {
    (vec![kind], selection, false)
}

async fn list(kinds: &[&Kind], selection: &Selection, several: bool, context: &Context) -> Result<()> {
    let client = context.client().await?;
    if matches!(selection.output, Some(Format::Json | Format::Yaml)) {
        return list_data(&client, kinds, selection, several, context).await;
    }
    for kind in kinds {
        let items = match fetch(&client, kind, selection, context).await {
            Ok(items) => items,
            Err(error) if several => {
                // A kind that is not installed has no objects.
                if !is_not_found(&error) {
                    context.output.failure(chain(&explain(error)));
                }
                continue;
            }
            Err(error) => return Err(explain(error)),
        };
        if items.is_empty() {
            if several {
                if let Some(name) = &selection.name {
                    context.output.failure(not_found(kind, Some(name), selection, context));
                }
                continue;
            }
            return Err(anyhow!(not_found(kind, selection.name.as_deref(), selection, context)));
        }
        let mut table = table(kind, selection);
        for item in items.iter().filter(|item| is_selected(kind, item, selection)) {
            table.push(row(kind, item, selection, several));
        }
        if several && table.is_empty() {
            continue;
        }
        context.output.data(&table.render(!selection.no_header))?;
        if several {
            context.output.data("\n")?;
        }
    }
    Ok(())
}

async fn list_data(
    client: &Client,
    kinds: &[&Kind],
    selection: &Selection,
    several: bool,
    context: &Context,
) -> Result<()> {
    let mut items = Vec::new();
    for kind in kinds {
        match fetch(client, kind, selection, context).await {
            Ok(fetched) => {
                items.extend(fetched.into_iter().filter(|item| is_selected(kind, item, selection)).map(
                    |mut item| {
                        item.metadata.managed_fields = None;
                        item.types.get_or_insert_with(|| kube::api::TypeMeta {
                            api_version: format!("{}/{}", kind.group, kind.version),
                            kind: kind.kind.to_owned(),
                        });
                        item
                    },
                ));
            }
            Err(error) if several && is_not_found(&error) => {}
            Err(error) => return Err(explain(error)),
        }
    }
    let value = match (selection.name.as_deref(), items.as_slice()) {
        (Some(name), []) => {
            let kind = kinds.first().copied().unwrap_or(&kinds::KUSTOMIZATION);
            return Err(anyhow!(not_found(kind, Some(name), selection, context)));
        }
        (Some(_), [item]) => serde_json::to_value(item)?,
        _ => json!({ "apiVersion": "v1", "kind": "List", "items": items }),
    };
    match selection.output {
        Some(Format::Json) => context.output.data_line(format_args!("{value:#}")),
        _ => context.output.data(&sluice_yaml::to_yaml(&value)),
    }
}

/// All objects that the name, the namespace and the labels select.
async fn fetch(
    client: &Client,
    kind: &Kind,
    selection: &Selection,
    context: &Context,
) -> Result<Vec<DynamicObject>, kube::Error> {
    let api = api(client, kind, selection, context);
    let mut params = ListParams::default().limit(PAGE);
    params.field_selector = selection.name.as_ref().map(|name| format!("metadata.name={name}"));
    params.label_selector.clone_from(&selection.label_selector);
    let mut items = Vec::new();
    loop {
        let page = api.list(&params).await?;
        items.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(items),
        }
    }
}

fn api(client: &Client, kind: &Kind, selection: &Selection, context: &Context) -> Api<DynamicObject> {
    if selection.all_namespaces { kind.api_all(client) } else { kind.api(client, context.namespace()) }
}

fn not_found(kind: &Kind, name: Option<&str>, selection: &Selection, context: &Context) -> String {
    let namespace =
        if selection.all_namespaces { "any".to_owned() } else { format!("{:?}", context.namespace()) };
    match name {
        Some(name) => format!("{} object '{name}' not found in {namespace} namespace", kind.kind),
        None => format!("no {} objects found in {namespace} namespace", kind.kind),
    }
}

fn is_selected(kind: &Kind, item: &DynamicObject, selection: &Selection) -> bool {
    selection.status_selector.as_ref().is_none_or(|selector| selector.matches(kind, item))
}

fn table(kind: &Kind, selection: &Selection) -> Table {
    let mut columns = Vec::new();
    if selection.all_namespaces {
        columns.push("Namespace");
    }
    columns.push("Name");
    columns.extend(shown(kind, selection).map(|column| column.name));
    columns.push("Ready");
    if selection.output == Some(Format::Wide) {
        columns.push("Age");
    }
    columns.push("Message");
    Table::new(columns)
}

fn row(kind: &Kind, item: &DynamicObject, selection: &Selection, with_kind: bool) -> Vec<String> {
    let mut row = Vec::new();
    if selection.all_namespaces {
        row.push(object::namespace(item));
    }
    let name = item.name_any();
    row.push(if with_kind { format!("{}/{name}", kind.kind.to_lowercase()) } else { name });
    row.extend(shown(kind, selection).map(|column| (column.cell)(item)));
    let (status, message) = kind.readiness(item);
    row.push(status);
    if selection.output == Some(Format::Wide) {
        row.push(age(item));
    }
    row.push(message);
    row
}

fn shown<'a>(kind: &'a Kind, selection: &Selection) -> impl Iterator<Item = &'a kinds::Column> {
    let all = selection.show_source || selection.output == Some(Format::Wide);
    kind.columns.iter().filter(move |column| all || !column.optional)
}

fn age(item: &DynamicObject) -> String {
    let Some(created) = &item.metadata.creation_timestamp else { return "<unknown>".to_owned() };
    human_duration(Timestamp::now().duration_since(created.0).try_into().unwrap_or_default())
}

/// Prints the objects, then each one that changes, until the watch is interrupted.
async fn watch(kind: &Kind, selection: &Selection, context: &Context) -> Result<()> {
    let client = context.client().await?;
    let config = watcher::Config {
        field_selector: selection.name.as_ref().map(|name| format!("metadata.name={name}")),
        label_selector: selection.label_selector.clone(),
        ..watcher::Config::default()
    };
    let events = watcher(api(&client, kind, selection, context), config).default_backoff();
    pin_mut!(events);
    let mut table = table(kind, selection);
    let mut listed = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::InitApply(item)) if !listed && is_selected(kind, &item, selection) => {
                table.push(row(kind, &item, selection, false));
            }
            Ok(watcher::Event::InitDone) if !listed => {
                listed = true;
                context.output.data(&table.render(!selection.no_header))?;
            }
            // After a broken watch the list comes again: only what changed since matters.
            Ok(watcher::Event::Apply(item)) if is_selected(kind, &item, selection) => {
                table.push(row(kind, &item, selection, false));
                context.output.data(&table.render(false))?;
            }
            Ok(_) => {}
            Err(watcher::Error::InitialListFailed(error)) if !listed => return Err(explain(error)),
            Err(error) => context.output.warning(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::object;

    fn selection() -> Selection {
        Selection {
            name: None,
            all_namespaces: false,
            no_header: false,
            status_selector: None,
            label_selector: None,
            watch: false,
            show_source: false,
            output: None,
        }
    }

    fn kustomization() -> DynamicObject {
        object(json!({
            "spec": { "sourceRef": { "kind": "GitRepository", "name": "repo" } },
            "status": {
                "lastAppliedRevision": "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f",
                "conditions": [{
                    "type": "Ready",
                    "status": "True",
                    "message": "Applied revision: main@sha1:696f056df216eea4f9401adbee0ff744d4df390f",
                }],
            },
        }))
    }

    fn rendered(kind: &Kind, item: &DynamicObject, selection: &Selection, with_kind: bool) -> Vec<String> {
        let mut table = table(kind, selection);
        table.push(row(kind, item, selection, with_kind));
        table.render(true).lines().map(|line| line.replace('\t', "|").replace(' ', "")).collect()
    }

    #[test]
    fn kustomizations_have_the_columns_of_flux() {
        assert_eq!(
            rendered(&kinds::KUSTOMIZATION, &kustomization(), &selection(), false),
            [
                "NAME|REVISION|SUSPENDED|READY|MESSAGE|",
                "app|main@sha1:696f056d|False|True|Appliedrevision:main@sha1:696f056d|",
            ]
        );
    }

    #[test]
    fn namespace_kind_and_source_are_shown_when_asked_for() {
        let selection = Selection { all_namespaces: true, show_source: true, ..selection() };
        assert_eq!(
            rendered(&kinds::KUSTOMIZATION, &kustomization(), &selection, true),
            [
                "NAMESPACE|NAME|SOURCE|REVISION|SUSPENDED|READY|MESSAGE|",
                "apps|kustomization/app|GitRepository/apps/repo|main@sha1:696f056d|False|True\
                 |Appliedrevision:main@sha1:696f056d|",
            ]
        );
    }

    #[test]
    fn each_kind_has_its_columns() {
        let header = |kind: &Kind| rendered(kind, &kustomization(), &selection(), false).remove(0);
        for kind in [&kinds::GIT_REPOSITORY, &kinds::OCI_REPOSITORY, &kinds::BUCKET, &kinds::HELM_CHART] {
            assert_eq!(header(kind), "NAME|REVISION|SUSPENDED|READY|MESSAGE|");
        }
        assert_eq!(header(&kinds::HELM_RELEASE), "NAME|REVISION|SUSPENDED|READY|MESSAGE|");
        assert_eq!(header(&kinds::EXTERNAL_ARTIFACT), "NAME|REVISION|SOURCE|READY|MESSAGE|");
        assert_eq!(header(&kinds::ALERT), "NAME|SUSPENDED|READY|MESSAGE|");
        assert_eq!(header(&kinds::PROVIDER), "NAME|READY|MESSAGE|");
        assert_eq!(header(&kinds::RECEIVER), "NAME|SUSPENDED|READY|MESSAGE|");
        assert_eq!(header(&kinds::IMAGE_REPOSITORY), "NAME|LASTSCAN|SUSPENDED|READY|MESSAGE|");
        assert_eq!(header(&kinds::IMAGE_POLICY), "NAME|IMAGE|TAG|READY|MESSAGE|");
        assert_eq!(header(&kinds::IMAGE_UPDATE), "NAME|LASTRUN|SUSPENDED|READY|MESSAGE|");
        assert_eq!(header(&kinds::ARTIFACT_GENERATOR), "NAME|SUSPENDED|READY|MESSAGE|");
    }
}
