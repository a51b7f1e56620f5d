use sluice_bucket::{Access, Bucket, Gcs, GcsAuth};
use sluice_testkit::ObjectStore;

use crate::{download, keys, list};

#[tokio::test]
async fn objects_are_listed_and_read() {
    let store = ObjectStore::gcs(&["apps"]).unwrap();
    for (key, content) in [("a.yaml", "a: 1\n"), ("deep/er/ü b.yaml", "b: 1\n"), ("deeper", "x")] {
        store.put("apps", key, content).await.unwrap();
    }
    let open = |name: &str| {
        let token = GcsAuth::Token("token".to_owned());
        Bucket::Gcs(Gcs::new(name, Some(store.address()), token, &Access::default()).unwrap())
    };
    let bucket = open("apps");
    assert!(bucket.exists().await.unwrap());
    assert!(!open("none").exists().await.unwrap());
    let all = list(&bucket, "").await;
    assert_eq!(keys(&all), ["a.yaml", "deep/er/ü b.yaml", "deeper"]);
    assert_eq!(keys(&list(&bucket, "deep/").await), ["deep/er/ü b.yaml"]);
    for object in &all {
        assert_eq!(download(&bucket, &object.key).await.unwrap().0, object.etag);
    }
    assert_eq!(download(&bucket, "deep/er/ü b.yaml").await.unwrap().1, "b: 1\n");
    assert_eq!(download(&bucket, "none").await, None);
    assert!(store.requests().unwrap().iter().all(|request| request.authorization == "Bearer token"));
}
