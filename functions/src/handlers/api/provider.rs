//! Signing in by a provider of OpenID Connect: it is asked for its keys and for what a code stands for; whom a token lets in says
//! `shared::console::oidc`.

use std::sync::Arc;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::console::Pass;
use shared::console::oidc::{Algorithm, Discovery, Jwk, Jwt, Keyring, Oidc, Refusal};
use shared::ports::{AskProvider, PortResult};
use tokio::sync::Mutex;
use url::Url;

use super::super::http::Response;
use super::answers::{Provider as ProviderAnswer, SignInBy, WantedSignIn};

/// Uncompressed, as SEC 1 writes a point of a curve.
const POINT: u8 = 4;
const COORDINATE: usize = 32;

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Debug)]
pub(super) struct Provider {
    oidc: Oidc,
    door: Arc<dyn AskProvider>,
    /// What it says of itself does not change while a function lives, as far as anybody knows.
    described: Mutex<Option<Arc<Discovery>>>,
    /// Locked while it is asked, so that it is asked once.
    keys: Mutex<Option<Keyring>>,
}

impl Provider {
    pub(super) fn new(oidc: Oidc, door: Arc<dyn AskProvider>) -> Self {
        Self { oidc, door, described: Mutex::default(), keys: Mutex::default() }
    }

    /// What a page needs to lead somebody there.
    pub(super) async fn tell(&self) -> Response {
        let provider = match self.described().await {
            Ok(described) => Some(ProviderAnswer {
                client_id: self.oidc.client_id.clone(),
                authorization_endpoint: described.authorization_endpoint.clone(),
                scope: self.oidc.scope(),
            }),
            Err(_) => None,
        };
        // Who has a key or a pass gets in while the provider is down.
        Response::json(&SignInBy { is_down: provider.is_none(), provider })
    }

    /// Who comes with what the provider gave them.
    pub(super) async fn admit(&self, body: &[u8], now_ms: u64) -> Result<Pass, Refusal> {
        match serde_json::from_slice(body).map_err(|_| Refusal::NoSignIn)? {
            WantedSignIn::Code { code, code_verifier, redirect_uri, nonce } => {
                let form = [
                    ("grant_type", "authorization_code"),
                    ("client_id", self.oidc.client_id.as_str()),
                    ("code", code.reveal().as_str()),
                    ("code_verifier", code_verifier.reveal().as_str()),
                    ("redirect_uri", redirect_uri.as_str()),
                ];
                let token = self.redeem(&form).await?;
                self.check(&token, Some(&nonce), now_ms).await
            }
            WantedSignIn::Token { token, nonce } => self.check(token.reveal(), nonce.as_deref(), now_ms).await,
        }
    }

    async fn redeem(&self, form: &[(&str, &str)]) -> Result<String, Refusal> {
        let described = self.described().await?;
        let answer = self.door.redeem(&described.token_endpoint, form).await.map_err(|error| down(&error))?;
        answer.get("id_token").and_then(Value::as_str).map(str::to_owned).ok_or(Refusal::Code)
    }

    async fn check(&self, token: &str, nonce: Option<&str>, now_ms: u64) -> Result<Pass, Refusal> {
        let token = Jwt::read(token)?;
        let key = self.key(&token, now_ms).await?;
        if !is_signed(&token, &key) {
            return Err(Refusal::Signature);
        }
        self.oidc.admit(&token, nonce, now_ms)
    }

    async fn key(&self, token: &Jwt<'_>, now_ms: u64) -> Result<Jwk, Refusal> {
        let mut keys = self.keys.lock().await;
        if keys.as_ref().is_none_or(|keys| keys.is_stale(token, now_ms)) {
            match self.fetch_keys().await {
                Ok(fetched) => *keys = Some(Keyring { keys: fetched, asked_at_ms: now_ms }),
                // A provider that is down does not take back the keys that it gave.
                Err(refusal) if keys.is_none() => return Err(refusal),
                Err(_) => {}
            }
        }
        keys.as_ref().and_then(|keys| keys.find(token)).cloned().ok_or(Refusal::Key)
    }

    async fn fetch_keys(&self) -> Result<Vec<Jwk>, Refusal> {
        let url = self.described().await?.jwks_uri.clone();
        let Jwks { keys } = self.document(&url).await?;
        // Of kinds that we do not know there may be some beside ours.
        Ok(keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
    }

    async fn described(&self) -> Result<Arc<Discovery>, Refusal> {
        let mut described = self.described.lock().await;
        if let Some(known) = described.as_ref() {
            return Ok(known.clone());
        }
        let url = self.oidc.description().ok_or(Refusal::Unreachable)?;
        let found: Discovery = self.document(&url).await?;
        if !self.oidc.takes(&found) {
            tracing::error!(
                code = "provider_not_taken",
                "its description is of another issuer, or leads to no https address"
            );
            return Err(Refusal::Unreachable);
        }
        Ok(described.insert(Arc::new(found)).clone())
    }

    async fn document<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Refusal> {
        let document: PortResult<Value> = self.door.document(url).await;
        let document = document.map_err(|error| down(&error))?;
        serde_json::from_value(document).map_err(|_| Refusal::Unreachable)
    }
}

fn down(error: &shared::ports::PortError) -> Refusal {
    tracing::error!(code = "provider_unreachable", %error);
    Refusal::Unreachable
}

fn is_signed(token: &Jwt<'_>, key: &Jwk) -> bool {
    verify(token, key).is_some()
}

/// The key is of the kind that the algorithm needs: `Keyring::find` sees to it.
fn verify(token: &Jwt<'_>, key: &Jwk) -> Option<()> {
    let number = |text: &Option<String>| BASE64.decode(text.as_deref()?).ok();
    let message = token.message.as_bytes();
    match token.algorithm {
        Algorithm::Rs256 => {
            let key = PublicKeyComponents { n: number(&key.n)?, e: number(&key.e)? };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message, &token.signature).ok()
        }
        Algorithm::Es256 => {
            let (x, y) = (number(&key.x)?, number(&key.y)?);
            let fits = x.len() == COORDINATE && y.len() == COORDINATE;
            let key = [&[POINT][..], &x, &y].concat();
            fits.then(|| UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key))?.verify(message, &token.signature).ok()
        }
    }
}
