//! What Twilio tells us over HTTP: form fields, read into types.
//!
//! The pairs are kept as they came, because the signature is made over all of them. Check it before you believe a
//! word: [`signature`](super::signature). Unknown fields and new enum values are no fault; a missing CallSid is.

use std::fmt;

use url::form_urlencoded;

use crate::ids::{CallSid, StreamSid};
use crate::redact::Pii;

/// The longest form that is looked at. Twilio's are under 2 KB.
pub const LONGEST_FORM: usize = 64 * 1024;

/// Why a webhook was not understood: a fault of the request, to be answered with 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("a form of {0} bytes is longer than any that Twilio sends")]
    TooLong(usize),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{0}` does not look like one")]
    Malformed(&'static str),
}

/// The decoded parameters of a form body or a query string, in their order. Prints their names alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`; what is not UTF-8 is replaced, and no signature will match it.
    pub fn parse(encoded: &[u8]) -> Result<Self, WebhookError> {
        if encoded.len() > LONGEST_FORM {
            return Err(WebhookError::TooLong(encoded.len()));
        }
        Ok(Self(form_urlencoded::parse(encoded).into_owned().collect()))
    }

    /// What the signature is made over.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first value of this name that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &'static str) -> Result<&str, WebhookError> {
        self.get(name).ok_or(WebhookError::Missing(name))
    }

    fn call(&self) -> Result<CallSid, WebhookError> {
        self.sid("CallSid", "CA").map(CallSid::from)
    }

    fn sid(&self, name: &'static str, prefix: &str) -> Result<&str, WebhookError> {
        let sid = self.required(name)?;
        if is_sid(sid, prefix) { Ok(sid) } else { Err(WebhookError::Malformed(name)) }
    }

    fn pii(&self, name: &str) -> Pii<String> {
        self.get(name).unwrap_or_default().into()
    }
}

impl FromIterator<(String, String)> for Form {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether this is shaped like one of Twilio's names: two letters and 32 hex digits. Any letter passes for a digit,
/// so that test accounts and successors of Twilio's scheme do.
pub fn is_sid(text: &str, prefix: &str) -> bool {
    text.len() == 34 && text.starts_with(prefix) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A call wants to know what to do: the voice webhook, and `<Redirect>` after a stream has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingCall {
    pub call: CallSid,
    /// Empty if Twilio does not say; `anonymous` and the like if the caller does not.
    pub from: Pii<String>,
    pub to: Pii<String>,
    /// How far the call is, by the carrier's account.
    pub status: CarrierStatus,
}

impl TryFrom<&Form> for IncomingCall {
    type Error = WebhookError;

    fn try_from(form: &Form) -> Result<Self, WebhookError> {
        let status = CarrierStatus::read(form.get("CallStatus").unwrap_or_default());
        Ok(Self { call: form.call()?, from: form.pii("From"), to: form.pii("To"), status })
    }
}

/// A call changed its status: the status callback that is set on the number or on the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatusUpdate {
    pub call: CallSid,
    pub status: CarrierStatus,
    /// How long it was, once it is over.
    pub duration_s: Option<u64>,
}

impl TryFrom<&Form> for CallStatusUpdate {
    type Error = WebhookError;

    fn try_from(form: &Form) -> Result<Self, WebhookError> {
        let duration_s = form.get("CallDuration").and_then(|seconds| seconds.parse().ok());
        Ok(Self { call: form.call()?, status: CarrierStatus::read(form.required("CallStatus")?), duration_s })
    }
}

/// Twilio's word for how far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CarrierStatus {
    Queued,
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Busy,
    Failed,
    NoAnswer,
    Canceled,
    /// A word that is not in Twilio's documentation today.
    Unknown,
}

impl CarrierStatus {
    pub fn read(word: &str) -> Self {
        match word {
            "queued" => Self::Queued,
            "initiated" => Self::Initiated,
            "ringing" => Self::Ringing,
            "in-progress" => Self::InProgress,
            "completed" => Self::Completed,
            "busy" => Self::Busy,
            "failed" => Self::Failed,
            "no-answer" => Self::NoAnswer,
            "canceled" => Self::Canceled,
            _ => Self::Unknown,
        }
    }

    /// Whether it can still be left unanswered.
    pub fn is_before_answer(self) -> bool {
        matches!(self, Self::Queued | Self::Initiated | Self::Ringing)
    }

    /// Whether nothing more will come of this call.
    pub fn is_over(self) -> bool {
        match self {
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => true,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress | Self::Unknown => false,
        }
    }
}

/// A stream began, ended or failed: the `statusCallback` of `<Stream>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatusUpdate {
    pub call: CallSid,
    pub stream: StreamSid,
    pub event: StreamStatus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamStatus {
    Started,
    Stopped,
    /// With Twilio's own words: an error number and a sentence, nothing about the caller.
    Failed(String),
    Unknown,
}

impl TryFrom<&Form> for StreamStatusUpdate {
    type Error = WebhookError;

    fn try_from(form: &Form) -> Result<Self, WebhookError> {
        let event = match form.required("StreamEvent")? {
            "stream-started" => StreamStatus::Started,
            "stream-stopped" => StreamStatus::Stopped,
            "stream-error" => StreamStatus::Failed(form.get("StreamError").unwrap_or_default().to_owned()),
            _ => StreamStatus::Unknown,
        };
        Ok(Self { call: form.call()?, stream: form.sid("StreamSid", "MZ")?.into(), event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "CA0123456789abcdef0123456789ABCDEF";
    const STREAM: &str = "MZ0123456789abcdef0123456789abcdef";

    fn form(encoded: &str) -> Form {
        Form::parse(encoded.as_bytes()).unwrap()
    }

    #[test]
    fn an_incoming_call_is_read() {
        let form = form(&format!(
            "CallSid={CALL}&From=%2B15551234567&To=%2B15557654321&CallStatus=ringing&CallerCity=K%C3%B6ln+S%C3%BCd&New=1"
        ));
        let call = IncomingCall::try_from(&form).unwrap();
        assert_eq!(call.call.as_str(), CALL);
        assert_eq!((call.from.reveal().as_str(), call.to.reveal().as_str()), ("+15551234567", "+15557654321"));
        assert_eq!(call.status, CarrierStatus::Ringing);
        assert_eq!(form.get("CallerCity"), Some("Köln Süd"));
        assert_eq!(form.pairs().len(), 6);
    }

    #[test]
    fn a_caller_without_a_number_is_a_caller() {
        let call = IncomingCall::try_from(&form(&format!("CallSid={CALL}&From="))).unwrap();
        assert_eq!((call.from.reveal().as_str(), call.status), ("", CarrierStatus::Unknown));
    }

    #[test]
    fn a_webhook_without_a_call_is_refused() {
        for (encoded, fault) in [
            ("", WebhookError::Missing("CallSid")),
            ("From=%2B15551234567", WebhookError::Missing("CallSid")),
            ("CallSid=", WebhookError::Missing("CallSid")),
            ("callsid=CA0123456789abcdef0123456789abcdef", WebhookError::Missing("CallSid")),
            ("CallSid=CA123", WebhookError::Malformed("CallSid")),
            ("CallSid=MZ0123456789abcdef0123456789abcdef", WebhookError::Malformed("CallSid")),
            ("CallSid=CA0123456789abcdef0123456789abcd%2Fx", WebhookError::Malformed("CallSid")),
            ("CallSid=CA0123456789abcdef0123456789abcd%23x", WebhookError::Malformed("CallSid")),
        ] {
            assert_eq!(IncomingCall::try_from(&form(encoded)), Err(fault), "{encoded}");
        }
    }

    #[test]
    fn a_form_of_megabytes_is_refused_unread() {
        let long = vec![b'a'; 10 << 20];
        assert_eq!(Form::parse(&long), Err(WebhookError::TooLong(10 << 20)));
    }

    #[test]
    fn a_call_status_says_whether_it_is_over() {
        let status = |words: &str| CallStatusUpdate::try_from(&form(&format!("CallSid={CALL}&{words}")));
        let completed = status("CallStatus=completed&CallDuration=42").unwrap();
        assert_eq!((completed.status, completed.duration_s), (CarrierStatus::Completed, Some(42)));
        for over in ["completed", "busy", "failed", "no-answer", "canceled"] {
            assert!(status(&format!("CallStatus={over}")).unwrap().status.is_over(), "{over}");
        }
        for running in ["queued", "initiated", "ringing", "in-progress", "some-day-new"] {
            assert!(!status(&format!("CallStatus={running}")).unwrap().status.is_over(), "{running}");
        }
        assert_eq!(status("CallDuration=1"), Err(WebhookError::Missing("CallStatus")));
    }

    #[test]
    fn a_stream_status_is_read() {
        let status = |words: &str| StreamStatusUpdate::try_from(&form(&format!("CallSid={CALL}&{words}")));
        let event = |words: &str| status(&format!("StreamSid={STREAM}&StreamEvent={words}")).unwrap().event;
        assert_eq!(event("stream-started"), StreamStatus::Started);
        assert_eq!(event("stream-stopped"), StreamStatus::Stopped);
        assert_eq!(event("stream-error&StreamError=31920+oops"), StreamStatus::Failed("31920 oops".to_owned()));
        assert_eq!(event("stream-paused"), StreamStatus::Unknown);
        assert_eq!(status("StreamEvent=stream-started"), Err(WebhookError::Missing("StreamSid")));
        assert_eq!(status(&format!("StreamSid={STREAM}")), Err(WebhookError::Missing("StreamEvent")));
    }

    #[test]
    fn a_form_prints_no_values() {
        let form = form(&format!("CallSid={CALL}&From=%2B15551234567"));
        let printed = format!("{form:?} {:?}", IncomingCall::try_from(&form));
        assert!(printed.contains("From") && !printed.contains("5551234567"), "{printed}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(encoded: Vec<u8>) {
            let form = Form::parse(&encoded).unwrap();
            let _no_panic = (
                IncomingCall::try_from(&form),
                CallStatusUpdate::try_from(&form),
                StreamStatusUpdate::try_from(&form),
            );
        }
    }
}
