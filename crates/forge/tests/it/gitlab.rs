//! GitLab: <https://docs.gitlab.com/api/merge_requests/>.

use serde_json::{Value, json};
use sluice_forge::{Kind, Outcome};

use crate::support::{BODY, Exchange, Server, ensure, get, send, token};

const REQUESTS: &str = "/api/v4/projects/group%2Fsub%2Fapp%2Ejs/merge_requests";

fn list(found: Value) -> Exchange {
    let query =
        "state=all&source_branch=updates&target_branch=main&order_by=created_at&sort=desc&per_page=20";
    get(&format!("{REQUESTS}?{query}"), found)
}

fn request(state: &str, description: &str, labels: &[&str]) -> Value {
    json!({
        "id": 99, "iid": 5, "web_url": "https://gitlab.example/group/sub/app.js/-/merge_requests/5",
        "state": state, "title": "Update app", "description": description, "labels": labels, "sha": "a",
    })
}

async fn run(script: Vec<Exchange>) -> Outcome {
    let server = Server::start(("private-token", "secret"), script).await;
    let address = format!("{}/group/sub/app.js.git", server.address);
    let found = ensure(Kind::GitLab, &address, None, token(), &["a", "b"]).await;
    server.done();
    found.unwrap().outcome
}

#[tokio::test]
async fn merge_requests() {
    let opened = json!({
        "source_branch": "updates", "target_branch": "main", "title": "Update app", "description": BODY,
        "labels": "a,b",
    });
    let script = vec![
        list(json!([])),
        send(&format!("POST {REQUESTS}"), opened, 201, request("opened", BODY, &["a", "b"])),
    ];
    assert_eq!(run(script).await, Outcome::Opened);
    let one = format!("PUT {REQUESTS}/5");
    let script = vec![
        list(json!([request("opened", "older", &["a"])])),
        send(
            &one,
            json!({ "title": "Update app", "description": BODY }),
            200,
            request("opened", BODY, &["a"]),
        ),
        send(&one, json!({ "add_labels": "b" }), 200, request("opened", BODY, &["a", "b"])),
    ];
    assert_eq!(run(script).await, Outcome::Updated);
    assert_eq!(run(vec![list(json!([request("opened", BODY, &["a", "b"])]))]).await, Outcome::Unchanged);
    assert_eq!(run(vec![list(json!([request("closed", BODY, &[])]))]).await, Outcome::Declined);
}
