//! Whether other clusters answer, and what is said of those that don't.

use std::sync::Arc;

use http::Request;
use kube::Client;
use kube::client::Body;
use tower::service_fn;

use super::breaker::Breaker;
use super::cloud::CloudCluster;
use super::{PROBE_TIMEOUT, Remote};

/// An API server that can't be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Get \"{server}/version\": {cause}")]
pub struct Unreachable {
    /// Its address.
    pub server: String,
    /// Why, in the words of Go where it has some.
    pub cause: String,
    /// That it is not even asked any more for a while, if so.
    pub pause: Option<String>,
}

/// An address without what may be secret in it.
pub(super) fn shown(address: &http::Uri) -> String {
    let authority = address.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{}://{host}{}", address.scheme_str().unwrap_or("https"), address.path().trim_end_matches('/'))
}

/// A client that leaves a dead cluster alone, and shows each request's server a token that is still good.
pub(super) fn guarded(
    client: Client,
    server: Arc<str>,
    breaker: Arc<Breaker>,
    cloud: Option<Arc<CloudCluster>>,
) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |mut request: Request<Body>| {
        let (client, breaker, cloud) = (client.clone(), Arc::clone(&breaker), cloud.clone());
        let server = Arc::clone(&server);
        async move {
            let refuse = |error: Box<dyn std::error::Error + Send + Sync>| kube::Error::Service(error);
            breaker.check().map_err(|open| refuse(open.into()))?;
            if let Some(cloud) = cloud {
                let header = cloud.authorization().await.map_err(|error| refuse(error.into()))?;
                request.headers_mut().insert(http::header::AUTHORIZATION, header);
            }
            let answer = client.send(request).await;
            match &answer {
                Ok(_) => breaker.succeed(),
                Err(error) => breaker.fail(words(error, &server)),
            }
            answer
        }
    });
    Client::new(service, namespace)
}

/// Asks a cluster whether it is there.
pub(super) async fn probe(remote: &Remote) -> Result<(), Unreachable> {
    let dead = |cause, pause| Unreachable { server: remote.server.to_string(), cause, pause };
    remote.breaker.check().map_err(|open| dead(open.cause.clone(), Some(open.pause())))?;
    if remote.breaker.is_fresh() {
        return Ok(());
    }
    match tokio::time::timeout(PROBE_TIMEOUT, remote.client.apiserver_version()).await {
        // It is there, whatever it thinks of us: what we may do shows later.
        Ok(Ok(_) | Err(kube::Error::Api(_) | kube::Error::SerdeError(_))) => Ok(()),
        Ok(Err(error)) => Err(dead(words(&error, &remote.server), None)),
        Err(_) => {
            let cause = format!("no answer within {} s", PROBE_TIMEOUT.as_secs());
            remote.breaker.fail(cause.clone());
            Err(dead(cause, None))
        }
    }
}

/// Why a server can't be reached: as Go says it, if that is the system's doing, else all that is known.
fn words(error: &kube::Error, server: &str) -> String {
    let mut link: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = link {
        if let Some(cause) = current.downcast_ref::<std::io::Error>()
            && (cause.get_ref().is_none() || cause.to_string().contains("lookup address"))
        {
            return sluice_http::connect_failed(cause, &host_and_port(server));
        }
        link = current.source();
    }
    chain(error)
}

/// Where connections to a server go.
fn host_and_port(server: &str) -> String {
    let Ok(address) = server.parse::<http::Uri>() else { return server.to_owned() };
    let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("http") { 80 } else { 443 });
    format!("{}:{port}", address.host().unwrap_or_default())
}

/// An error with its causes, each told once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_users() {
        for (address, expected, connects_to) in [
            ("https://10.0.0.1:6443/", "https://10.0.0.1:6443", "10.0.0.1:6443"),
            ("https://me:pw@api.example/a/", "https://api.example/a", "api.example:443"),
            ("http://[::1]", "http://[::1]", "[::1]:80"),
        ] {
            let server = shown(&address.parse().unwrap());
            assert_eq!((server.as_str(), host_and_port(&server).as_str()), (expected, connects_to));
        }
    }
}
