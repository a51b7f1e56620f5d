//! Gitea: <https://docs.gitea.com/api/>.

use serde_json::{Value, json};
use sluice_forge::{Kind, Outcome};

use crate::support::{BODY, Exchange, Server, ensure, get, send, token};

const REPOSITORY: &str = "/api/v1/repos/org/app";

fn list(state: &str, found: Value) -> Exchange {
    get(&format!("{REPOSITORY}/pulls?state={state}&sort=recentupdate&page=1&limit=50"), found)
}

fn pull(number: u64, branch: &str, body: &str, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|name| json!({ "id": 1, "name": name })).collect();
    json!({
        "id": 1000 + number, "number": number, "html_url": format!("https://gitea.example/org/app/pulls/{number}"),
        "state": "open", "merged": false, "title": "Update app", "body": body, "labels": labels,
        "head": { "ref": branch, "repo_id": 1 }, "base": { "ref": "main", "repo_id": 1 },
    })
}

async fn run(script: Vec<Exchange>, labels: &[&str]) -> (u64, Outcome) {
    let server = Server::start(("authorization", "token secret"), script).await;
    let address = format!("{}/org/app", server.address);
    let found = ensure(Kind::Gitea, &address, None, token(), labels).await;
    server.done();
    let found = found.unwrap();
    (found.number, found.outcome)
}

#[tokio::test]
async fn labels_are_told_by_number_and_made_if_there_are_none() {
    let opened = json!({
        "title": "Update app", "body": BODY, "head": "updates", "base": "main", "labels": [3, 4],
    });
    let script = vec![
        list("open", json!([])),
        list("closed", json!([])),
        get(&format!("{REPOSITORY}/labels?page=1&limit=50"), json!([{ "id": 3, "name": "A" }])),
        send(
            &format!("POST {REPOSITORY}/labels"),
            json!({ "name": "b", "color": "#0075ca" }),
            201,
            json!({ "id": 4, "name": "b" }),
        ),
        send(&format!("POST {REPOSITORY}/pulls"), opened, 201, pull(2, "updates", BODY, &["A", "b"])),
    ];
    assert_eq!(run(script, &["a", "b"]).await, (2, Outcome::Opened));
}

#[tokio::test]
async fn the_right_one_of_many_is_found() {
    let mut fork = pull(4, "updates", BODY, &[]);
    fork["head"]["repo_id"] = 2.into();
    let others = json!([pull(3, "feature", BODY, &[]), fork, pull(5, "updates", "older", &[])]);
    let script = vec![
        list("open", others),
        list("closed", json!([])),
        send(
            &format!("PATCH {REPOSITORY}/pulls/5"),
            json!({ "title": "Update app", "body": BODY }),
            201,
            pull(5, "updates", BODY, &[]),
        ),
        get(&format!("{REPOSITORY}/labels?page=1&limit=50"), json!([{ "id": 3, "name": "a" }])),
        send(&format!("POST {REPOSITORY}/issues/5/labels"), json!({ "labels": [3] }), 200, json!([])),
    ];
    assert_eq!(run(script, &["a"]).await, (5, Outcome::Updated));
}

#[tokio::test]
async fn one_that_was_declined_is_not_opened_again() {
    let mut declined = pull(6, "updates", BODY, &[]);
    declined["state"] = "closed".into();
    let script = vec![list("open", json!([])), list("closed", json!([declined]))];
    assert_eq!(run(script, &[]).await, (6, Outcome::Declined));
}
