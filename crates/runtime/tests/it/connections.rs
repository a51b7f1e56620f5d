//! How the API server is reached: over one connection, or by a proxy.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kube::config::{Cluster, Kubeconfig};
use sluice_testkit::ControlPlane;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::{
    child::Controller,
    support::{Env, soon},
};

/// Hands connections on, and counts them.
struct Relay {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Relay {
    /// To this address; without one, to where a `CONNECT` request says.
    async fn start(target: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let connections = Arc::clone(&relay.connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass_on(client, target.clone()));
            }
        });
        relay
    }
}

/// Where a `CONNECT` request wants to go.
async fn asked_for(client: &mut BufReader<TcpStream>) -> String {
    let mut head = Vec::new();
    let mut line = String::new();
    while client.read_line(&mut line).await.unwrap() > 2 {
        head.push(std::mem::take(&mut line));
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let mut words = head.first().unwrap().split(' ');
    assert_eq!(words.next(), Some("CONNECT"));
    words.next().unwrap().to_owned()
}

async fn pass_on(client: TcpStream, target: Option<String>) {
    let mut client = BufReader::new(client);
    let target = if let Some(target) = target { target } else { asked_for(&mut client).await };
    let mut server = TcpStream::connect(target).await.unwrap();
    // Either side may just go away.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

fn original() -> Kubeconfig {
    Kubeconfig::read_from(ControlPlane::shared().unwrap().kubeconfig()).unwrap()
}

/// The kubeconfig of the control plane, changed, in a file of its own.
fn kubeconfig(name: &str, change: impl FnOnce(&mut Cluster)) -> PathBuf {
    let mut kubeconfig = original();
    change(kubeconfig.clusters[0].cluster.as_mut().unwrap());
    let path = std::env::temp_dir().join(format!("sluice-{}-{name}.json", std::process::id()));
    std::fs::write(&path, serde_json::to_vec(&kubeconfig).unwrap()).unwrap();
    path
}

/// Has a controller work with many objects at once.
async fn work(env: &Env, kubeconfig: &Path) {
    let names: Vec<String> = (0..30).map(|number| format!("app-{number}")).collect();
    for name in &names {
        env.create(name).await;
    }
    let controller = Controller::start_by(kubeconfig, env, &[]);
    let pid = controller.pid().to_string();
    for name in &names {
        env.until(name, "Ready", |o| sluice_apis::conditions::message(o, "Ready") == Some(pid.as_str()))
            .await;
    }
    controller.terminate();
    let (exit, log) = soon("the end", controller.ended()).await;
    assert!(exit.success(), "{log}");
    std::fs::remove_file(kubeconfig).unwrap();
}

#[tokio::test]
async fn requests_share_a_connection() {
    let env = Env::new().await;
    let server = original().clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    let relay = Relay::start(server.strip_prefix("https://").map(ToOwned::to_owned)).await;
    let address = relay.address;
    let path = kubeconfig("relay", |cluster| cluster.server = Some(format!("https://{address}")));
    work(&env, &path).await;
    let connections = relay.connections.load(Ordering::SeqCst);
    // Sixteen workers write at once. A request that begins before the first connection is there may make another.
    assert!((1..=4).contains(&connections), "{connections} connections");
}

#[tokio::test]
async fn a_proxy_of_the_kubeconfig_is_used() {
    let env = Env::new().await;
    let proxy = Relay::start(None).await;
    let address = proxy.address;
    let path = kubeconfig("proxy", |cluster| cluster.proxy_url = Some(format!("http://{address}")));
    work(&env, &path).await;
    assert!(proxy.connections.load(Ordering::SeqCst) > 0);
}
