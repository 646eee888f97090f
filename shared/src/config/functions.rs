//! What each Lambda function reads, and nothing else: the template grants by these lists.
//!
//! `LOG_LEVEL` and the `AWS_*` keys come on top for all of them; telemetry and the SDK read those.

use super::parts::{
    WebhookAuth, bucket, call_limits, gate, logs_url, media_path, model_url, public_url, public_wss_url, table, url_or,
    web_url, webhook_auth,
};
use super::{ConfigErrors, Reader, Source, agent::agent};
use crate::agent::Agent;
use crate::calls::MediaPath;
use crate::console::Keys;
use crate::console::oidc::Oidc;
use crate::limits::{CallLimits, Gate};
use crate::redact::Secret;
use crate::tools::address::Guard;
use crate::twilio::rest::Access;

/// `twiml`: the voice webhook and its callbacks.
#[derive(Debug, Clone, PartialEq)]
pub struct TwimlConfig {
    pub public_url: url::Url,
    pub public_wss_url: url::Url,
    pub auth: WebhookAuth,
    pub gate: Gate,
    pub limits: CallLimits,
    pub media_path: MediaPath,
    pub table: String,
    /// `@connections` of the control API.
    pub control_url: url::Url,
    /// By which is seen who is in a conference.
    pub telephony: Option<Access>,
    pub agent: Agent,
}

impl TwimlConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let public_url = public_url(&mut reader);
        let config = Self {
            public_wss_url: public_wss_url(&mut reader),
            auth: webhook_auth(&mut reader, &public_url),
            gate: gate(&mut reader),
            limits: call_limits(&mut reader),
            media_path: media_path(&mut reader),
            table: table(&mut reader),
            control_url: control_url(&mut reader),
            telephony: Access::read(&mut reader),
            agent: agent(&mut reader),
            public_url,
        };
        reader.finish(config)
    }
}

/// `ws-connect`: who may open a WebSocket.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectConfig {
    pub public_wss_url: url::Url,
    pub auth: WebhookAuth,
    pub gate: Gate,
    pub table: String,
}

impl ConnectConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let public_wss_url = public_wss_url(&mut reader);
        let config = Self {
            auth: webhook_auth(&mut reader, &public_wss_url),
            gate: gate(&mut reader),
            table: table(&mut reader),
            public_wss_url,
        };
        reader.finish(config)
    }
}

/// `ws-disconnect`.
#[derive(Debug, Clone, PartialEq)]
pub struct DisconnectConfig {
    pub table: String,
}

impl DisconnectConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let config = Self { table: table(&mut reader) };
        reader.finish(config)
    }
}

/// `ws-default`: a caller's frames.
#[derive(Debug, Clone, PartialEq)]
pub struct FramesConfig {
    pub table: String,
}

impl FramesConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let config = Self { table: table(&mut reader) };
        reader.finish(config)
    }
}

/// `ws-logs`: consoles that watch.
#[derive(Debug, Clone, PartialEq)]
pub struct LogsConfig {
    pub table: String,
    /// `@connections` of the stage `logs`.
    pub logs_url: url::Url,
    /// `@connections` of the control API.
    pub control_url: url::Url,
    /// What lets people in.
    pub console: Keys,
}

impl LogsConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let public_url = public_url(&mut reader);
        let config = Self {
            console: Keys::new(reader.secret("CONSOLE_TOKEN"), &public_url),
            table: table(&mut reader),
            logs_url: logs_url(&mut reader),
            control_url: control_url(&mut reader),
        };
        reader.finish(config)
    }
}

/// `tool-call`.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolsConfig {
    pub table: String,
    pub weather_url: url::Url,
    pub geocoding_url: url::Url,
    /// Where tools of one's own may go besides the open internet.
    pub guard: Guard,
    /// The secret that holds theirs; without it they are variables of the environment.
    pub secrets_arn: Option<String>,
    /// ARNs of functions that may be tools.
    pub functions: Vec<String>,
}

impl ToolsConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let config = Self {
            table: table(&mut reader),
            weather_url: url_or(&mut reader, "OPEN_METEO_URL", "https://api.open-meteo.com"),
            geocoding_url: url_or(&mut reader, "OPEN_METEO_GEOCODING_URL", "https://geocoding-api.open-meteo.com"),
            guard: guard(&mut reader),
            secrets_arn: reader.text("TOOL_SECRETS_ARN"),
            functions: list(reader.text("TOOL_FUNCTION_ARNS").as_deref().unwrap_or_default()),
        };
        reader.finish(config)
    }
}

/// `api`: what the console and the curious ask.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiConfig {
    pub public_url: url::Url,
    pub media_path: MediaPath,
    pub table: String,
    pub bucket: String,
    /// `@connections` of the control API.
    pub control_url: url::Url,
    /// The account whose set-up is looked at.
    pub telephony: Option<Access>,
    /// Runs tools that a person tries.
    pub tool_call_function: String,
    /// Where tools may go: definitions are judged by it.
    pub guard: Guard,
    /// Whose models agents want, and whether they can be had.
    pub model_url: url::Url,
    pub model_key: Option<Secret>,
    /// Of the agent that the environment describes.
    pub model: String,
    /// What lets people in.
    pub console: Keys,
    /// By whom people sign in who have neither key nor pass.
    pub oidc: Option<Oidc>,
    /// What the console's distribution proves itself with.
    pub edge: Option<Secret>,
    /// Other sites whose pages may ask, as browsers write them: `https://console.example.com`.
    pub origins: Vec<String>,
    pub test_calls: TestCallConfig,
}

/// What a call from a browser has in common with one that Twilio brings.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCallConfig {
    pub public_wss_url: url::Url,
    pub limits: CallLimits,
    /// Who answers if nobody is stored.
    pub agent: Agent,
}

impl ApiConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let public_url = public_url(&mut reader);
        let key = reader.secret("CONSOLE_TOKEN");
        let config = Self {
            oidc: Oidc::read(&mut reader, key.is_some()),
            console: Keys::new(key, &public_url),
            public_url,
            media_path: media_path(&mut reader),
            table: table(&mut reader),
            bucket: bucket(&mut reader),
            control_url: control_url(&mut reader),
            telephony: Access::read(&mut reader),
            tool_call_function: reader.required("TOOL_CALL_FUNCTION", "the function that runs tools"),
            guard: guard(&mut reader),
            model_url: model_url(&mut reader),
            model_key: reader.secret("OPENAI_API_KEY"),
            model: reader.text("REALTIME_MODEL").unwrap_or_else(|| Agent::default().model),
            edge: reader.secret("EDGE_TOKEN"),
            origins: origins(&mut reader),
            test_calls: TestCallConfig {
                public_wss_url: public_wss_url(&mut reader),
                limits: call_limits(&mut reader),
                agent: agent(&mut reader),
            },
        };
        reader.finish(config)
    }
}

/// `CONSOLE_ORIGINS`.
fn origins<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Vec<String> {
    let origins = list(&reader.text("CONSOLE_ORIGINS").unwrap_or_default());
    let fits = |origin: &String| url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
    if !origins.iter().all(fits) {
        reader.invalid("CONSOLE_ORIGINS", "a list of origins, as in https://console.example.com");
    }
    origins
}

/// `TOOL_ALLOW_HOSTS`.
fn guard<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Guard {
    reader.parsed("TOOL_ALLOW_HOSTS", "a list of hosts, as in localhost:9000,10.1.2.3").unwrap_or_default()
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn control_url<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> url::Url {
    web_url(reader, "CONTROL_CONNECTIONS_URL", "where relays take commands")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Recording, keys};
    use super::*;

    const PUBLIC: [(&str, &str); 2] =
        [("PUBLIC_URL", "https://voice.example.com"), ("PUBLIC_WSS_URL", "wss://voice.example.com/call")];

    #[test]
    fn each_function_reads_its_own_keys_and_no_others() {
        // The rest of an account is asked for only if there is one.
        let source = Recording::new([("TWILIO_ACCOUNT_SID", "AC1")]);
        let _faults = TwimlConfig::read(&source).unwrap_err();
        assert_eq!(
            source.asked(),
            keys(
                "AGENT_GREETING AGENT_HOLD_MUSIC AGENT_INSTRUCTIONS AGENT_KEYPAD AGENT_OVERFLOW_PLACE AGENT_OVERFLOW_SAY \
                 AGENT_OVERFLOW_WAIT AGENT_TOOLS AGENT_TRANSFER_TARGETS AGENT_UNAVAILABLE ALLOWED_ADDRESSES CALLER_RATE CONTROL_CONNECTIONS_URL MAX_CALLS \
                 MAX_RECONNECT_ATTEMPTS MEDIA_PATH PUBLIC_URL PUBLIC_WSS_URL REALTIME_MODEL REALTIME_VOICE \
                 RECONNECT_DELAY STRANGER_RATE TABLE_NAME TWILIO_ACCOUNT_SID TWILIO_API_KEY TWILIO_API_SECRET \
                 TWILIO_API_URL TWILIO_AUTH_TOKEN TWILIO_WEBHOOK_VALIDATION \
                 WEBSOCKET_TIMEOUT"
            )
        );
        let source = Recording::new([]);
        let _faults = ConnectConfig::read(&source).unwrap_err();
        assert_eq!(
            source.asked(),
            keys(
                "ALLOWED_ADDRESSES PUBLIC_WSS_URL STRANGER_RATE TABLE_NAME TWILIO_AUTH_TOKEN \
                 TWILIO_WEBHOOK_VALIDATION"
            )
        );
        let source = Recording::new([]);
        let _faults = DisconnectConfig::read(&source).unwrap_err();
        assert_eq!(source.asked(), keys("TABLE_NAME"));
        let source = Recording::new([]);
        let _faults = FramesConfig::read(&source).unwrap_err();
        assert_eq!(source.asked(), keys("TABLE_NAME"));
        let source = Recording::new([]);
        let _faults = LogsConfig::read(&source).unwrap_err();
        assert_eq!(
            source.asked(),
            keys("CONSOLE_TOKEN CONTROL_CONNECTIONS_URL LOGS_CONNECTIONS_URL PUBLIC_URL TABLE_NAME")
        );
        let source = Recording::new([]);
        let _faults = ToolsConfig::read(&source).unwrap_err();
        assert_eq!(
            source.asked(),
            keys(
                "OPEN_METEO_GEOCODING_URL OPEN_METEO_URL TABLE_NAME TOOL_ALLOW_HOSTS TOOL_FUNCTION_ARNS TOOL_SECRETS_ARN"
            )
        );
        let source = Recording::new([("TWILIO_ACCOUNT_SID", "AC1")]);
        let _faults = ApiConfig::read(&source).unwrap_err();
        assert_eq!(
            source.asked(),
            keys(
                "AGENT_GREETING AGENT_HOLD_MUSIC AGENT_INSTRUCTIONS AGENT_KEYPAD AGENT_OVERFLOW_PLACE AGENT_OVERFLOW_SAY \
                 AGENT_OVERFLOW_WAIT AGENT_TOOLS AGENT_TRANSFER_TARGETS AGENT_UNAVAILABLE CALLER_RATE CONSOLE_ORIGINS \
                 CONSOLE_TOKEN CONTROL_CONNECTIONS_URL EDGE_TOKEN MAX_CALLS MAX_RECONNECT_ATTEMPTS MEDIA_PATH \
                 OIDC_CLIENT_ID OIDC_ISSUER OIDC_NAME_CLAIM OIDC_ROLES OIDC_ROLE_CLAIM OPENAI_API_KEY OPENAI_REALTIME_URL \
                 PUBLIC_URL PUBLIC_WSS_URL REALTIME_MODEL REALTIME_VOICE RECONNECT_DELAY RECORDINGS_BUCKET TABLE_NAME \
                 TOOL_ALLOW_HOSTS TOOL_CALL_FUNCTION TWILIO_ACCOUNT_SID TWILIO_API_KEY TWILIO_API_SECRET \
                 TWILIO_API_URL TWILIO_AUTH_TOKEN WEBSOCKET_TIMEOUT"
            )
        );
    }

    #[test]
    fn tools_reach_the_open_internet_unless_more_is_allowed() {
        let table = ("TABLE_NAME", "t");
        let config = ToolsConfig::read(&Recording::new([table])).unwrap();
        assert_eq!((config.guard, config.functions.len(), config.secrets_arn), (Guard::default(), 0, None));
        let more = [table, ("TOOL_ALLOW_HOSTS", "localhost:9000"), ("TOOL_FUNCTION_ARNS", "arn:a, arn:b")];
        let config = ToolsConfig::read(&Recording::new(more)).unwrap();
        assert_eq!((config.guard, config.functions.len()), ("localhost:9000".parse().unwrap(), 2));
        let wrong = ToolsConfig::read(&Recording::new([table, ("TOOL_ALLOW_HOSTS", "http://localhost")])).unwrap_err();
        assert!(wrong.to_string().contains("TOOL_ALLOW_HOSTS"), "{wrong}");
    }

    #[test]
    fn all_faults_of_a_function_come_at_once_and_each_once() {
        let source = Recording::new([("PUBLIC_URL", "not a url"), ("MEDIA_PATH", "pigeon")]);
        let errors = TwimlConfig::read(&source).unwrap_err();
        let text = errors.to_string();
        for key in ["PUBLIC_URL", "PUBLIC_WSS_URL", "TWILIO_AUTH_TOKEN", "MEDIA_PATH", "TABLE_NAME"] {
            assert_eq!(text.matches(&format!("- {key} is")).count(), 1, "{key}: {text}");
        }
        assert_eq!(errors.0.len(), 6, "{text}");
        assert!(!text.contains("pigeon") && !text.contains("not a url,"), "{text}");
    }

    #[test]
    fn limits_are_generous_unless_they_are_set() {
        let account = [PUBLIC[0], PUBLIC[1], ("TWILIO_AUTH_TOKEN", "a"), ("TABLE_NAME", "t")];
        let account = || account.into_iter().chain([("CONTROL_CONNECTIONS_URL", "https://control.example.com")]);
        let config = TwimlConfig::read(&Recording::new(account())).unwrap();
        assert_eq!((config.gate, config.limits), (Gate::default(), CallLimits::default()));
        let set = [
            ("ALLOWED_ADDRESSES", "203.0.113.7, 10.0.0.0/8"),
            ("CALLER_RATE", "0"),
            ("STRANGER_RATE", "3"),
            ("MAX_CALLS", "50"),
        ];
        let config = TwimlConfig::read(&Recording::new(account().chain(set))).unwrap();
        assert_eq!(config.gate.allowed, "203.0.113.7,10.0.0.0/8".parse().unwrap());
        assert_eq!((config.limits.at_once, config.limits.of_a_caller.is_limited()), (Some(50), false));
        assert!(config.gate.strangers.exceeded_by(4));
        let wrong =
            [("ALLOWED_ADDRESSES", "10.0.0.1/8"), ("CALLER_RATE", "-1"), ("STRANGER_RATE", "many"), ("MAX_CALLS", "0")];
        let errors = TwimlConfig::read(&Recording::new(account().chain(wrong))).unwrap_err();
        assert_eq!(errors.0.len(), 4, "{errors}");
    }

    #[test]
    fn signatures_may_be_waived_on_a_loopback_address_only() {
        let open = ("TWILIO_WEBHOOK_VALIDATION", "false");
        let source = Recording::new([PUBLIC[1], open, ("TABLE_NAME", "t")]);
        assert!(ConnectConfig::read(&source).unwrap_err().to_string().contains("loopback"));
        let source = Recording::new([("PUBLIC_WSS_URL", "ws://localhost:8787/call"), open, ("TABLE_NAME", "t")]);
        assert_eq!(ConnectConfig::read(&source).unwrap().auth, WebhookAuth::Open);
    }

    #[test]
    fn a_stream_url_in_the_clear_is_for_loopback_addresses_only() {
        for (url, fine) in [
            ("wss://voice.example.com/call", true),
            ("ws://127.0.0.1:8787/call", true),
            ("ws://[::1]:8787/call", true),
            ("ws://voice.example.com/call", false),
            ("https://voice.example.com/call", false),
            ("wss://voice.example.com/call?token=1", false),
        ] {
            let source = Recording::new([("PUBLIC_WSS_URL", url), ("TWILIO_AUTH_TOKEN", "a"), ("TABLE_NAME", "t")]);
            assert_eq!(ConnectConfig::read(&source).is_ok(), fine, "{url}");
        }
    }

    #[test]
    fn a_complete_environment_is_a_configuration() {
        let source = Recording::new([
            PUBLIC[0],
            PUBLIC[1],
            ("TWILIO_AUTH_TOKEN", "secret"),
            ("MEDIA_PATH", "direct"),
            ("TABLE_NAME", "voicebridge"),
            ("CONTROL_CONNECTIONS_URL", "https://control.example.com/control"),
        ]);
        let config = TwimlConfig::read(&source).unwrap();
        assert_eq!(config.media_path, MediaPath::Direct);
        assert_eq!(config.auth, WebhookAuth::Signed(Secret::new("secret")));
        assert!(!format!("{config:?}").contains("\"secret\""));
    }
}
