//! What API Gateway hands to a function: HTTP events of payload version 2.0, and WebSocket events.
//!
//! Written straight from borrowed parts: one such event is made for every frame of every caller.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, header};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::ACCOUNT;
use super::dates::log_time;

/// A request to the HTTP API.
#[derive(Debug)]
pub(crate) struct HttpCall<'a> {
    pub(crate) route_key: &'a str,
    pub(crate) method: &'a str,
    /// As it came, percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) source_ip: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) at_ms: u64,
}

impl HttpCall<'_> {
    pub(crate) fn event(&self) -> Vec<u8> {
        let (body, is_base64_encoded) = self.body();
        let event = HttpEvent {
            version: "2.0",
            route_key: self.route_key,
            raw_path: self.path,
            raw_query_string: self.query,
            cookies: cookies(self.headers),
            headers: SingleValues { headers: self.headers, except: Some(header::COOKIE) },
            query_string_parameters: query_parameters(self.query),
            request_context: self.context(),
            body,
            is_base64_encoded,
        };
        write(&event, self.body.len() * 2)
    }

    fn context(&self) -> HttpContext<'_> {
        let domain_name = text(self.headers, header::HOST);
        HttpContext {
            account_id: ACCOUNT,
            api_id: "voicebridge",
            domain_name,
            domain_prefix: domain_name.split('.').next().unwrap_or(domain_name),
            http: HttpDescription {
                method: self.method,
                path: self.path,
                protocol: "HTTP/1.1",
                source_ip: self.source_ip,
                user_agent: text(self.headers, header::USER_AGENT),
            },
            request_id: self.request_id,
            route_key: self.route_key,
            stage: "$default",
            time: log_time(self.at_ms),
            time_epoch: self.at_ms,
        }
    }

    /// Forms count as binary, and that is how they arrive: in base64.
    fn body(&self) -> (Option<String>, bool) {
        if self.body.is_empty() {
            return (None, false);
        }
        match std::str::from_utf8(self.body) {
            Ok(body) if is_text(text(self.headers, header::CONTENT_TYPE)) => (Some(body.to_owned()), false),
            _ => (Some(STANDARD.encode(self.body)), true),
        }
    }
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || matches!(essence.as_str(), "application/json" | "application/xml" | "application/javascript")
}

fn cookies(headers: &HeaderMap) -> Option<Vec<&str>> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let cookies: Vec<&str> = all.flat_map(|value| value.split(';')).map(str::trim).collect();
    (!cookies.is_empty()).then_some(cookies)
}

/// Decoded; values of a repeated parameter joined by commas.
fn query_parameters(query: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    (!parameters.is_empty()).then_some(parameters)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent<'a> {
    version: &'a str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Vec<&'a str>>,
    headers: SingleValues<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<String, String>>,
    request_context: HttpContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: HttpDescription<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpDescription<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'a str,
    source_ip: &'a str,
    user_agent: &'a str,
}

/// What all events of one WebSocket have in common.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) connection_id: String,
    pub(crate) stage: String,
    pub(crate) domain_name: String,
    pub(crate) source_ip: String,
    pub(crate) user_agent: String,
    pub(crate) connected_at_ms: u64,
}

/// What one event has to itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) at_ms: u64,
}

impl Peer {
    pub(crate) fn connect_event(&self, moment: Moment<'_>, headers: &HeaderMap, query: &str) -> Vec<u8> {
        let event = SocketEvent {
            headers: Some(SingleValues { headers, except: None }),
            multi_value_headers: Some(MultiValues(headers)),
            query_string_parameters: query_parameters(query),
            request_context: self.context("$connect", "CONNECT", moment),
            body: None,
            is_base64_encoded: false,
        };
        write(&event, 2048)
    }

    pub(crate) fn message_event(&self, moment: Moment<'_>, route_key: &str, message_id: &str, body: &str) -> Vec<u8> {
        let context = SocketContext { message_id: Some(message_id), ..self.context(route_key, "MESSAGE", moment) };
        let event = SocketEvent {
            headers: None,
            multi_value_headers: None,
            query_string_parameters: None,
            request_context: context,
            body: Some(body),
            is_base64_encoded: false,
        };
        write(&event, body.len() + body.len() / 4)
    }

    pub(crate) fn disconnect_event(&self, moment: Moment<'_>, code: u16, reason: &str) -> Vec<u8> {
        let mut headers = HeaderMap::new();
        if let Ok(host) = self.domain_name.parse() {
            headers.insert(header::HOST, host);
        }
        let event = SocketEvent {
            headers: Some(SingleValues { headers: &headers, except: None }),
            multi_value_headers: Some(MultiValues(&headers)),
            query_string_parameters: None,
            request_context: SocketContext {
                disconnect_status_code: Some(code),
                disconnect_reason: Some(reason),
                ..self.context("$disconnect", "DISCONNECT", moment)
            },
            body: None,
            is_base64_encoded: false,
        };
        write(&event, 512)
    }

    fn context<'a>(&'a self, route_key: &'a str, event_type: &'a str, moment: Moment<'a>) -> SocketContext<'a> {
        SocketContext {
            route_key,
            message_id: None,
            event_type,
            extended_request_id: moment.request_id,
            request_time: log_time(moment.at_ms),
            message_direction: "IN",
            disconnect_status_code: None,
            disconnect_reason: None,
            stage: &self.stage,
            connected_at: self.connected_at_ms,
            request_time_epoch: moment.at_ms,
            identity: Identity { user_agent: &self.user_agent, source_ip: &self.source_ip },
            request_id: moment.request_id,
            domain_name: &self.domain_name,
            connection_id: &self.connection_id,
            api_id: "voicebridge",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SocketEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<SingleValues<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<MultiValues<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<String, String>>,
    request_context: SocketContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SocketContext<'a> {
    route_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    event_type: &'a str,
    extended_request_id: &'a str,
    request_time: String,
    message_direction: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<&'a str>,
    stage: &'a str,
    connected_at: u64,
    request_time_epoch: u64,
    identity: Identity<'a>,
    request_id: &'a str,
    domain_name: &'a str,
    connection_id: &'a str,
    api_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    user_agent: &'a str,
    source_ip: &'a str,
}

/// Values of a repeated header joined by commas.
struct SingleValues<'a> {
    headers: &'a HeaderMap,
    except: Option<HeaderName>,
}

impl Serialize for SingleValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.headers.keys().filter(|name| Some(*name) != self.except.as_ref()) {
            map.serialize_entry(name.as_str(), &values(self.headers, name).join(","))?;
        }
        map.end()
    }
}

struct MultiValues<'a>(&'a HeaderMap);

impl Serialize for MultiValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| (name.as_str(), values(self.0, name))))
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).collect()
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn write(event: &impl Serialize, body_bytes: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(body_bytes + 1024);
    // Writing text to memory does not fail.
    let _ = serde_json::to_writer(&mut json, event);
    json
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest};
    use http::HeaderValue;

    use super::*;

    const MOMENT: Moment<'_> = Moment { request_id: "I8mzGEZrPHcF-2A=", at_ms: 1_795_248_000_123 };

    fn form_post(headers: &HeaderMap) -> ApiGatewayV2httpRequest {
        let call = HttpCall {
            route_key: "POST /twiml",
            method: "POST",
            path: "/twiml",
            query: "a=1&a=2&b=%C3%A9",
            headers,
            body: b"CallSid=CA1&From=%2B1555",
            source_ip: "127.0.0.1",
            request_id: "I8mzGEZrPHcF-2A=",
            at_ms: 1_795_248_000_123,
        };
        serde_json::from_slice(&call.event()).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn peer() -> Peer {
        Peer {
            connection_id: "I8mzEc2bPHcCIWQ=".to_owned(),
            stage: "call".to_owned(),
            domain_name: "localhost:8787".to_owned(),
            source_ip: "127.0.0.1".to_owned(),
            user_agent: "Twilio.TmeWs/1.0".to_owned(),
            connected_at_ms: 1_795_248_000_000,
        }
    }

    #[test]
    fn a_form_arrives_in_base64() {
        let event = form_post(&headers(&[("content-type", "application/x-www-form-urlencoded; charset=UTF-8")]));
        assert!(event.is_base64_encoded);
        assert_eq!(STANDARD.decode(event.body.unwrap()).unwrap(), b"CallSid=CA1&From=%2B1555");
    }

    #[test]
    fn json_arrives_as_text() {
        let event = form_post(&headers(&[("content-type", "application/json")]));
        assert!(!event.is_base64_encoded);
        assert_eq!(event.body.unwrap(), "CallSid=CA1&From=%2B1555");
    }

    #[test]
    fn an_http_event_is_what_the_events_crate_expects() {
        let event =
            form_post(&headers(&[("host", "localhost:8787"), ("x-twilio-signature", "abc="), ("cookie", "a=1; b=2")]));
        assert_eq!(event.version.as_deref(), Some("2.0"));
        assert_eq!(event.raw_path.as_deref(), Some("/twiml"));
        assert_eq!(event.raw_query_string.as_deref(), Some("a=1&a=2&b=%C3%A9"));
        assert_eq!(event.query_string_parameters.first("b"), Some("é"));
        assert_eq!(event.headers["x-twilio-signature"], "abc=");
        assert_eq!(event.cookies.unwrap(), ["a=1", "b=2"]);
        assert!(event.headers.get("cookie").is_none());
        assert_eq!(event.request_context.http.method, http::Method::POST);
        assert_eq!(event.request_context.stage.as_deref(), Some("$default"));
        assert_eq!(event.request_context.time_epoch, 1_795_248_000_123);
    }

    #[test]
    fn a_connect_event_has_headers() {
        let headers = headers(&[("x-twilio-signature", "abc="), ("upgrade", "websocket")]);
        let json = peer().connect_event(MOMENT, &headers, "");
        let event: ApiGatewayWebsocketProxyRequest = serde_json::from_slice(&json).unwrap();
        assert_eq!(event.headers["X-Twilio-Signature"], "abc=");
        assert_eq!(event.multi_value_headers["upgrade"], "websocket");
        assert_eq!(event.request_context.event_type.as_deref(), Some("CONNECT"));
        assert_eq!(event.request_context.stage.as_deref(), Some("call"));
    }

    #[test]
    fn a_message_event_has_no_headers() {
        let body = r#"{"event":"media","media":{"payload":"//8="}}"#;
        let json = peer().message_event(MOMENT, "$default", "I8mzGdzTPHcCJlw=", body);
        assert!(!String::from_utf8_lossy(&json).contains("headers"));
        let event: ApiGatewayWebsocketProxyRequest = serde_json::from_slice(&json).unwrap();
        assert_eq!(event.body.as_deref(), Some(body));
        assert_eq!(event.request_context.connection_id.as_deref(), Some("I8mzEc2bPHcCIWQ="));
        assert_eq!(event.request_context.event_type.as_deref(), Some("MESSAGE"));
        assert_eq!(event.request_context.request_time.as_deref(), Some("21/Nov/2026:08:00:00 +0000"));
    }

    #[test]
    fn a_disconnect_event_tells_the_close_code() {
        let json = peer().disconnect_event(MOMENT, 1005, "Client-side close frame status not set");
        let event: ApiGatewayWebsocketProxyRequest = serde_json::from_slice(&json).unwrap();
        assert_eq!(event.request_context.disconnect_status_code, Some(1005));
        assert_eq!(event.request_context.event_type.as_deref(), Some("DISCONNECT"));
    }
}
