//! Bitbucket Cloud: <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/>, and Data Center:
//! <https://developer.atlassian.com/server/bitbucket/rest/>.

use serde_json::{Value, json};
use sluice_forge::{Credentials, Error, Kind, Outcome};

use crate::support::{BODY, Exchange, Server, ensure, get, send, token};

fn pull(state: &str, description: &str) -> Value {
    json!({
        "id": 8, "links": { "html": { "href": "https://bitbucket.org/team/app/pull-requests/8" } },
        "state": state, "title": "Update app", "description": description,
    })
}

async fn cloud(script: Vec<Exchange>) -> Outcome {
    let server = Server::start(("authorization", "Basic dTpw"), script).await;
    let credentials = Credentials::Basic { user: "u".into(), password: "p".into() };
    let api = Some(server.address.as_str());
    let found = ensure(Kind::Bitbucket, "git@bitbucket.org:team/app.git", api, credentials, &[]).await;
    server.done();
    found.unwrap().outcome
}

#[tokio::test]
async fn in_the_cloud() {
    let requests = "/repositories/team/app/pullrequests";
    let filter = "source.branch.name%3D%22updates%22%20AND%20destination.branch.name%3D%22main%22";
    let target = format!(
        "{requests}?state=OPEN&state=MERGED&state=DECLINED&state=SUPERSEDED&q={filter}&sort=-created_on&pagelen=25"
    );
    let list = |found: Value| get(&target, json!({ "pagelen": 25, "values": found }));
    let opened = json!({
        "title": "Update app", "description": BODY,
        "source": { "branch": { "name": "updates" } }, "destination": { "branch": { "name": "main" } },
    });
    let script = vec![list(json!([])), send(&format!("POST {requests}"), opened, 201, pull("OPEN", BODY))];
    assert_eq!(cloud(script).await, Outcome::Opened);
    let body = json!({ "title": "Update app", "description": BODY });
    let script = vec![
        list(json!([pull("MERGED", BODY), pull("OPEN", "older")])),
        send(&format!("PUT {requests}/8"), body, 200, pull("OPEN", BODY)),
    ];
    assert_eq!(cloud(script).await, Outcome::Updated);
    assert_eq!(cloud(vec![list(json!([pull("OPEN", BODY)]))]).await, Outcome::Unchanged);
    assert_eq!(cloud(vec![list(json!([pull("DECLINED", BODY)]))]).await, Outcome::Declined);
}

#[tokio::test]
async fn labels_are_refused_where_there_are_none() {
    for (kind, address) in [
        (Kind::Bitbucket, "https://bitbucket.org/team/app.git"),
        (Kind::BitbucketServer, "https://bitbucket.example/scm/team/app.git"),
    ] {
        let error = ensure(kind, address, None, token(), &["a"]).await.unwrap_err();
        assert!(matches!(&error, Error::Config(text) if text.contains("have no labels")), "{error}");
    }
}

fn request(state: &str, description: &str, target: &str) -> Value {
    json!({
        "id": 9, "version": 3, "state": state, "title": "Update app", "description": description,
        "fromRef": { "id": "refs/heads/updates" }, "toRef": { "id": format!("refs/heads/{target}") },
        "links": { "self": [{ "href": "https://bitbucket.example/projects/PROJ/repos/app/pull-requests/9" }] },
        "reviewers": [{ "user": { "name": "ann", "id": 1 }, "approved": false }],
    })
}

async fn server(script: Vec<Exchange>) -> Outcome {
    let server = Server::start(("authorization", "Bearer secret"), script).await;
    let address = format!("{}/git/scm/PROJ/app.git", server.address);
    let found = ensure(Kind::BitbucketServer, &address, None, token(), &[]).await;
    server.done();
    found.unwrap().outcome
}

#[tokio::test]
async fn in_a_data_center() {
    let requests = "/git/rest/api/latest/projects/PROJ/repos/app/pull-requests";
    let target =
        format!("{requests}?at=refs%2Fheads%2Fupdates&direction=OUTGOING&state=ALL&order=NEWEST&limit=25");
    let list = |found: Value| get(&target, json!({ "size": 1, "isLastPage": true, "values": found }));
    let branch = |name: &str| json!({ "id": format!("refs/heads/{name}"), "repository": { "slug": "app", "project": { "key": "PROJ" } } });
    let opened = json!({
        "title": "Update app", "description": BODY, "fromRef": branch("updates"), "toRef": branch("main"),
    });
    let script = vec![
        list(json!([request("OPEN", BODY, "other")])),
        send(&format!("POST {requests}"), opened, 201, request("OPEN", BODY, "main")),
    ];
    assert_eq!(server(script).await, Outcome::Opened);
    // Reviewers stay.
    let body = json!({
        "version": 3, "title": "Update app", "description": BODY, "reviewers": [{ "user": { "name": "ann" } }],
    });
    let script = vec![
        list(json!([request("OPEN", "older", "main")])),
        get(&format!("{requests}/9"), request("OPEN", "older", "main")),
        send(&format!("PUT {requests}/9"), body, 200, request("OPEN", BODY, "main")),
    ];
    assert_eq!(server(script).await, Outcome::Updated);
    assert_eq!(server(vec![list(json!([request("DECLINED", BODY, "main")]))]).await, Outcome::Declined);
}
