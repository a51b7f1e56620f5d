//! GitHub: <https://docs.github.com/en/rest/pulls/pulls>.

use serde_json::{Value, json};
use sluice_forge::{Credentials, Kind, Outcome, PullRequest};

use crate::support::{BODY, Exchange, Server, ensure, get, send};

const LIST: &str = "/api/v3/repos/org/app/pulls?state=all&head=org%3Aupdates&base=main&sort=created&direction=desc&per_page=30";

fn pull(state: &str, title: &str, body: &str, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|name| json!({ "id": 1, "name": name })).collect();
    json!({
        "number": 7, "html_url": "https://github.example/org/app/pull/7", "state": state, "title": title,
        "body": body, "merged_at": null, "labels": labels, "head": { "ref": "updates", "sha": "a" },
    })
}

async fn run(script: Vec<Exchange>, labels: &[&str]) -> PullRequest {
    let server = Server::start(("authorization", "Bearer secret"), script).await;
    // What Git takes as a password is a token.
    let credentials = Credentials::Basic { user: "x-access-token".into(), password: "secret".into() };
    let address = format!("{}/org/app.git", server.address);
    let found = ensure(Kind::GitHub, &address, None, credentials, labels).await;
    server.done();
    found.unwrap()
}

#[tokio::test]
async fn it_is_opened_with_labels() {
    let body = json!({ "title": "Update app", "body": BODY, "head": "updates", "base": "main" });
    let script = vec![
        get(LIST, json!([])),
        send("POST /api/v3/repos/org/app/pulls", body, 201, pull("open", "Update app", BODY, &[])),
        send(
            "POST /api/v3/repos/org/app/issues/7/labels",
            json!({ "labels": ["a", "b"] }),
            200,
            json!([{ "name": "a" }, { "name": "b" }]),
        ),
    ];
    let found = run(script, &["a", "b"]).await;
    assert_eq!((found.number, found.outcome), (7, Outcome::Opened));
    assert_eq!(found.url, "https://github.example/org/app/pull/7");
}

#[tokio::test]
async fn it_is_brought_up_to_date_in_place() {
    let body = json!({ "title": "Update app", "body": BODY });
    let script = vec![
        get(LIST, json!([pull("open", "Update app", "older", &["a"])])),
        send("PATCH /api/v3/repos/org/app/pulls/7", body, 200, pull("open", "Update app", BODY, &["a"])),
        send(
            "POST /api/v3/repos/org/app/issues/7/labels",
            json!({ "labels": ["b"] }),
            200,
            json!([{ "name": "a" }, { "name": "b" }]),
        ),
    ];
    assert_eq!(run(script, &["a", "b"]).await.outcome, Outcome::Updated);
}

#[tokio::test]
async fn one_that_is_right_is_left_alone() {
    let body = BODY.replace('\n', "\r\n");
    let script = vec![get(LIST, json!([pull("open", "Update app", &body, &["A"])]))];
    assert_eq!(run(script, &["a"]).await.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn one_that_was_declined_is_not_opened_again() {
    let script = vec![get(LIST, json!([pull("closed", "Update app", BODY, &[])]))];
    assert_eq!(run(script, &["a"]).await.outcome, Outcome::Declined);
    // Another proposal is another matter, and so is one that was merged.
    let mut merged = pull("closed", "Update app", BODY, &[]);
    merged["merged_at"] = "2026-01-01T00:00:00Z".into();
    for old in [pull("closed", "Update app", "other", &[]), merged] {
        let body = json!({ "title": "Update app", "body": BODY, "head": "updates", "base": "main" });
        let script = vec![
            get(LIST, json!([old])),
            send("POST /api/v3/repos/org/app/pulls", body, 201, pull("open", "Update app", BODY, &[])),
        ];
        assert_eq!(run(script, &[]).await.outcome, Outcome::Opened);
    }
}
