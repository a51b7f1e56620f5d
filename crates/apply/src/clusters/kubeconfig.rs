//! Kubeconfigs in Secrets.

use kube::config::Kubeconfig;
use sluice_apis::k8s::Secret;

use super::{Dialect, Error, Policy};

/// The text of a kubeconfig.
pub fn text(secret: &Secret, key: Option<&str>, name: &str, dialect: Dialect) -> Result<String, Error> {
    let data = secret.data.as_ref();
    let keys: Vec<&str> =
        key.filter(|key| !key.is_empty()).map_or(vec!["value", "value.yaml"], |key| vec![key]);
    let bytes = keys.iter().find_map(|key| data?.get(*key)).ok_or_else(|| {
        let keys = keys.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>();
        // Flux's kustomize-controller names the first key only.
        let (keys, what) = match dialect {
            Dialect::Kustomize => (keys.into_iter().take(1).collect(), "a kubeconfig"),
            Dialect::Helm => (keys.join(" or "), "data"),
        };
        Error::Key(format!("KubeConfig secret '{name}' does not contain a {keys} key with {what}"))
    })?;
    String::from_utf8(bytes.0.clone()).map_err(|_| Error::KubeConfig {
        secret: name.to_owned(),
        cause: "it is not UTF-8 text".to_owned(),
        fault: None,
    })
}

/// Takes out what would run programs, read files of the controller's pod, or trust anyone; files are refused where
/// Flux refuses them.
pub fn restrict(mut kubeconfig: Kubeconfig, policy: &Policy) -> Result<Kubeconfig, String> {
    if policy.dialect == Dialect::Helm {
        refuse_files(&kubeconfig)?;
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        user.auth_provider = None;
        if !policy.insecure_exec {
            user.exec = None;
        }
        user.client_certificate = None;
        user.client_key = None;
        user.token_file = None;
    }
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.certificate_authority = None;
        if !policy.insecure_tls {
            cluster.insecure_skip_tls_verify = None;
        }
    }
    Ok(kubeconfig)
}

fn refuse_files(kubeconfig: &Kubeconfig) -> Result<(), String> {
    let refuse = |kind: &str, name: &str, field: &str, instead: &str| {
        Err(format!("{kind} '{name}' references a {field} file, only {instead} is supported"))
    };
    for named in &kubeconfig.auth_infos {
        let Some(user) = &named.auth_info else { continue };
        if user.token_file.is_some() {
            return refuse("user", &named.name, "token", "token");
        }
        if user.client_certificate.is_some() {
            return refuse("user", &named.name, "client-certificate", "client-certificate-data");
        }
        if user.client_key.is_some() {
            return refuse("user", &named.name, "client-key", "client-key-data");
        }
    }
    for named in &kubeconfig.clusters {
        if named.cluster.as_ref().is_some_and(|cluster| cluster.certificate_authority.is_some()) {
            return refuse("cluster", &named.name, "certificate-authority", "certificate-authority-data");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_refused_or_left_out() {
        let text = "{clusters: [{name: c, cluster: {server: 'https://a', certificate-authority: /etc/passwd, insecure-skip-tls-verify: true}}], \
                    users: [{name: u, user: {token: t, exec: {command: sh}}}]}";
        let read = || Kubeconfig::from_yaml(text).unwrap();
        let helm = Policy { dialect: Dialect::Helm, ..Policy::default() };
        assert_eq!(
            restrict(read(), &helm).unwrap_err(),
            "cluster 'c' references a certificate-authority file, only certificate-authority-data is supported"
        );
        let restricted = restrict(read(), &Policy::default()).unwrap();
        let cluster = restricted.clusters[0].cluster.as_ref().unwrap();
        assert_eq!((&cluster.certificate_authority, &cluster.insecure_skip_tls_verify), (&None, &None));
        assert!(restricted.auth_infos[0].auth_info.as_ref().unwrap().exec.is_none());
    }
}
