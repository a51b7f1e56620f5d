//! How refusals read.

use serde_json::json;

use crate::support::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_object_and_the_reason() {
    let test = Fixture::new("errors").await;
    let ns = &test.namespace;
    let text = async |document| test.apply(&[document]).await.unwrap_err().to_string();

    let mut homeless = test.config_map("a", json!({}));
    homeless["metadata"].as_object_mut().unwrap().remove("namespace");
    assert_eq!(
        text(homeless).await,
        "ConfigMap/a namespace not specified: the server could not find the requested resource\n"
    );
    let unknown = json!({"apiVersion": "nope.example.com/v1", "kind": "Nope", "metadata": {"name": "n", "namespace": ns}});
    assert_eq!(
        text(unknown).await,
        format!(
            "Nope/{ns}/n dry-run failed: no matches for kind \"Nope\" in version \"nope.example.com/v1\"\n"
        )
    );
    assert!(text(test.bad_service("bad")).await.starts_with(&format!(
        "Service/{ns}/bad dry-run failed (Invalid): Service \"bad\" is invalid: [spec.ports[0].port: Invalid value: 99999"
    )));
    let mut elsewhere = test.config_map("a", json!({}));
    elsewhere["metadata"]["namespace"] = "not-there".into();
    assert_eq!(
        text(elsewhere).await,
        "ConfigMap/not-there/a not found: namespaces \"not-there\" not found\n"
    );
    let mut mistyped = test.deployment("a", 1, "x");
    mistyped["spec"]["replicas"] = "two".into();
    let mistyped = text(mistyped).await;
    assert!(
        mistyped
            .starts_with(&format!("Deployment/{ns}/a dry-run failed: failed to create typed patch object")),
        "{mistyped}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_failures_of_a_set_are_reported() {
    let test = Fixture::new("all").await;
    let failure = test
        .apply(&[test.bad_service("one"), test.config_map("a", json!({})), test.bad_service("two")])
        .await
        .unwrap_err();
    let one = format!("Service/{}/one dry-run failed (Invalid): ", test.namespace);
    assert!(failure.to_string().starts_with(&one), "{failure}");
    let two = format!("1 more failed: Service/{}/two dry-run failed (Invalid): ", test.namespace);
    assert!(failure.detail().unwrap().starts_with(&two), "{:?}", failure.detail());
    assert!(test.live(&test.config_map("a", json!({}))).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impersonated_tenant_without_rights_is_refused() {
    let test = Fixture::new("tenant").await;
    let ns = &test.namespace;
    let user = format!("system:serviceaccount:{ns}:tenant");
    let failure = test.as_user(&user).await.apply(&[test.config_map("a", json!({}))]).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!(
            "ConfigMap/{ns}/a dry-run failed (Forbidden): configmaps \"a\" is forbidden: User \"{user}\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"{ns}\"\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_secrets_stay_out_of_errors() {
    let test = Fixture::new("secret").await;
    let secret = |data| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": test.namespace}, "data": data});
    for data in
        [json!({"a": 31_415_926}), json!({"a": {"b": "hunter2hunter2"}}), json!({"a": "hunter2 hunter2!"})]
    {
        let text = test.apply(&[secret(data.clone())]).await.unwrap_err().to_string();
        assert!(!text.contains("hunter2") && !text.contains("31415926"), "{text}");
        assert!(text.starts_with(&format!("Secret/{}/s dry-run failed", test.namespace)), "{text}");
    }
}
