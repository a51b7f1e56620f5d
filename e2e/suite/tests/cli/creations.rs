//! `create`, of everything that flux creates: what is printed, and what the API server makes of it.

use anyhow::{Context, Result, ensure};
use kube::Api;
use sluice_apis::k8s::{Namespace as KubeNamespace, RoleBinding, Secret, ServiceAccount};
use sluice_apis::notification::v1beta3::{Alert, Provider};
use sluice_testkit::{ControlPlane, GitOptions, GitServer, Namespace};

use crate::program::{Run, sluice};

async fn namespace(prefix: &str) -> Result<Namespace<'static>> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    cluster.namespace(prefix).await
}

async fn run(namespace: &Namespace<'_>, arguments: &str) -> Result<Run> {
    sluice(namespace.control_plane().kubeconfig(), namespace.name(), arguments).await
}

/// What `--export` prints of a kind, below the name and the namespace.
fn printed(api: &str, kind: &str, name: &str, namespace: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {namespace}\n{rest}"
    )
}

#[tokio::test]
async fn objects_are_printed_as_flux_prints_them_and_accepted() -> Result<()> {
    let namespace = namespace("creations").await?;
    for (arguments, kind, spec) in [
        (
            "source oci podinfo --url=oci://ghcr.io/org/podinfo --tag=6.3.5 --interval 10m --verify-provider=cosign --verify-issuer=github --layer-selector=application/x.tar+gzip:copy",
            "source.toolkit.fluxcd.io/v1 OCIRepository",
            "spec:\n  interval: 10m0s\n  layerSelector:\n    mediaType: application/x.tar+gzip\n    operation: copy\n  provider: generic\n  ref:\n    tag: 6.3.5\n  url: oci://ghcr.io/org/podinfo\n  verify:\n    matchOIDCIdentity:\n    - issuer: github\n      subject: \"\"\n    provider: cosign\n",
        ),
        (
            "source helm podinfo --url=oci://ghcr.io/org/charts --interval 5m --secret-ref=creds",
            "source.toolkit.fluxcd.io/v1 HelmRepository",
            "spec:\n  interval: 5m0s\n  secretRef:\n    name: creds\n  type: oci\n  url: oci://ghcr.io/org/charts\n",
        ),
        (
            "source chart podinfo --source helmrepository/podinfo --chart podinfo",
            "source.toolkit.fluxcd.io/v1 HelmChart",
            "spec:\n  chart: podinfo\n  interval: 1m0s\n  reconcileStrategy: ChartVersion\n  sourceRef:\n    kind: HelmRepository\n    name: podinfo\n",
        ),
        (
            "source bucket podinfo --bucket-name=b --endpoint=minio:9000 --insecure --ignore-paths=a,b",
            "source.toolkit.fluxcd.io/v1 Bucket",
            "spec:\n  bucketName: b\n  endpoint: minio:9000\n  ignore: |-\n    a\n    b\n  insecure: true\n  interval: 1m0s\n  provider: generic\n",
        ),
        (
            "source git podinfo --url=https://example.com/podinfo --branch=main --sparse-checkout-paths=.cosign",
            "source.toolkit.fluxcd.io/v1 GitRepository",
            "spec:\n  interval: 1m0s\n  ref:\n    branch: main\n  sparseCheckout:\n  - .cosign\n  url: https://example.com/podinfo\n",
        ),
        (
            "hr podinfo --source helmrepository/podinfo.charts --chart podinfo --chart-version 6.x --crds Create",
            "helm.toolkit.fluxcd.io/v2 HelmRelease",
            "spec:\n  chart:\n    spec:\n      chart: podinfo\n      reconcileStrategy: ChartVersion\n      sourceRef:\n        kind: HelmRepository\n        name: podinfo\n        namespace: charts\n      version: 6.x\n  install:\n    crds: Create\n  interval: 1m0s\n  upgrade:\n    crds: Create\n",
        ),
        (
            "receiver github --type=github --secret-ref=token --event=push --resource=GitRepository/podinfo",
            "notification.toolkit.fluxcd.io/v1 Receiver",
            "spec:\n  events:\n  - push\n  resources:\n  - kind: GitRepository\n    name: podinfo\n  secretRef:\n    name: token\n  type: github\n",
        ),
        (
            "alert on-call --provider-ref=slack --event-severity=error --event-source=Kustomization/*.apps,HelmRelease/web",
            "notification.toolkit.fluxcd.io/v1beta3 Alert",
            "spec:\n  eventSeverity: error\n  eventSources:\n  - kind: Kustomization\n    name: '*'\n    namespace: apps\n  - kind: HelmRelease\n    name: web\n  providerRef:\n    name: slack\n",
        ),
    ] {
        let exported = run(&namespace, &format!("create {arguments} --export")).await?.ok()?.stdout;
        let name = exported.lines().find_map(|line| line.strip_prefix("  name: ")).context("no name")?;
        let (api, kind) = kind.split_once(' ').context("no kind")?;
        let expected = printed(api, kind, name, namespace.name(), spec);
        ensure!(exported == expected, "create {arguments}:\n{exported}");
        namespace.apply(&exported).await?;
    }
    for (arguments, text) in [
        ("source helm podinfo --url=git://example.com/charts", "url scheme 'git' not supported"),
        ("source oci podinfo --url=oci://ghcr.io/a", "--tag, --tag-semver or --digest is required"),
        (
            "source chart podinfo --source foobar/podinfo --chart podinfo",
            "source kind 'foobar' is not supported",
        ),
        ("alert a --provider-ref=b --event-source=c", "must be in format <kind>/<name>"),
        ("receiver a --type=telegraph --secret-ref=b --resource=c/d", "possible values: generic,"),
        ("hr a --chart-ref foobar/a", "chart reference kind 'foobar' is not supported"),
    ] {
        let refused = run(&namespace, &format!("create {arguments} --export")).await?;
        ensure!(refused.code == 1 && refused.stderr.contains(text), "create {arguments}: {}", refused.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn secrets_are_as_the_controllers_read_them() -> Result<()> {
    let namespace = namespace("secrets").await?;
    let name = namespace.name();
    for (arguments, rest) in [
        (
            "git auth --url=https://example.com/app --username=me --password=pw",
            "stringData:\n  password: pw\n  username: me\n",
        ),
        ("git auth --url=https://example.com/app --bearer-token=t", "stringData:\n  bearerToken: t\n"),
        (
            "helm auth --username=me --password=pw",
            "stringData:\n  password: pw\n  username: me\ntype: kubernetes.io/basic-auth\n",
        ),
        (
            "proxy auth --address=https://proxy --username=me --password=pw",
            "stringData:\n  address: https://proxy\n  password: pw\n  username: me\ntype: Opaque\n",
        ),
        (
            "oci auth --url=ghcr.io --username=stefanprodan --password=password",
            "stringData:\n  .dockerconfigjson: |-\n    {\n      \"auths\": {\n        \"ghcr.io\": {\n          \"username\": \"stefanprodan\",\n          \"password\": \"password\",\n          \"auth\": \"c3RlZmFucHJvZGFuOnBhc3N3b3Jk\"\n        }\n      }\n    }\ntype: kubernetes.io/dockerconfigjson\n",
        ),
    ] {
        let exported = run(&namespace, &format!("create secret {arguments} --export")).await?.ok()?.stdout;
        ensure!(exported == printed("v1", "Secret", "auth", name, rest), "{arguments}: {exported}");
    }
    // Written, and written again: what is new replaces what was, other keys stay.
    let api: Api<Secret> = namespace.api();
    let made = run(&namespace, "create secret receiver hook --type=gcr --hostname=flux.example.com --email-claim=sa@project --label=team=a").await?.ok()?;
    ensure!(
        made.stderr == format!("► receiver secret 'hook' created in '{name}' namespace\n"),
        "{}",
        made.stderr
    );
    let secret = api.get("hook").await?;
    let value = |secret: &Secret, key: &str| {
        let data = secret.data.as_ref().and_then(|data| data.get(key));
        data.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
    };
    let address =
        secret.metadata.annotations.clone().unwrap_or_default()["notification.toolkit.fluxcd.io/webhook"]
            .clone();
    ensure!(address.starts_with("https://flux.example.com/hook/"), "{address}");
    ensure!(value(&secret, "token").len() == 64 && value(&secret, "audience") == address, "{secret:?}");
    ensure!(secret.metadata.labels.is_some_and(|labels| labels["team"] == "a"), "no label");
    run(&namespace, "create secret receiver hook --type=github --hostname=flux.example.com --token=mine")
        .await?
        .ok()?;
    let secret = api.get("hook").await?;
    ensure!(value(&secret, "token") == "mine" && value(&secret, "email") == "sa@project", "{secret:?}");

    let directory = tempfile::tempdir()?;
    let write = |name: &str, text: &str| -> Result<String> {
        let path = directory.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let (certificate, key, authority) =
        (write("tls.crt", "cert")?, write("tls.key", "key")?, write("ca.crt", "ca")?);
    let both = format!(
        "create secret tls certs --tls-crt-file={certificate} --tls-key-file={key} --ca-crt-file={authority} --export"
    );
    let exported = run(&namespace, &both).await?.ok()?.stdout;
    let rest = "stringData:\n  ca.crt: ca\n  tls.crt: cert\n  tls.key: key\ntype: kubernetes.io/tls\n";
    ensure!(exported == printed("v1", "Secret", "certs", name, rest), "{exported}");
    let app = format!(
        "create secret githubapp app --app-id=1 --app-installation-owner=org --app-private-key={key} --export"
    );
    let exported = run(&namespace, &app).await?.ok()?.stdout;
    let rest = "stringData:\n  githubAppID: \"1\"\n  githubAppInstallationOwner: org\n  githubAppPrivateKey: key\ntype: Opaque\n";
    ensure!(exported == printed("v1", "Secret", "app", name, rest), "{exported}");
    let policy = write("policy.json", "{\"version\": \"1.0\", \"trustPolicies\": []}")?;
    for (arguments, text) in [
        (
            "git auth --url=https://example.com/app --username=me",
            "username and password, or a bearer token is required",
        ),
        ("git auth --url=ftp://example.com/app", "git URL scheme 'ftp' not supported"),
        ("receiver hook --type=gcr --hostname=h", "--email-claim is required for gcr"),
        ("tls certs", "are required"),
        ("githubapp app --app-id=1 --app-private-key=/nonexistent", "--app-installation-owner"),
    ] {
        let refused = run(&namespace, &format!("create secret {arguments} --export")).await?;
        ensure!(refused.code == 1 && refused.stderr.contains(text), "{arguments}: {}", refused.stderr);
    }
    let notation =
        format!("create secret notation n --trust-policy-file={policy} --ca-cert-file={key} --export");
    run(&namespace, &notation).await?.failed()?;
    Ok(())
}

#[tokio::test]
async fn a_tenant_and_alerts_are_there_at_once() -> Result<()> {
    let namespace = namespace("tenant").await?;
    let (client, name) = (namespace.client(), namespace.name());
    let command = format!("create tenant team --with-namespace={name} --skip-namespace --label=a=b");
    for role in ["view", "edit"] {
        // A second time the role is another.
        let made = run(&namespace, &format!("{command} --cluster-role={role}")).await?.ok()?;
        ensure!(made.messages().last() == Some(&"✔ tenant setup completed"), "{}", made.stderr);
        let binding: RoleBinding = namespace.api().get("team-reconciler").await?;
        ensure!(binding.role_ref.name == role, "{binding:?}");
    }
    let account: ServiceAccount = namespace.api().get("team").await?;
    let labels = account.metadata.labels.unwrap_or_default();
    ensure!(labels["toolkit.fluxcd.io/tenant"] == "team" && labels["a"] == "b", "{labels:?}");
    let spaces: Api<KubeNamespace> = Api::all(client);
    let labels = spaces.get(name).await?.metadata.labels.unwrap_or_default();
    ensure!(!labels.contains_key("toolkit.fluxcd.io/tenant"), "{labels:?}");

    let made = run(&namespace, "create alert-provider slack --type=slack --channel=ops --address=https://hooks.example.com --timeout 30s").await?.ok()?;
    ensure!(
        made.messages()
            == [
                "✚ generating Provider",
                "► applying Provider",
                "✔ Provider created",
                "◎ waiting for Provider reconciliation",
                "✔ Provider slack is ready",
            ],
        "{}",
        made.stderr
    );
    run(&namespace, "create alert on-call --provider-ref=slack --event-source=Kustomization/* --timeout 30s")
        .await?
        .ok()?;
    let again = run(
        &namespace,
        "create alert on-call --provider-ref=other --event-source=Kustomization/* --timeout 30s",
    )
    .await?
    .ok()?;
    ensure!(again.stderr.contains("✔ Alert updated\n"), "{}", again.stderr);
    let (alerts, providers): (Api<Alert>, Api<Provider>) = (namespace.api(), namespace.api());
    ensure!(alerts.get("on-call").await?.spec.provider_ref.name == "other");
    ensure!(providers.get("slack").await?.spec.channel.as_deref() == Some("ops"));
    Ok(())
}

#[tokio::test]
async fn keys_for_ssh_are_made_and_hosts_are_asked_for_theirs() -> Result<()> {
    let namespace = namespace("ssh").await?;
    let git = GitServer::start(&GitOptions::default().ssh())?;
    git.repository("app")?;
    let url = git.ssh_url("app")?;
    let made = run(&namespace, &format!("create secret git deploy --url={url} --timeout 30s")).await?.ok()?;
    ensure!(made.stderr.starts_with("✚ deploy key: ecdsa-sha2-nistp384 "), "{}", made.stderr);
    let data = namespace.api::<Secret>().get("deploy").await?.data.unwrap_or_default();
    let text = |key: &str| {
        data.get(key).map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
    };
    ensure!(text("identity").starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"), "no identity");
    ensure!(made.stderr.contains(text("identity.pub").trim_end()), "another public key");
    ensure!(
        text("known_hosts").starts_with('[') && !text("known_hosts").contains('\n'),
        "{}",
        text("known_hosts")
    );
    // Nobody can say whether the repository knows the key.
    let refused =
        run(&namespace, &format!("create source git app --url={url} --branch=main --timeout 30s")).await?;
    refused.failed()?;
    Ok(())
}
