//! A receiver of events that answers as told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Receiver {
    pub addr: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    answers: Mutex<Vec<Option<u16>>>,
    bodies: Mutex<Vec<Value>>,
}

impl Receiver {
    /// Gives these answers in turn and the last one for ever; `None` never answers.
    pub async fn start(answers: &[Option<u16>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answers = Mutex::new(answers.iter().rev().copied().collect());
        let inner = Arc::new(Inner { answers, bodies: Mutex::default() });
        let router = Router::new().route("/", post(receive)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, inner }
    }

    pub fn flag(&self) -> String {
        format!("--events-addr=http://{}/", self.addr)
    }

    /// What came in so far.
    pub fn bodies(&self) -> Vec<Value> {
        self.inner.bodies.lock().unwrap().clone()
    }
}

async fn receive(State(inner): State<Arc<Inner>>, body: String) -> StatusCode {
    let body: Value = serde_json::from_str(&body).unwrap();
    inner.bodies.lock().unwrap().push(body);
    let answer = {
        let mut answers = inner.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop().unwrap() } else { answers[0] }
    };
    match answer {
        Some(code) => StatusCode::from_u16(code).unwrap(),
        None => std::future::pending().await,
    }
}
