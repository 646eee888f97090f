//! How the relay dials out: rustls with one provider, the machine's roots read once, and plain text to itself only.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use shared::config::is_loopback;
use tokio_tungstenite::Connector;
use url::Url;

/// Dials WebSockets. Cloning shares the roots.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the TLS provider offers no safe protocol version")]
    Provider(#[source] rustls::Error),
    #[error("{0} is neither wss:// nor ws:// to this machine")]
    PlainText(String),
}

impl Tls {
    /// For dialling these. The machine's roots are read now, once, if any of them needs some.
    pub fn reaching<'a>(urls: impl IntoIterator<Item = &'a Url>) -> Result<Self, TlsError> {
        let roots =
            if urls.into_iter().any(|url| url.scheme() == "wss") { native_roots() } else { RootCertStore::empty() };
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// What connects to `url`; nothing does if that would send a key in the clear to another machine.
    pub fn connector(&self, url: &Url) -> Result<Connector, TlsError> {
        match url.scheme() {
            "wss" => Ok(Connector::Rustls(Arc::clone(&self.0))),
            "ws" if is_loopback(url) => Ok(Connector::Plain),
            _ => Err(TlsError::PlainText(format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()))),
        }
    }
}

fn native_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (added, ignored) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        tracing::warn!(ignored, errors = ?native.errors, "no root certificates: only ws:// can be dialled");
    }
    roots
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_goes_to_this_machine_only() {
        let tls = Tls::reaching([]).unwrap();
        for (url, allowed) in [
            ("ws://127.0.0.1:9/v1", true),
            ("ws://localhost:9/v1", true),
            ("ws://[::1]:9/v1", true),
            ("wss://api.example.com/v1", true),
            ("ws://api.example.com/v1", false),
            ("ws://10.0.0.1/v1", false),
            ("ws://localhost.example.com/v1", false),
        ] {
            assert_eq!(tls.connector(&Url::parse(url).unwrap()).is_ok(), allowed, "{url}");
        }
    }
}
