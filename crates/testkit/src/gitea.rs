//! A real Gitea, where there is a program.
//!
//! `SLUICE_GITEA` names the program, `SLUICE_GITEA_STATIC` the directory with its templates and options if they are not
//! built into it. Everything it keeps is in a directory of the test.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{controller::http_client, ports::free_address, process::Process};

/// How long it may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
const USER: &str = "robot";
const PASSWORD: &str = "robot-password";

/// A running Gitea with one user, who may do everything; stopped when this handle is dropped.
pub struct Gitea {
    web: String,
    token: String,
    http: reqwest::Client,
    process: Process,
}

impl Gitea {
    /// Starts one that keeps its files below the directory, or `None` where no program is named.
    pub async fn start(directory: &Path) -> Result<Option<Self>> {
        let Some(program) = std::env::var_os("SLUICE_GITEA").map(PathBuf::from) else { return Ok(None) };
        let data = directory.join("gitea");
        let config = data.join("custom/conf/app.ini");
        std::fs::create_dir_all(data.join("custom/conf"))?;
        let address = free_address()?;
        std::fs::write(&config, settings(&data, &address)?)?;
        let gitea = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command.args(arguments).arg("--config").arg(&config);
            command.env("GITEA_WORK_DIR", &data).env("HOME", &data);
            command
        };
        run(gitea(&["migrate"]))?;
        let who = ["--username", USER, "--password", PASSWORD, "--email", "robot@example.org", "--admin"];
        run(gitea(&[["admin", "user", "create", "--must-change-password=false"].as_slice(), &who].concat()))?;
        let scope = ["generate-access-token", "--username", USER, "--scopes", "all", "--raw"];
        let told = run(gitea(&[["admin", "user"].as_slice(), &scope].concat()))?;
        let token = told.lines().last().context("gitea made no token")?.trim().to_owned();
        let process = Process::start(gitea(&["web"]), &data.join("log"), false)?;
        let mut gitea = Self { web: format!("http://{address}"), token, http: http_client()?, process };
        gitea.until_up().await?;
        Ok(Some(gitea))
    }

    async fn until_up(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let answer = self.http.get(format!("{}/api/v1/version", self.web)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(self.process.ended()?.is_none(), "gitea ended:\n{}", self.process.log());
            ensure!(began.elapsed() < PATIENCE, "gitea is not up:\n{}", self.process.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where people look at it.
    pub fn web(&self) -> &str {
        &self.web
    }

    /// Where its interface for programs is.
    pub fn api(&self) -> String {
        format!("{}/api/v1", self.web)
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        USER
    }

    /// What lets the user in, also as a password.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where Git finds a repository, with the credentials.
    pub fn git_url(&self, repository: &str) -> String {
        let host = self.web.trim_start_matches("http://");
        format!("http://{USER}:{}@{host}/{repository}.git", self.token)
    }

    /// Makes an empty repository of an organisation, which is made too.
    pub async fn repository(&self, organisation: &str, name: &str) -> Result<()> {
        self.call("POST", "orgs", json!({ "username": organisation })).await?;
        let repository = json!({ "name": name, "default_branch": "main", "auto_init": false });
        self.call("POST", &format!("orgs/{organisation}/repos"), repository).await?;
        Ok(())
    }

    /// A request to the interface, with the credentials.
    pub fn request(&self, method: &str, path: &str) -> Result<reqwest::RequestBuilder> {
        let method = Method::from_bytes(method.as_bytes())?;
        let request = self.http.request(method, format!("{}/{path}", self.api()));
        Ok(request.header("authorization", format!("token {}", self.token)))
    }

    /// The answer to a request that must succeed; the body is left out if it is null.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let request = self.request(method, path)?;
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{method} {path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// What it does without: mail, SSH, searches, jobs, and hosts elsewhere. Webhooks may go to this machine.
fn settings(data: &Path, address: &str) -> Result<String> {
    let (host, port) = address.split_once(':').context("an address without a port")?;
    let fixed = std::env::var("SLUICE_GITEA_STATIC").map(|path| format!("STATIC_ROOT_PATH = {path}\n"));
    let (data, fixed) = (data.display(), fixed.unwrap_or_default());
    Ok(format!(
        "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
RUN_MODE = prod
WORK_PATH = {data}
[server]
HTTP_ADDR = {host}
HTTP_PORT = {port}
ROOT_URL = http://{address}/
DISABLE_SSH = true
OFFLINE_MODE = true
{fixed}[database]
DB_TYPE = sqlite3
PATH = {data}/gitea.db
[security]
INSTALL_LOCK = true
[service]
DISABLE_REGISTRATION = true
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
LEVEL = warn
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
"
    ))
}

fn run(mut command: Command) -> Result<String> {
    let done = command.output().with_context(|| format!("run {}", command.get_program().display()))?;
    if !done.status.success() {
        let (told, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        bail!("{:?} failed: {told}{errors}", command.get_args());
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
