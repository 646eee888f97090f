//! Requests of tools of one's own. What they may reach is judged before anything is connected: the URL, then every address
//! that its name has; and the connection goes to one of these, so that a name which resolves otherwise a moment later leads
//! nowhere else. There is no proxy, no kept connection, no redirect, no decompression and no second attempt in here.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};
use shared::ports::SendHttp;
use shared::tools::address::{Guard, Refusal};
use shared::tools::own::{HttpAnswer, HttpFault, HttpRequest};
use url::{Host, Url};

/// To connect. An address that says nothing leaves time for another attempt.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// What a name resolves to.
pub trait Resolve: Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.map(|address| address.ip()).collect()) })
    }
}

#[derive(Clone)]
pub struct HttpTools {
    guard: Guard,
    resolver: Arc<dyn Resolve>,
    /// Made with the first request over TLS: loading the system's roots takes longer than most tools.
    tls: Arc<OnceLock<ClientConfig>>,
}

impl HttpTools {
    pub fn new(guard: Guard, resolver: impl Resolve + 'static) -> Self {
        Self { guard, resolver: Arc::new(resolver), tls: Arc::default() }
    }

    /// The addresses that may be connected to. Of a URL that holds an address there are none: it is that one.
    async fn judged(&self, url: &Url) -> Result<Vec<SocketAddr>, HttpFault> {
        self.guard.judge(url).map_err(HttpFault::Refused)?;
        let Some(port) = url.port_or_known_default() else { return Err(HttpFault::Refused(Refusal::Port)) };
        let Some(Host::Domain(name)) = url.host() else { return Ok(Vec::new()) };
        let found = self.resolver.resolve(name, port).await.map_err(|_| HttpFault::Unresolvable)?;
        if found.is_empty() {
            return Err(HttpFault::Unresolvable);
        }
        self.guard.judge_addresses(url, &found).map_err(HttpFault::Refused)?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// Knows one name, and that by these addresses.
    fn client(&self, url: &Url, addresses: &[SocketAddr]) -> Result<Client, HttpFault> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT_PATIENCE)
            .pool_max_idle_per_host(0)
            .user_agent("voicebridge")
            .tls_backend_preconfigured(self.tls()?)
            .resolve_to_addrs(url.host_str().unwrap_or_default(), addresses);
        builder.build().map_err(|_| HttpFault::Unreachable)
    }

    fn tls(&self) -> Result<ClientConfig, HttpFault> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let tls = tls_config().map_err(|error| {
            tracing::error!(code = "tls_unusable", %error);
            HttpFault::Unreachable
        })?;
        Ok(self.tls.get_or_init(move || tls).clone())
    }
}

fn tls_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Ok(config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

impl SendHttp for HttpTools {
    async fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpFault> {
        let url = request.url.reveal();
        let addresses = self.judged(url).await?;
        let method =
            reqwest::Method::from_bytes(request.method.as_str().as_bytes()).map_err(|_| HttpFault::Unreachable)?;
        let mut sending = self.client(url, &addresses)?.request(method, url.clone()).headers(headers(request)?);
        if let Some(body) = &request.body {
            sending = sending.body(body.reveal().clone());
        }
        let answer = sending.send().await.map_err(|error| fault(&error))?;
        let connected = answer.remote_addr().map(|address| address.ip());
        if !addresses.is_empty() && !connected.is_some_and(|ip| addresses.iter().any(|judged| judged.ip() == ip)) {
            return Err(HttpFault::Refused(Refusal::NotPublic));
        }
        read(answer, request.largest_answer).await
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn headers(request: &HttpRequest) -> Result<HeaderMap, HttpFault> {
    let mut headers = HeaderMap::new();
    for header in &request.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| HttpFault::Unreachable)?;
        // A secret with a line break in it cannot be sent, and must not be.
        let mut value = HeaderValue::from_str(header.value.reveal()).map_err(|_| HttpFault::Unreachable)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The body of a success only: nothing else is looked into.
async fn read(mut answer: Response, largest: usize) -> Result<HttpAnswer, HttpFault> {
    let text =
        |name: HeaderName| answer.headers().get(name).map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
    let mut read = HttpAnswer {
        status: answer.status().as_u16(),
        location: text(LOCATION),
        content_type: text(CONTENT_TYPE),
        content_encoding: text(CONTENT_ENCODING),
        body: Vec::new(),
    };
    if !answer.status().is_success() {
        return Ok(read);
    }
    if answer.content_length().is_some_and(|length| length > largest as u64) {
        return Err(HttpFault::TooLarge);
    }
    while let Some(chunk) = answer.chunk().await.map_err(|_| HttpFault::BrokenOff)? {
        if read.body.len() + chunk.len() > largest {
            return Err(HttpFault::TooLarge);
        }
        read.body.extend_from_slice(&chunk);
    }
    Ok(read)
}

fn fault(error: &reqwest::Error) -> HttpFault {
    if error.is_connect() || error.is_builder() { HttpFault::Unreachable } else { HttpFault::BrokenOff }
}

impl std::fmt::Debug for HttpTools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTools").field("guard", &self.guard).finish_non_exhaustive()
    }
}
