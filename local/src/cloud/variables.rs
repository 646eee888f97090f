//! The environment of the processes: set key by key, as a template does it, never inherited.

use std::collections::BTreeMap;

use shared::calls::MediaPath;
use shared::redact::Secret;
use url::{Host, Url};

use super::options::Options;
use super::services::Services;
use super::sigv4::AccessKey;
use super::stack::{BUCKET, REGION, TABLE};
use super::{LOCAL_ACCOUNT_SID, LOCAL_AUTH_TOKEN, StartError};
use crate::call::exchange::rest;

/// What a person may set, and every process may read.
const FOR_ALL: [&str; 40] = [
    "AGENT_GREETING",
    "AGENT_HOLD_MUSIC",
    "AGENT_INSTRUCTIONS",
    "AGENT_KEYPAD",
    "AGENT_OVERFLOW_PLACE",
    "AGENT_OVERFLOW_SAY",
    "AGENT_OVERFLOW_WAIT",
    "AGENT_TOOLS",
    "AGENT_TRANSFER_TARGETS",
    "AGENT_UNAVAILABLE",
    "ALLOWED_ADDRESSES",
    "CALLER_RATE",
    "CONSOLE_ORIGINS",
    "CONSOLE_TOKEN",
    "LOG_LEVEL",
    "MAX_CALLS",
    "MAX_RECONNECT_ATTEMPTS",
    "OIDC_CLIENT_ID",
    "OIDC_ISSUER",
    "OIDC_NAME_CLAIM",
    "OIDC_ROLES",
    "OIDC_ROLE_CLAIM",
    "OPEN_METEO_GEOCODING_URL",
    "OPEN_METEO_URL",
    "REALTIME_MODEL",
    "REALTIME_VOICE",
    "RECONNECT_DELAY",
    "STRANGER_RATE",
    "TOOL_ALLOW_HOSTS",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_KEY",
    "TWILIO_API_SECRET",
    "TWILIO_API_URL",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_WEBHOOK_VALIDATION",
    "WEBSOCKET_TIMEOUT",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// What functions have no use for, but for `api`, which asks whether the model can be had.
const OF_THE_MODEL: [&str; 2] = ["OPENAI_API_KEY", "OPENAI_REALTIME_URL"];
/// What only the relay has a use for.
const FOR_RELAYS: [&str; 1] = ["RELAY_MAX_UNPROVEN"];

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) public_url: Url,
    pub(crate) public_wss_url: Url,
    pub(crate) origin: Url,
    pub(crate) origin_port: u16,
    /// Of the cloud's own APIs.
    pub(crate) backend_port: u16,
}

impl Addresses {
    pub(crate) fn new(options: &Options, origin_port: u16, backend_port: u16) -> Result<Self, StartError> {
        let origin = format!("http://localhost:{origin_port}");
        let origin = Url::parse(&origin).map_err(|_| StartError::Settings("the origin is not a URL"))?;
        let public_url = value(options, "PUBLIC_URL").map_or(Ok(origin.clone()), Url::parse);
        let public_url = public_url.map_err(|_| StartError::Settings("PUBLIC_URL is not a URL"))?;
        let public_wss_url = value(options, "PUBLIC_WSS_URL").map_or_else(|| stream_url(&public_url), Url::parse);
        let public_wss_url = public_wss_url.map_err(|_| StartError::Settings("PUBLIC_WSS_URL is not a URL"))?;
        Ok(Self { public_url, public_wss_url, origin, origin_port, backend_port })
    }

    /// From where a page may open streams, as its policy says it.
    pub(crate) fn streams(&self) -> String {
        let url = &self.public_wss_url;
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", url.scheme())
    }

    fn is_loopback(&self) -> bool {
        match self.public_url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// Where Twilio finds the streams of this address.
fn stream_url(public_url: &Url) -> Result<Url, url::ParseError> {
    let scheme = if public_url.scheme() == "https" { "wss" } else { "ws" };
    let rest = public_url.as_str().trim_start_matches(public_url.scheme()).trim_end_matches('/');
    Url::parse(&format!("{scheme}{rest}/call"))
}

/// The variables of functions and of relays.
#[derive(Debug, Clone)]
pub(crate) struct Variables {
    pub(crate) functions: BTreeMap<String, String>,
    pub(crate) relays: BTreeMap<String, String>,
}

impl Variables {
    pub(crate) fn new(options: &Options, addresses: &Addresses, services: &Services) -> Result<Self, StartError> {
        let mut functions = chosen(options, &FOR_ALL);
        if !functions.contains_key("TWILIO_AUTH_TOKEN") {
            if !addresses.is_loopback() {
                return Err(StartError::Settings("TWILIO_AUTH_TOKEN must be set when PUBLIC_URL is not this machine"));
            }
            functions.insert("TWILIO_AUTH_TOKEN".to_owned(), LOCAL_AUTH_TOKEN.to_owned());
        }
        if addresses.is_loopback() {
            // Simulated callers all have one number.
            functions.entry("CALLER_RATE".to_owned()).or_insert_with(|| "0".to_owned());
        }
        functions.extend(secrets_of_tools(options));
        functions.extend(deployed(options.media_path, addresses, services));
        functions.extend(credentials(&services.key));
        let mut relays = chosen(options, &FOR_RELAYS);
        relays.extend(chosen(options, &OF_THE_MODEL));
        if let Some(url) = &options.model_url {
            relays.insert("OPENAI_REALTIME_URL".to_owned(), url.to_string());
            relays.entry("OPENAI_API_KEY".to_owned()).or_insert_with(|| "not-needed-here".to_owned());
        }
        if options.relays > 0 && !relays.contains_key("OPENAI_API_KEY") {
            return Err(StartError::Settings("OPENAI_API_KEY must be set, or the model be another than OpenAI's"));
        }
        functions.extend(
            OF_THE_MODEL
                .iter()
                .filter_map(|key| relays.get_key_value(*key))
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        relays.insert("RELAY_BEHIND_PROXY".to_owned(), "true".to_owned());
        relays.insert("RELAY_DRAIN".to_owned(), options.drain.as_secs_f64().to_string());
        relays.extend(functions.clone());
        // Whoever has an account of their own keeps it.
        if options.exchange.is_some() && !relays.contains_key("TWILIO_ACCOUNT_SID") {
            relays.extend(account(addresses));
            functions.extend(account(addresses));
        }
        if options.phone_numbers.is_some() && !functions.contains_key("TWILIO_ACCOUNT_SID") {
            functions.extend(account(addresses));
        }
        Ok(Self { functions, relays })
    }

    pub(crate) fn twilio_auth_token(&self) -> Secret {
        Secret::new(self.functions.get("TWILIO_AUTH_TOKEN").map_or("", String::as_str))
    }
}

/// What a template would fill in.
fn deployed(media_path: MediaPath, addresses: &Addresses, services: &Services) -> [(String, String); 13] {
    let Addresses { public_url, public_wss_url, origin_port, backend_port, .. } = addresses;
    let backend = format!("http://127.0.0.1:{backend_port}");
    let media_path = match media_path {
        MediaPath::Gateway => "gateway",
        MediaPath::Direct => "direct",
    };
    [
        ("PUBLIC_URL", public_url.as_str().trim_end_matches('/').to_owned()),
        ("PUBLIC_WSS_URL", public_wss_url.to_string()),
        ("MEDIA_PATH", media_path.to_owned()),
        ("TABLE_NAME", TABLE.to_owned()),
        ("RECORDINGS_BUCKET", BUCKET.to_owned()),
        ("TOOL_CALL_FUNCTION", "tool-call".to_owned()),
        ("CALL_CONNECTIONS_URL", format!("{backend}/call")),
        ("CONTROL_CONNECTIONS_URL", format!("{backend}/control")),
        ("LOGS_CONNECTIONS_URL", format!("{backend}/logs")),
        ("CONTROL_WSS_URL", format!("ws://127.0.0.1:{origin_port}/control")),
        ("AWS_ENDPOINT_URL_LAMBDA", backend.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", services.dynamodb_url()),
        ("AWS_ENDPOINT_URL_S3", services.s3_url()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

/// On this laptop, as if it were Twilio's.
fn account(addresses: &Addresses) -> [(String, String); 4] {
    [
        ("TWILIO_ACCOUNT_SID", LOCAL_ACCOUNT_SID.to_owned()),
        ("TWILIO_API_KEY", rest::API_KEY.to_owned()),
        ("TWILIO_API_SECRET", rest::API_SECRET.to_owned()),
        ("TWILIO_API_URL", format!("http://127.0.0.1:{}", addresses.backend_port)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

fn credentials(key: &AccessKey) -> [(String, String); 6] {
    [
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", &key.id),
        ("AWS_SECRET_ACCESS_KEY", key.secret.reveal()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// `TOOL_SECRET_CRM_KEY` and the like: what they are called is their owner's affair.
fn secrets_of_tools(options: &Options) -> impl Iterator<Item = (String, String)> {
    let secrets = options.env.iter().filter(|(key, _)| key.starts_with("TOOL_SECRET_"));
    secrets.map(|(key, value)| (key.clone(), value.clone()))
}

fn chosen(options: &Options, keys: &[&str]) -> BTreeMap<String, String> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), value(options, key)?.to_owned()))).collect()
}

/// An empty value counts as absent.
fn value<'a>(options: &'a Options, key: &str) -> Option<&'a str> {
    options.env.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use shared::config::Reader;
    use shared::twilio::rest::Access;

    use super::*;

    fn addresses(public_url: &str) -> Addresses {
        let env = [("PUBLIC_URL".to_owned(), public_url.to_owned())].into();
        Addresses::new(&Options { env, ..Options::temporary() }, 1234, 5678).unwrap()
    }

    #[test]
    fn streams_are_found_below_the_public_url() {
        for (public, streams) in [
            ("", "ws://localhost:1234/call"),
            ("https://abc.example", "wss://abc.example/call"),
            ("https://abc.example/base/", "wss://abc.example/base/call"),
        ] {
            assert_eq!(addresses(public).public_wss_url.as_str(), streams);
            assert!(streams.starts_with(&format!("{}/", addresses(public).streams())));
        }
    }

    #[test]
    fn the_account_of_this_laptop_is_one_that_the_relay_can_use() {
        let values: BTreeMap<String, String> = account(&addresses("")).into();
        let source = |key: &str| values.get(key).cloned();
        let mut reader = Reader::new(&source);
        let access = Access::read(&mut reader);
        let access = reader.finish(access).unwrap().unwrap();
        assert_eq!((access.base.as_str(), access.account.sid.as_str()), ("http://127.0.0.1:5678/", LOCAL_ACCOUNT_SID));
        assert_eq!(access.account.user, rest::API_KEY);
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (public, loopback) in [
            ("http://localhost:8787", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:8787", true),
            ("https://localhost.example", false),
        ] {
            assert_eq!(addresses(public).is_loopback(), loopback, "{public}");
        }
    }
}
