//! `events`: the events of Flux objects.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use futures::stream::select_all;
use futures::{StreamExt, TryStreamExt, pin_mut};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use sluice_apis::k8s::Event;

use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::{self, Kind};
use crate::object::{some_text, text};
use crate::table::Table;
use crate::text::human_duration;

/// How many events one answer of the API server holds.
const PAGE: u32 = 500;

/// Arguments of `events`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show events as they happen
    #[arg(short, long)]
    watch: bool,
    /// Only events of an object and of what it is made from, as Kind/name
    #[arg(long = "for", value_name = "KIND[/NAME]")]
    for_object: Option<String>,
    /// Only events of these types: Normal, Warning
    #[arg(long, value_delimiter = ',')]
    types: Vec<String>,
}

/// Events to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Query {
    /// All namespaces if there is none.
    namespace: Option<String>,
    field_selector: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    for kind in &arguments.types {
        if !["Normal", "Warning"].iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            bail!("type '{kind}' not supported. Supported types are Normal, Warning");
        }
    }
    let (client, queries) = context
        .within(async {
            let client = context.client().await?;
            let queries = queries(&client, &arguments, context.namespace()).await?;
            Ok((client, queries))
        })
        .await?;
    let first = queries.first().and_then(|query| query.namespace.clone());
    let with_namespace = first.is_none() || queries.iter().any(|query| query.namespace != first);
    if arguments.watch {
        return watch(&client, &queries, &arguments.types, with_namespace, context).await;
    }
    let events = context.within(fetch(&client, &queries)).await?;
    let mut table = table(with_namespace);
    for event in events.iter().filter(|event| is_shown(event, &arguments.types)) {
        table.push(row(event, with_namespace, Timestamp::now()));
    }
    if table.is_empty() {
        if arguments.all_namespaces {
            context.output.failure("No events found.");
        } else {
            context.output.failure(format_args!("No events found in {} namespace.", context.namespace()));
        }
        return Ok(());
    }
    context.output.data(&table.render(true))
}

/// The events that the arguments ask for: those of the object first, then of what it is made from.
async fn queries(client: &Client, arguments: &Arguments, namespace: &str) -> Result<Vec<Query>> {
    let scope = (!arguments.all_namespaces).then(|| namespace.to_owned());
    let Some(selector) = &arguments.for_object else {
        return Ok(vec![Query { namespace: scope, field_selector: None }]);
    };
    let (kind, name) = selector.split_once('/').unwrap_or((selector, ""));
    let kind = kinds::find(kind).ok_or_else(|| anyhow!("'{kind}' is not a recognized Flux kind"))?;
    let mut queries = vec![Query { namespace: scope, field_selector: Some(field_selector(kind.kind, name)) }];
    if !name.is_empty() {
        queries.extend(references(client, kind, namespace, name).await?);
    }
    Ok(queries)
}

fn field_selector(kind: &str, name: &str) -> String {
    if name.is_empty() {
        format!("involvedObject.kind={kind}")
    } else {
        format!("involvedObject.kind={kind},involvedObject.name={name}")
    }
}

/// What the object refers to, as far as that has events of its own.
async fn references(client: &Client, kind: &Kind, namespace: &str, name: &str) -> Result<Vec<Query>> {
    let (pointer, fixed_kind) = match kind.kind {
        "Kustomization" | "HelmChart" => ("/spec/sourceRef", None),
        "HelmRelease" => ("/spec/chart/spec/sourceRef", None),
        "Alert" => ("/spec/providerRef", Some("Provider")),
        "ImagePolicy" => ("/spec/imageRepositoryRef", Some("ImageRepository")),
        _ => return Ok(Vec::new()),
    };
    let object = kind.api(client, namespace).get(name).await.map_err(explain)?;
    let part = |field: &str| some_text(&object, &format!("{pointer}/{field}"));
    let source_namespace = part("namespace").unwrap_or(namespace);
    let mut queries = Vec::new();
    if let (Some(kind), Some(name)) = (fixed_kind.or_else(|| part("kind")), part("name")) {
        queries.push(Query {
            namespace: Some(source_namespace.to_owned()),
            field_selector: Some(field_selector(kind, name)),
        });
    }
    if let Some((namespace, name)) = text(&object, "/status/helmChart").split_once('/') {
        queries.push(Query {
            namespace: Some(namespace.to_owned()),
            field_selector: Some(field_selector("HelmChart", name)),
        });
    }
    Ok(queries)
}

fn api(client: &Client, query: &Query) -> Api<Event> {
    match &query.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// The events of all queries, each once, the oldest first.
async fn fetch(client: &Client, queries: &[Query]) -> Result<Vec<Event>> {
    let mut events = BTreeMap::new();
    for query in queries {
        let mut params = ListParams::default().limit(PAGE);
        params.field_selector.clone_from(&query.field_selector);
        loop {
            let page = api(client, query).list(&params).await.map_err(explain)?;
            for event in page.items {
                let name = event.metadata.name.clone().unwrap_or_default();
                events.insert((time(&event), event.metadata.namespace.clone(), name), event);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(events.into_values().collect())
}

async fn watch(
    client: &Client,
    queries: &[Query],
    types: &[String],
    with_namespace: bool,
    context: &Context,
) -> Result<()> {
    let streams = queries.iter().map(|query| {
        let mut config = watcher::Config::default();
        config.field_selector.clone_from(&query.field_selector);
        watcher(api(client, query), config).default_backoff().applied_objects().boxed()
    });
    let events = select_all(streams);
    pin_mut!(events);
    let mut table = table(with_namespace);
    let mut is_first = true;
    while let Some(event) = events.try_next().await? {
        if is_shown(&event, types) {
            table.push(row(&event, with_namespace, Timestamp::now()));
            context.output.data(&table.render(std::mem::take(&mut is_first)))?;
        }
    }
    Ok(())
}

/// Whether the event is about one of Flux's kinds and of one of the types.
fn is_shown(event: &Event, types: &[String]) -> bool {
    let kind = event.involved_object.kind.as_deref().unwrap_or_default();
    let actual = event.type_.as_deref().unwrap_or_default();
    kinds::find(kind).is_some()
        && (types.is_empty() || types.iter().any(|wanted| wanted.eq_ignore_ascii_case(actual)))
}

/// When the event last happened.
fn time(event: &Event) -> Option<Timestamp> {
    let series =
        event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    series
        .or_else(|| event.last_timestamp.as_ref().map(|time| time.0))
        .or_else(|| event.event_time.as_ref().map(|time| time.0))
}

fn table(with_namespace: bool) -> Table {
    let columns = ["Last seen", "Type", "Reason", "Object", "Message"];
    Table::new(with_namespace.then_some("Namespace").into_iter().chain(columns))
}

fn row(event: &Event, with_namespace: bool, now: Timestamp) -> Vec<String> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let object = &event.involved_object;
    let mut row = Vec::new();
    if with_namespace {
        row.push(text(&event.metadata.namespace));
    }
    row.push(last_seen(event, now));
    row.push(text(&event.type_));
    row.push(text(&event.reason));
    row.push(format!("{}/{}", text(&object.kind), text(&object.name)));
    row.push(text(&event.message));
    row
}

/// `5s`, or for repeated events `5s (x3 over 2m)`.
fn last_seen(event: &Event, now: Timestamp) -> String {
    let since = |time: Option<Timestamp>| match time {
        Some(time) => human_duration(now.duration_since(time).try_into().unwrap_or_default()),
        None => "<unknown>".to_owned(),
    };
    let first = event
        .event_time
        .as_ref()
        .map(|time| time.0)
        .or_else(|| event.first_timestamp.as_ref().map(|time| time.0));
    if let Some(series) = &event.series {
        let count = series.count.unwrap_or_default();
        let last = series.last_observed_time.as_ref().map(|time| time.0);
        return format!("{} (x{count} over {})", since(last), since(first));
    }
    match event.count {
        Some(count) if count > 1 => {
            let last = event.last_timestamp.as_ref().map(|time| time.0);
            format!("{} (x{count} over {})", since(last), since(first))
        }
        _ => since(first),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(content: &serde_json::Value) -> Event {
        let mut value = json!({
            "metadata": { "name": "a", "namespace": "apps" },
            "type": "Normal",
            "reason": "Progressing",
            "message": "ConfigMap/apps/a created",
            "involvedObject": { "kind": "Kustomization", "name": "app" },
            "firstTimestamp": "2024-01-01T00:00:00Z",
            "lastTimestamp": "2024-01-01T00:02:00Z",
        });
        value.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn now() -> Timestamp {
        "2024-01-01T00:02:05Z".parse().unwrap()
    }

    #[test]
    fn rows_read_as_kubectls() {
        assert_eq!(
            row(&event(&json!({})), true, now()),
            ["apps", "2m5s", "Normal", "Progressing", "Kustomization/app", "ConfigMap/apps/a created"]
        );
        assert_eq!(row(&event(&json!({"count": 3})), false, now())[0], "5s (x3 over 2m5s)");
    }

    #[test]
    fn only_flux_kinds_of_the_wanted_types_are_shown() {
        let pod = event(&json!({"involvedObject": {"kind": "Pod", "name": "p"}}));
        assert!(!is_shown(&pod, &[]));
        assert!(is_shown(&event(&json!({})), &["normal".to_owned()]));
        assert!(!is_shown(&event(&json!({})), &["Warning".to_owned()]));
    }
}
