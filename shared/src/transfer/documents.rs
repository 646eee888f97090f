//! What the carrier is told in each step of a transfer, and where it tells us how that went.

use url::form_urlencoded::{self, Serializer};

use crate::ids::CallSid;
use crate::redact::Pii;
use crate::twilio::twiml::{Conference, Dial, Gather, Response};
use crate::twilio::webhook::is_sid;

/// The webhook of all steps.
pub const PATH: &str = "/twiml/transfer";
/// Pressed by whoever takes the call.
pub const ACCEPT: &str = "1";
/// So that it fits into a request, whatever escaping makes of it.
const LONGEST_BRIEFING: usize = 300;
const KEY_TIMEOUT_S: u32 = 5;

/// What a webhook is about. All of it stands in the URL, which Twilio signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The caller's, also where somebody else's call is told of.
    pub call: CallSid,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The caller's `<Dial>` to somebody has ended.
    Dialled,
    /// The caller's `<Dial>` into the conference has.
    Left,
    /// The caller waits in the conference.
    Wait,
    /// Somebody left it.
    Leave,
    /// Whoever took the call is there alone.
    Alone,
    /// Of somebody who is called.
    Leg { errand: u32 },
    /// They pressed a key, or did not. `several`: others are called for the same caller.
    Key { errand: u32, again: u32, several: bool },
}

impl Step {
    pub fn url(&self, base: &str) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("step", self.what.name()).append_pair("call", self.call.as_str());
        match self.what {
            What::Leg { errand } => _ = query.append_pair("errand", &errand.to_string()),
            What::Key { errand, again, several } => {
                query.append_pair("errand", &errand.to_string()).append_pair("again", &again.to_string());
                if several {
                    query.append_pair("several", "true");
                }
            }
            What::Dialled | What::Left | What::Wait | What::Leave | What::Alone => {}
        }
        format!("{}{PATH}?{}", base.trim_end_matches('/'), query.finish())
    }

    /// `None`: it is none of ours.
    pub fn read(query: &str) -> Option<Self> {
        let of = |key: &str| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == key);
        let call = of("call").map(|(_, call)| call).filter(|call| is_sid(call, "CA"))?;
        let number = |key: &str| of(key).and_then(|(_, value)| value.parse::<u32>().ok());
        let what = match &*of("step")?.1 {
            "dialled" => What::Dialled,
            "left" => What::Left,
            "wait" => What::Wait,
            "leave" => What::Leave,
            "alone" => What::Alone,
            "leg" => What::Leg { errand: number("errand")? },
            "key" => {
                let several = of("several").is_some_and(|(_, several)| several == "true");
                What::Key { errand: number("errand")?, again: number("again")?, several }
            }
            _ => return None,
        };
        Some(Self { call: CallSid::from(&*call), what })
    }
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Dialled => "dialled",
            Self::Left => "left",
            Self::Wait => "wait",
            Self::Leave => "leave",
            Self::Alone => "alone",
            Self::Leg { .. } => "leg",
            Self::Key { .. } => "key",
        }
    }
}

/// The documents of one call.
#[derive(Debug, Clone)]
pub struct Documents {
    base: String,
    call: CallSid,
}

impl Documents {
    /// `base` is where Twilio reaches us.
    pub fn new(base: &str, call: &CallSid) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), call: call.clone() }
    }

    pub fn call(&self) -> &CallSid {
        &self.call
    }

    pub fn url(&self, what: What) -> String {
        Step { call: self.call.clone(), what }.url(&self.base)
    }

    /// For the caller: it rings there. What comes after it is asked for by `action`.
    pub fn dial(&self, errand: u32, to: Pii<String>, caller_id: Pii<String>, ring_s: u64) -> Response {
        let dial = Dial::line(to, self.url(What::Leg { errand })).ring_s(ring_s).action(self.url(What::Dialled));
        let known = !caller_id.reveal().is_empty();
        Response::new().dial(if known { dial.caller_id(caller_id) } else { dial })
    }

    /// For the caller: music until somebody comes.
    pub fn park(&self) -> Response {
        let conference = Conference {
            name: self.room(),
            begins: false,
            ends: true,
            wait_url: self.url(What::Wait),
            status_callback: Some(self.url(What::Leave)),
        };
        Response::new().dial(Dial::conference(conference).action(self.url(What::Left)))
    }

    /// What is played there. Each time it ends it is asked for again, so that we notice who waits for a relay that is gone.
    pub fn wait(&self) -> Response {
        Response::new().play(format!("{}/hold-music/built-in", self.base)).redirect(self.url(What::Wait))
    }

    /// For whoever is called: twice what it is about, and a key.
    pub fn briefing(&self, errand: u32, briefing: &Pii<String>, several: bool) -> Response {
        let about: String = briefing.reveal().chars().take(LONGEST_BRIEFING).collect();
        let action = self.url(What::Key { errand, again: 0, several });
        let gather = |say: String| Gather { say: Pii::new(say), timeout_s: KEY_TIMEOUT_S, action: action.clone() };
        let first = format!("A caller is waiting for you. {about} {KEYS}");
        Response::new().gather(gather(first)).gather(gather(format!("{about} {KEYS}"))).redirect(action)
    }

    /// For whoever takes the call. One of `several` may leave, and the others go on talking.
    pub fn join(&self, several: bool) -> Response {
        let conference = Conference {
            name: self.room(),
            begins: true,
            ends: !several,
            wait_url: self.url(What::Alone),
            status_callback: None,
        };
        Response::new().dial(Dial::conference(conference))
    }

    /// For whoever takes the call while nobody can be told of it: once more in a second.
    pub fn once_more(&self, errand: u32, again: u32, several: bool) -> Response {
        Response::new().pause(1).redirect(self.url(What::Key { errand, again, several }))
    }

    /// For whoever takes the call and finds nobody: the caller left in that moment. Only words and sounds are heard there.
    pub fn alone() -> Response {
        Response::new().say(NOBODY_WAITS)
    }

    /// For the caller: a stream, by the door that all streams come back by.
    pub fn back(&self) -> Response {
        Response::new().redirect(format!("{}/twiml/resume", self.base))
    }

    fn room(&self) -> String {
        format!("transfer-{}", self.call)
    }
}

/// For whoever comes too late.
pub const NOBODY_WAITS: &str = "The caller is not waiting any more. Goodbye.";
const KEYS: &str = "Press 1 to take the call, or any other key to decline.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::rest::LONGEST_TWIML;

    const CALL: &str = "CA0123456789abcdef0123456789abcdef";

    fn documents() -> Documents {
        Documents::new("https://voice.example.com/", &CALL.into())
    }

    #[test]
    fn a_step_is_read_as_it_was_written() {
        for what in [
            What::Dialled,
            What::Left,
            What::Wait,
            What::Leave,
            What::Leg { errand: 3 },
            What::Alone,
            What::Key { errand: 3, again: 2, several: false },
            What::Key { errand: 3, again: 0, several: true },
        ] {
            let url = documents().url(what);
            let (path, query) = url.split_once('?').unwrap();
            assert_eq!(path, "https://voice.example.com/twiml/transfer");
            assert_eq!(Step::read(query), Some(Step { call: CALL.into(), what }));
        }
        for query in ["", "step=wait", "step=wait&call=../x", "step=dance&call=CA0123456789abcdef0123456789abcdef"] {
            assert_eq!(Step::read(query), None, "{query}");
        }
    }

    #[test]
    fn the_caller_is_dialled_through_and_comes_back_by_the_action() {
        let dial = |to: &str, id: &str| documents().dial(1, to.into(), id.into(), 25).to_string();
        let number = dial("+15005550010", "+15005550001");
        for part in [
            r#"<Dial callerId="+15005550001" timeout="25" action="https://voice.example.com/twiml/transfer?step=dialled&amp;call=CA"#,
            r#"<Number statusCallbackEvent="answered" statusCallback="https://voice.example.com/twiml/transfer?step=leg&amp;call="#,
            "errand=1\">+15005550010</Number></Dial></Response>",
        ] {
            assert!(number.contains(part), "{part}: {number}");
        }
        let sip = dial("sip:doctor@example.com", "");
        assert!(sip.contains(">sip:doctor@example.com</Sip>") && !sip.contains("callerId"), "{sip}");
    }

    #[test]
    fn a_room_ends_with_the_caller_and_with_the_one_who_took_the_call_but_not_with_one_of_several() {
        let (park, join) = (documents().park().to_string(), documents().join(false).to_string());
        let room = format!(">transfer-{CALL}</Conference>");
        assert!(park.contains(&room) && join.contains(&room));
        assert!(park.contains(r#"startConferenceOnEnter="false" endConferenceOnExit="true" waitUrl="#), "{park}");
        let begins = |ends| format!(r#"startConferenceOnEnter="true" endConferenceOnExit="{ends}" waitUrl="#);
        assert!(join.contains(&begins(true)) && join.contains("step=alone"), "{join}");
        assert!(documents().join(true).to_string().contains(&begins(false)));
    }

    #[test]
    fn a_briefing_fits_into_a_request_whatever_is_in_it() {
        let briefing = documents().briefing(2, &"\"<&>'".repeat(500).into(), true).to_string();
        assert!(briefing.chars().count() <= LONGEST_TWIML, "{}", briefing.chars().count());
        assert_eq!(briefing.matches("<Gather").count(), 2);
        assert!(!format!("{:?}", documents().briefing(2, &"Mrs Miller".into(), false)).contains("Miller"));
    }

    #[test]
    fn music_goes_on_until_somebody_comes() {
        let wait = documents().wait().to_string();
        assert!(wait.contains("<Play>https://voice.example.com/hold-music/built-in</Play><Redirect"), "{wait}");
    }
}
