//! What a Git server offers and demands.

/// How a Git server is started. It always serves HTTP.
#[derive(Clone, Debug, Default)]
pub struct GitOptions {
    pub(crate) basic: Option<(String, String)>,
    pub(crate) bearer: Option<String>,
    pub(crate) tls: Option<Tls>,
    pub(crate) ssh: bool,
    pub(crate) proxy: Proxy,
}

/// Whether a proxy runs, and for whom.
#[derive(Clone, Debug, Default)]
pub(crate) enum Proxy {
    #[default]
    None,
    Open,
    Basic(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    ServerOnly,
    Mutual,
}

impl GitOptions {
    /// Demands a user and password over HTTP and HTTPS.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.basic = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Accepts a bearer token over HTTP and HTTPS.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    /// Serves HTTPS too, with a certificate of a CA of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Some(Tls::ServerOnly);
        self
    }

    /// Serves HTTPS too, to clients with a certificate of the server's CA.
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        self.tls = Some(Tls::Mutual);
        self
    }

    /// Serves SSH too, to the server's own client key.
    #[must_use]
    pub fn ssh(mut self) -> Self {
        self.ssh = true;
        self
    }

    /// Runs a forward proxy too.
    #[must_use]
    pub fn proxy(mut self) -> Self {
        self.proxy = Proxy::Open;
        self
    }

    /// Runs a forward proxy too, which demands a user and password.
    #[must_use]
    pub fn proxy_with(mut self, user: &str, password: &str) -> Self {
        self.proxy = Proxy::Basic(user.to_owned(), password.to_owned());
        self
    }
}
