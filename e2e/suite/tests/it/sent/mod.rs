//! What is sent to the API server for what stands in Git: by the server's own record, kind by kind.
//!
//! Each row is a manifest, and what is sent if that differs. Of all rows this must hold: the dry-run and the apply have that
//! body; the controller owns what it sent and nothing else; and a controller that remembers nothing compares the objects
//! again and writes nothing.

mod configuration;
mod network;
mod owned;
mod row;
mod workloads;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use self::row::Row;
use crate::support::{PATIENCE, World, Write, field, is_ready};

fn rows() -> Vec<Row> {
    workloads::rows().into_iter().chain(configuration::rows()).chain(network::rows()).collect()
}

/// The object with its name, and what the controller adds to every one.
fn complete(row: &Row, namespace: &str) -> Value {
    let mut sent = named(&row.sent, row.name);
    sent["metadata"]["namespace"] = namespace.into();
    sent["metadata"]["labels"] = json!({
        "kustomize.toolkit.fluxcd.io/name": "app", "kustomize.toolkit.fluxcd.io/namespace": namespace,
    });
    sent
}

fn named(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["name"] = name.into();
    object
}

#[tokio::test]
async fn what_is_sent_is_owned_and_compared_without_a_write() -> Result<()> {
    let mut world = World::start("sent").await?;
    let repository = world.git.repository("app")?;
    let rows = rows();
    let files: Vec<_> = rows
        .iter()
        .map(|row| (format!("{}.yaml", row.name), named(&row.written, row.name).to_string()))
        .collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    let mark = world.mark().await?;
    world.create(world.kustomization("app", "app", "./", &json!({"retryInterval": "1h"}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;

    let writes = world.writes_since(mark).await?;
    let applies: Vec<&Write> = writes.iter().filter(|write| write.is_apply()).collect();
    for row in &rows {
        let wanted = complete(row, world.name());
        let sent: Vec<_> = applies
            .iter()
            .filter(|write| {
                write.object_ref.name == row.name && write.request_object["kind"] == wanted["kind"]
            })
            .collect();
        ensure!(
            sent.len() == 2 && sent[0].is_dry_run() && !sent[1].is_dry_run(),
            "{}: {} requests, not one dry-run and one apply",
            row.name,
            sent.len()
        );
        for write in sent {
            ensure!(
                write.request_object == wanted,
                "{}: sent {}\nwanted {wanted}",
                row.name,
                write.request_object
            );
        }
    }
    let live = live(&world, &rows).await?;
    for row in &rows {
        let fields = owned::fields(&live[row.name]).with_context(|| row.name.to_owned())?;
        owned::compare(&complete(row, world.name()), fields, "").with_context(|| row.name.to_owned())?;
    }

    // Who remembers nothing has all compared by the API server.
    let mark = world.mark().await?;
    world.kustomize.restart().await?;
    let again = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            is_ready(object) && *field(object, "/status/history/0/totalReconciliations") == 2
        })
    };
    wait_for(&world.kustomizations(), "app", PATIENCE, again).await?;
    let writes = world.writes_since(mark).await?;
    let compared = writes.iter().filter(|write| write.is_apply() && write.is_dry_run()).count();
    ensure!(compared == rows.len(), "{compared} of {} objects were compared", rows.len());
    let written: Vec<_> =
        writes.iter().filter(|write| write.is_apply() && !write.is_dry_run()).map(Write::object).collect();
    ensure!(written.is_empty(), "written again: {written:?}");
    Ok(())
}

/// The objects by their names.
async fn live(world: &World, rows: &[Row]) -> Result<BTreeMap<&'static str, DynamicObject>> {
    let mut live = BTreeMap::new();
    for row in rows {
        let text = |key: &str| row.sent[key].as_str().unwrap_or_default();
        let api = world.namespace.objects(text("apiVersion"), text("kind"));
        live.insert(row.name, api.get(row.name).await.with_context(|| row.name.to_owned())?);
    }
    Ok(live)
}
