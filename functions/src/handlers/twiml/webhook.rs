//! Whether a request is Twilio's, and what it says.

use http::{Method, StatusCode, header};
use shared::config::WebhookAuth;
use shared::twilio::signature::{self, Content, SignatureError, Signer};
use shared::twilio::webhook::{Form, WebhookError};
use url::Url;

use crate::handlers::http::{Request, Response};

#[derive(Debug)]
pub(super) struct Webhook {
    /// Without the slash at its end.
    base: String,
    /// `None`: anybody on this machine is Twilio.
    signer: Option<Signer>,
}

/// Why a webhook is not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("not Twilio's")]
    Forged(#[from] SignatureError),
    #[error("not understood")]
    Malformed(#[from] WebhookError),
}

impl Webhook {
    pub(super) fn new(public: &Url, auth: &WebhookAuth) -> Self {
        let signer = match auth {
            WebhookAuth::Signed(token) => Some(Signer::new(token)),
            WebhookAuth::Open => None,
        };
        Self { base: public.as_str().trim_end_matches('/').to_owned(), signer }
    }

    /// A URL of ours as Twilio is to see it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The parameters, if the request is signed: a form's, or a GET's query.
    pub(super) fn verify(&self, request: &Request) -> Result<Form, Fault> {
        if request.method == Method::GET {
            self.check(request, Content::UrlOnly)?;
            return Ok(Form::parse(request.query.as_bytes())?);
        }
        if !is_form(request) {
            self.check(request, Content::Body(&request.body))?;
            return Ok(Form::default());
        }
        let form = Form::parse(&request.body)?;
        self.check(request, Content::Form(form.pairs()))?;
        Ok(form)
    }

    fn check(&self, request: &Request, content: Content<'_>) -> Result<(), SignatureError> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let mut url = self.url(&request.path);
        if !request.query.is_empty() {
            url.push('?');
            url.push_str(&request.query);
        }
        let signature = request.header(signature::HEADER);
        let spelling = signer.verify(&signature::Request { url: &url, content, signature })?;
        tracing::debug!(code = "signature_accepted", ?spelling);
        Ok(())
    }
}

impl Fault {
    pub(super) fn answer(&self, path: &str) -> Response {
        match self {
            Self::Forged(error) => {
                tracing::warn!(code = "signature_refused", path, %error);
                Response::problem(StatusCode::FORBIDDEN, "this is for Twilio alone")
            }
            Self::Malformed(error) => {
                tracing::warn!(code = "webhook_malformed", path, %error);
                Response::problem(StatusCode::BAD_REQUEST, &error.to_string())
            }
        }
    }
}

/// Everything that does not say that it is something else.
fn is_form(request: &Request) -> bool {
    request
        .header(header::CONTENT_TYPE.as_str())
        .is_none_or(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}
