//! Azure DevOps: <https://learn.microsoft.com/en-us/rest/api/azure/devops/git/pull-requests>.

use serde_json::{Value, json};
use sluice_forge::{Kind, Outcome};

use crate::support::{BODY, Exchange, Server, ensure, get, send, token};

const REQUESTS: &str = "/org/my%20project/_apis/git/repositories/app/pullrequests";

fn list(found: &Value) -> Exchange {
    let query = "searchCriteria.status=all&searchCriteria.sourceRefName=refs%2Fheads%2Fupdates&searchCriteria.targetRefName=refs%2Fheads%2Fmain&$top=20&api-version=5.0";
    get(&format!("{REQUESTS}?{query}"), json!({ "count": 1, "value": found }))
}

fn pull(status: &str, description: &str) -> Value {
    json!({
        "pullRequestId": 11, "status": status, "title": "Update app", "description": description,
        "sourceRefName": "refs/heads/updates", "targetRefName": "refs/heads/main",
    })
}

fn labels(found: &[&str]) -> Exchange {
    let found: Vec<Value> =
        found.iter().map(|name| json!({ "id": "x", "name": name, "active": true })).collect();
    get(&format!("{REQUESTS}/11/labels?api-version=5.0-preview.1"), json!({ "count": 1, "value": found }))
}

fn label(name: &str) -> Exchange {
    let request = format!("POST {REQUESTS}/11/labels?api-version=5.0-preview.1");
    send(&request, json!({ "name": name }), 200, json!({ "id": "x", "name": name, "active": true }))
}

async fn run(script: Vec<Exchange>) -> (String, Outcome) {
    // Tokens of people are passwords without a name.
    let server = Server::start(("authorization", "Basic OnNlY3JldA=="), script).await;
    let address = format!("{}/org/my%20project/_git/app", server.address);
    let found = ensure(Kind::AzureDevOps, &address, None, token(), &["a", "b"]).await;
    server.done();
    let found = found.unwrap();
    (found.url.replace(&server.address, ""), found.outcome)
}

#[tokio::test]
async fn pull_requests() {
    let seen = "/org/my%20project/_git/app/pullrequest/11".to_owned();
    let opened = json!({
        "title": "Update app", "description": BODY,
        "sourceRefName": "refs/heads/updates", "targetRefName": "refs/heads/main",
    });
    let create = format!("POST {REQUESTS}?api-version=5.0");
    let script =
        vec![list(&json!([])), send(&create, opened, 201, pull("active", BODY)), label("a"), label("b")];
    assert_eq!(run(script).await, (seen.clone(), Outcome::Opened));
    let one = format!("{REQUESTS}/11?api-version=5.0");
    let script = vec![
        // Lists cut descriptions short.
        list(&json!([pull("active", "[slu")])),
        get(&one, pull("active", "older")),
        labels(&["a"]),
        send(
            &format!("PATCH {one}"),
            json!({ "title": "Update app", "description": BODY }),
            200,
            pull("active", BODY),
        ),
        label("b"),
    ];
    assert_eq!(run(script).await, (seen.clone(), Outcome::Updated));
    let script =
        vec![list(&json!([pull("active", "[slu")])), get(&one, pull("active", BODY)), labels(&["a", "b"])];
    assert_eq!(run(script).await, (seen.clone(), Outcome::Unchanged));
    assert_eq!(run(vec![list(&json!([pull("abandoned", BODY)]))]).await, (seen, Outcome::Declined));
}
