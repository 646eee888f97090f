//! What comes over HTTP or from the environment: forms, signatures, settings.

use crate::config::{ApiConfig, ConnectConfig, DisconnectConfig, FramesConfig, RelayConfig, ToolsConfig, TwimlConfig};
use crate::redact::Secret;
use crate::transfer::documents::Step;
use crate::transfer::{LegState, TransferFailure};
use crate::twilio::signature::{Content, Request, Signer, Spelling, url_with_body_hash};
use crate::twilio::webhook::{CallStatusUpdate, Form, IncomingCall, StreamStatusUpdate, is_sid};

/// A form, as every webhook reads it.
pub(super) fn webhook(bytes: &[u8]) {
    let Ok(form) = Form::parse(bytes) else { return };
    if let Ok(call) = IncomingCall::try_from(&form) {
        assert!(is_sid(call.call.as_str(), "CA"));
    }
    if let Ok(update) = CallStatusUpdate::try_from(&form) {
        assert!(is_sid(update.call.as_str(), "CA"));
    }
    if let Ok(update) = StreamStatusUpdate::try_from(&form) {
        assert!(is_sid(update.call.as_str(), "CA") && is_sid(update.stream.as_str(), "MZ"));
    }
    transfer(bytes, &form);
    let signer = Signer::new(&Secret::new("12345"));
    let url = "https://voice.example.com/twiml";
    let signature = signer.sign(url, form.pairs());
    let request = Request { url, content: Content::Form(form.pairs()), signature: Some(&signature) };
    assert_eq!(signer.verify(&request), Ok(Spelling::default()));
}

/// Whatever of it is one of ours is written as it was read.
fn transfer(bytes: &[u8], form: &Form) {
    if let Some(step) = Step::read(&String::from_utf8_lossy(bytes)) {
        let url = step.url("https://voice.example.com");
        assert_eq!(url.split_once('?').and_then(|(_, query)| Step::read(query)), Some(step));
    }
    let status = form.get("CallStatus").unwrap_or_default();
    let _whatever = LegState::read(status, form.get("AnsweredBy"));
    let _whatever = TransferFailure::of_dial(status);
}

/// A line of URL, a line of signature, and a body.
pub(super) fn signature(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (url, given, body) = (String::from_utf8_lossy(next()), String::from_utf8_lossy(next()), next());
    let form = Form::parse(body).unwrap_or_default();
    let signer = Signer::new(&Secret::new("12345"));
    let hashed = url_with_body_hash(&url, body);
    for (url, content) in [
        (&*url, Content::UrlOnly),
        (&*url, Content::Form(form.pairs())),
        (&*url, Content::Body(body)),
        (&*hashed, Content::Body(body)),
    ] {
        let _whether = signer.verify(&Request { url, content, signature: Some(&given) });
        let pairs = if let Content::Form(pairs) = content { pairs } else { &[] };
        let ours = signer.sign(url, pairs);
        let verdict = signer.verify(&Request { url, content, signature: Some(&ours) });
        assert!(matches!(content, Content::Body(_)) || verdict == Ok(Spelling::default()), "{verdict:?}");
        let other = signer.sign(&format!("{url}x"), pairs);
        assert!(signer.verify(&Request { url, content, signature: Some(&other) }).is_err());
    }
}

/// Lines of `KEY=value`, read by every binary.
pub(super) fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    let faults = [
        ApiConfig::read(&value).err(),
        ConnectConfig::read(&value).err(),
        DisconnectConfig::read(&value).err(),
        FramesConfig::read(&value).err(),
        RelayConfig::read(&value).err(),
        ToolsConfig::read(&value).err(),
        TwimlConfig::read(&value).err(),
    ];
    for fault in faults.into_iter().flatten() {
        assert!(!fault.0.is_empty() && fault.to_string().lines().count() == fault.0.len() + 1);
    }
}
