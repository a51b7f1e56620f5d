//! What a thousand passes leave behind.

use futures::future::join_all;
use serde_json::json;

use crate::charts::hooked;
use crate::support::World;

const RELEASES: usize = 20;
const ROUNDS: usize = 50;
/// Every so many rounds, all releases are upgraded; in the others nothing is to be done, but drift is looked for.
const UPGRADE: usize = 5;
/// Rounds after which all that is kept is there.
const WARM: usize = 20;

/// Twenty releases, fifty passes each: a fifth are upgrades with hooks. Some minutes, so it is run by hand:
/// `cargo test -p sluice-e2e --test helm -- --ignored --nocapture memory`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn memory_is_flat_over_a_thousand_passes() {
    let world = World::new("memory").await;
    let helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &hooked(&["pre-upgrade", "post-upgrade"])).await;
    let names: Vec<String> = (0..RELEASES).map(|number| format!("app-{number}")).collect();
    for name in &names {
        world.create(world.release(name, "app", &json!({"driftDetection": {"mode": "enabled"}}))).await;
    }
    join_all(names.iter().map(|name| world.ready(name))).await;
    let mut resident = Vec::new();
    for round in 1..=ROUNDS {
        if round % UPGRADE == 0 {
            let values = json!({"spec": {"values": {"value": format!("round {round}")}}});
            join_all(names.iter().map(|name| world.patch(name, values.clone()))).await;
            join_all(names.iter().map(|name| world.ready(name))).await;
        } else {
            join_all(names.iter().map(|name| world.request(name))).await;
        }
        let (now, _) = helm.memory().unwrap();
        resident.push(now >> 10);
        println!("{} passes: {} KiB", round * RELEASES, now >> 10);
    }
    let most = |rounds: &[u64]| rounds.iter().max().copied().unwrap_or_default();
    let (warm, end) = (most(&resident[..WARM]), most(&resident[ROUNDS - WARM..]));
    println!("most of the first {WARM} rounds {warm} KiB, of the last {end} KiB");
    assert!(end < warm + warm / 10, "{warm} KiB, then {end} KiB");
}
