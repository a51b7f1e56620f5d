//! Running hooks: each is applied and awaited on its own, in order, and recorded before and after.

use std::time::Duration;

use crate::Failure;
use crate::action::Context;
use crate::objects::{self, CreateOptions, Propagation};
use crate::record::{Execution, Hook, Release, now, phase};

const BEFORE_CREATION: &str = "before-hook-creation";
const SUCCEEDED: &str = "hook-succeeded";
const FAILED: &str = "hook-failed";

/// How to run hooks.
#[derive(Clone, Copy, Debug)]
pub struct HookOptions {
    /// How long each may take.
    pub timeout: Duration,
    /// Whether they are applied by the server.
    pub server_side: bool,
}

/// Runs the hooks of an event. The release is stored whenever one begins.
pub async fn run(
    context: &Context<'_>,
    release: &mut Release,
    event: &str,
    options: HookOptions,
) -> Result<(), Failure> {
    run_with(context, release, event, options, &[]).await
}

/// As [`run`], for a release of which some hooks were set aside: what is stored has them.
pub async fn run_with(
    context: &Context<'_>,
    release: &mut Release,
    event: &str,
    options: HookOptions,
    aside: &[Hook],
) -> Result<(), Failure> {
    let order = order(&release.hooks, event);
    for (done, &index) in order.iter().enumerate() {
        // What says nothing about deletion is deleted before it is created again.
        if release.hooks[index].delete_policies.is_empty() {
            release.hooks[index].delete_policies.push(BEFORE_CREATION.to_owned());
        }
        delete_by_policy(context, release, index, BEFORE_CREATION, options).await?;
        let path = release.hooks[index].path.clone();
        let targets = objects::build(context.cluster(), &release.hooks[index].manifest, &release.namespace)
            .await
            .map_err(|error| {
                Failure::new(format!("unable to build kubernetes object for {event} hook {path}: {error}"))
            })?;
        release.hooks[index].last_run =
            Execution { started_at: now(), completed_at: String::new(), phase: phase::RUNNING.to_owned() };
        record(context, release, aside).await;
        phase::UNKNOWN.clone_into(&mut release.hooks[index].last_run.phase);

        let creation = CreateOptions { server_side: options.server_side, force: false };
        let live = match objects::create(&context.requests, &targets, creation, &context.log).await {
            Ok(live) => live,
            Err(error) => {
                end(&mut release.hooks[index], phase::FAILED);
                return Err(Failure::new(format!("warning: Hook {event} {path} failed: {error}")));
            }
        };
        if let Err(failure) = context.waiting.done(&targets, &live, options.timeout).await {
            end(&mut release.hooks[index], phase::FAILED);
            let hook = &release.hooks[index];
            let named = format!("{event} hook {}/{} of {path}", hook.kind, hook.name);
            // In a box: every action waits in a future that would have room for this.
            let logs = Box::pin(crate::logs::of_hook(context, hook, &release.namespace, FAILED)).await;
            if let Err(error) = delete_by_policy(context, release, index, FAILED, options).await {
                tracing::warn!(hook = path, %error, "a failed hook could not be deleted");
            }
            for &earlier in &order[..done] {
                delete_by_policy(context, release, earlier, SUCCEEDED, options).await?;
            }
            return Err(failure.with_detail(Some(named)).with_detail(logs));
        }
        end(&mut release.hooks[index], phase::SUCCEEDED);
    }
    for &index in order.iter().rev() {
        delete_by_policy(context, release, index, SUCCEEDED, options).await?;
    }
    Ok(())
}

async fn record(context: &Context<'_>, release: &Release, aside: &[Hook]) {
    if aside.is_empty() {
        return context.storage.record(release).await;
    }
    let mut whole = release.clone();
    whole.hooks = aside.iter().chain(&release.hooks).cloned().collect();
    context.storage.record(&whole).await;
}

fn end(hook: &mut Hook, phase: &str) {
    hook.last_run.completed_at = now();
    phase.clone_into(&mut hook.last_run.phase);
}

/// The hooks of an event in the order in which they run; one that names the event twice runs twice. They stand by
/// kind, which decides between those of the same weight and name.
fn order(hooks: &[Hook], event: &str) -> Vec<usize> {
    let times = |hook: &Hook| hook.events.iter().filter(|of| *of == event).count();
    let mut order: Vec<usize> =
        hooks.iter().enumerate().flat_map(|(index, hook)| std::iter::repeat_n(index, times(hook))).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&hooks[a], &hooks[b]);
        a.weight.cmp(&b.weight).then_with(|| a.name.cmp(&b.name))
    });
    order
}

/// Deletes a hook's object if its policy says so at this point, and waits until it is gone: the next one takes its
/// name.
async fn delete_by_policy(
    context: &Context<'_>,
    release: &Release,
    index: usize,
    policy: &str,
    options: HookOptions,
) -> Result<(), Failure> {
    let hook = &release.hooks[index];
    // With a definition all objects of its kind would go.
    if hook.kind == "CustomResourceDefinition" || !hook.delete_policies.iter().any(|of| of == policy) {
        return Ok(());
    }
    let targets =
        objects::build(context.cluster(), &hook.manifest, &release.namespace).await.map_err(|error| {
            Failure::new(format!(
                "unable to build kubernetes object for deleting hook {}: {error}",
                hook.path
            ))
        })?;
    let errors =
        objects::delete_all(&context.requests, &targets, Propagation::Background, &context.log).await;
    if !errors.is_empty() {
        return Err(Failure::new(errors.join("; ")));
    }
    context.waiting.gone(&targets, options.timeout).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_run_by_weight_and_name() {
        let hook = |name: &str, weight: i64, events: &[&str]| Hook {
            name: name.to_owned(),
            weight,
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            ..Hook::default()
        };
        let hooks = [
            hook("b", 0, &["test"]),
            hook("a", 0, &["test", "pre-install"]),
            hook("z", -1, &["test", "test"]),
            hook("other", -9, &["pre-install"]),
        ];
        assert_eq!(order(&hooks, "test"), [2, 2, 1, 0]);
        assert_eq!(order(&hooks, "pre-install"), [3, 1]);
    }
}
