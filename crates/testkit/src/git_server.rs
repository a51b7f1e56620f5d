//! A Git server over HTTP, HTTPS and SSH.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::{
    GitOptions, GitRepository,
    binary::e2e_binary,
    git_options::{Proxy, Tls},
    server::{Server, arguments},
};

/// A running Git server, stopped when this handle is dropped.
pub struct GitServer {
    server: Server,
    folder: TempDir,
}

/// One request that the server or its proxy answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct Request {
    /// `http`, `https`, `ssh` or `proxy`.
    pub via: String,
    /// The HTTP method.
    pub method: String,
    /// The path, or the proxy's target.
    pub path: String,
    /// `git-upload-pack`, `git-receive-pack` or empty.
    pub service: String,
    /// `advertise` (list of refs) or `rpc` (negotiation and pack).
    pub phase: String,
    /// Git's protocol header.
    pub protocol: String,
    /// Who the client proved to be.
    pub user: String,
    /// The client's name for itself.
    pub user_agent: String,
    /// The HTTP status, or the exit status over SSH.
    pub status: u16,
}

impl GitServer {
    /// Starts a server without repositories.
    pub fn start(options: &GitOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("sluice-git-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("root"))?;
        let mut arguments =
            arguments!["--root", path("root"), "--log", path("requests"), "--http", "127.0.0.1:0"];
        if let Some((user, password)) = &options.basic {
            arguments.extend(arguments!["--user", user, "--password", password]);
        }
        if let Some(token) = &options.bearer {
            arguments.extend(arguments!["--bearer", token]);
        }
        if let Some(tls) = options.tls {
            arguments.extend(tls_arguments(&path("tls"), tls)?);
        }
        if options.ssh {
            arguments.extend(ssh_arguments(&path("ssh"))?);
        }
        match &options.proxy {
            Proxy::None => {}
            Proxy::Open => arguments.extend(arguments!["--proxy", "127.0.0.1:0"]),
            Proxy::Basic(user, password) => arguments.extend(arguments![
                "--proxy",
                "127.0.0.1:0",
                "--proxy-user",
                user,
                "--proxy-password",
                password
            ]),
        }
        let server = Server::start("gitserver", &arguments, &path("log"))?;
        Ok(Self { server, folder })
    }

    /// Makes an empty repository, served as `NAME.git`.
    pub fn repository(&self, name: &str) -> Result<GitRepository> {
        let bare = self.folder.path().join("root").join(format!("{name}.git"));
        let work = self.folder.path().join("work").join(name);
        GitRepository::create(bare, work)
    }

    /// The URL of a repository over HTTP.
    pub fn http_url(&self, name: &str) -> Result<String> {
        self.url("http", name)
    }

    /// The URL of a repository over HTTPS.
    pub fn https_url(&self, name: &str) -> Result<String> {
        self.url("https", name)
    }

    /// The URL of a repository over SSH.
    pub fn ssh_url(&self, name: &str) -> Result<String> {
        self.url("ssh", name)
    }

    /// The proxy's URL.
    pub fn proxy_url(&self) -> Result<&str> {
        self.server.address("proxy").context("the server was started without a proxy")
    }

    fn url(&self, transport: &str, name: &str) -> Result<String> {
        let base = self.server.address(transport);
        let base = base.with_context(|| format!("the server was started without {transport}"))?;
        Ok(format!("{base}/{name}.git"))
    }

    /// The CA of the server's HTTPS certificate, PEM.
    pub fn ca(&self) -> Result<String> {
        self.read("tls/ca.crt")
    }

    /// A client certificate of the same CA and its key, PEM.
    pub fn client_certificate(&self) -> Result<(String, String)> {
        Ok((self.read("tls/client.crt")?, self.read("tls/client.key")?))
    }

    /// The private key that may connect over SSH, in OpenSSH's format.
    pub fn ssh_identity(&self) -> Result<String> {
        self.read("ssh/client")
    }

    /// The `known_hosts` line of the SSH server.
    pub fn known_hosts(&self) -> Result<String> {
        let address = self.server.address("ssh").context("the server was started without ssh")?;
        let port = address.rsplit(':').next().unwrap_or_default();
        let key = self.read("ssh/host.pub")?;
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        Ok(format!("[127.0.0.1]:{port} {}\n", key.join(" ")))
    }

    /// The requests that were answered so far, oldest first.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let text = self.read("requests")?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// How often a pack was fetched from a repository so far, over any transport.
    ///
    /// Git's protocol version 2 lists refs by a POST as well: such a listing counts too.
    pub fn fetches(&self, name: &str) -> Result<usize> {
        let path = format!("/{name}.git");
        let is_fetch = |request: &Request| {
            request.service == "git-upload-pack"
                && request.phase == "rpc"
                && request.via != "proxy"
                && request.path.starts_with(&path)
        };
        Ok(self.requests()?.iter().filter(|request| is_fetch(request)).count())
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.path().join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
}

fn tls_arguments(folder: &Path, tls: Tls) -> Result<Vec<OsString>> {
    run(Command::new(e2e_binary()?).args(["certs", "--dir"]).arg(folder))?;
    let mut arguments = arguments![
        "--https",
        "127.0.0.1:0",
        "--tls-cert",
        folder.join("server.crt"),
        "--tls-key",
        folder.join("server.key"),
    ];
    if tls == Tls::Mutual {
        arguments.extend(arguments!["--client-ca", folder.join("ca.crt")]);
    }
    Ok(arguments)
}

fn ssh_arguments(folder: &Path) -> Result<Vec<OsString>> {
    fs::create_dir(folder)?;
    let generate = |name: &str| -> Result<PathBuf> {
        let file = folder.join(name);
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file))?;
        Ok(file)
    };
    let host = generate("host")?;
    let client = generate("client")?.with_extension("pub");
    Ok(arguments!["--ssh", "127.0.0.1:0", "--ssh-host-key", host, "--ssh-authorized-keys", client])
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("run {}", Path::new(&program).display()))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", Path::new(&program).display(), error.trim());
    Ok(())
}
