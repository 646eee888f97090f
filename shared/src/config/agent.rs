//! The agent that answers when nobody has set up another one: the defaults, changed by the environment.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::parts::seconds;
use super::{Reader, Source};
use crate::agent::{Agent, Greeting, Keypad, TransferTarget};

const SPAN: RangeInclusive<f64> = 0.1..=60.0;

/// `REALTIME_MODEL`, `REALTIME_VOICE`, `AGENT_INSTRUCTIONS`, `AGENT_GREETING` (`none`: the caller opens),
/// `AGENT_TRANSFER_TARGETS` (JSON, a list of [`crate::agent::TransferTarget`]),
/// `AGENT_TOOLS` (names, with commas between them), `AGENT_KEYPAD` (JSON, see [`crate::agent::Keypad`]),
/// `MAX_RECONNECT_ATTEMPTS`, `RECONNECT_DELAY` and `WEBSOCKET_TIMEOUT` (seconds); `AGENT_OVERFLOW_WAIT` (seconds in line),
/// `AGENT_OVERFLOW_PLACE` (`{place}` in it), `AGENT_OVERFLOW_SAY` and `AGENT_UNAVAILABLE`: what callers hear who cannot be served;
/// `AGENT_HOLD_MUSIC`: what they hear who wait for a tool or the model.
pub(super) fn agent<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Agent {
    let mut agent = Agent::default();
    replace(&mut agent.model, reader.text("REALTIME_MODEL"));
    replace(&mut agent.voice, reader.text("REALTIME_VOICE"));
    replace(&mut agent.instructions, reader.text("AGENT_INSTRUCTIONS"));
    replace(&mut agent.greeting, reader.text("AGENT_GREETING").map(greeting));
    replace(&mut agent.tools, tools(reader));
    replace(&mut agent.keypad, keypad(reader));
    replace(&mut agent.transfer_targets, targets(reader));
    reader.rule(agent.transfer_faults().is_empty(), NOWHERE);
    replace(&mut agent.limits.redials, reader.within("MAX_RECONNECT_ATTEMPTS", 0..=20, "a whole number from 0 to 20"));
    replace(&mut agent.limits.redial_after, seconds(reader, "RECONNECT_DELAY", SPAN, "seconds from 0.1 to 60"));
    replace(&mut agent.limits.model_ready, websocket_timeout(reader));
    replace(&mut agent.overflow.wait, seconds(reader, "AGENT_OVERFLOW_WAIT", 0.0..=3600.0, "seconds from 0 to 3600"));
    replace(&mut agent.overflow.place, reader.text("AGENT_OVERFLOW_PLACE"));
    replace(&mut agent.overflow.say, reader.text("AGENT_OVERFLOW_SAY"));
    replace(&mut agent.unavailable, reader.text("AGENT_UNAVAILABLE"));
    replace(&mut agent.hold_music, reader.parsed("AGENT_HOLD_MUSIC", "`built-in`, `none` or the id of a file"));
    agent
}

pub(super) fn websocket_timeout<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Option<Duration> {
    seconds(reader, "WEBSOCKET_TIMEOUT", SPAN, "seconds from 0.1 to 60")
}

fn tools<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Option<Vec<String>> {
    const KEY: &str = "AGENT_TOOLS";
    let names: Vec<String> = reader.text(KEY)?.split(',').map(|name| name.trim().to_owned()).collect();
    let known = crate::tools::named(&names).1.is_empty();
    if !known {
        reader.invalid(KEY, "names of tools (GET /tools lists them), with commas between them");
    }
    known.then_some(names)
}

fn keypad<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Option<Keypad> {
    const KEY: &str = "AGENT_KEYPAD";
    let keypad: Option<Keypad> = serde_json::from_str(&reader.text(KEY)?).ok();
    let keypad = keypad.filter(|keypad| keypad.faults().is_empty());
    if keypad.is_none() {
        reader.invalid(KEY, r#"a keypad that can be dialled, as in {"actions":{"9":{"do":"repeat"}}}"#);
    }
    keypad
}

const NOWHERE: &str = "AGENT_TRANSFER_TARGETS must each have a name of their own and an E.164 number or a SIP URI, and \
    AGENT_KEYPAD must lead to them";

fn targets<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Option<Vec<TransferTarget>> {
    const KEY: &str = "AGENT_TRANSFER_TARGETS";
    let targets = serde_json::from_str(&reader.text(KEY)?).ok();
    if targets.is_none() {
        reader.invalid(KEY, r#"a list, as in [{"name":"reception","to":"+15005550010"}]"#);
    }
    targets
}

fn greeting(text: String) -> Greeting {
    if text.eq_ignore_ascii_case("none") { Greeting::None } else { Greeting::Spoken(text) }
}

fn replace<T>(value: &mut T, with: Option<T>) {
    if let Some(with) = with {
        *value = with;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::HoldMusic;

    fn read(pairs: &'static [(&'static str, &'static str)]) -> Result<Agent, super::super::ConfigErrors> {
        let source = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        let mut reader = Reader::new(&source);
        let agent = agent(&mut reader);
        reader.finish(agent)
    }

    #[test]
    fn without_a_word_from_the_environment_it_is_the_default() {
        assert_eq!(read(&[]).unwrap(), Agent::default());
    }

    #[test]
    fn the_environment_names_model_voice_and_words() {
        let agent = read(&[
            ("REALTIME_MODEL", "gpt-realtime-9"),
            ("REALTIME_VOICE", "cedar"),
            ("AGENT_GREETING", "none"),
            ("MAX_RECONNECT_ATTEMPTS", "5"),
            ("RECONNECT_DELAY", "0.5"),
            ("AGENT_OVERFLOW_WAIT", "90"),
            ("AGENT_OVERFLOW_PLACE", "Platz {place}"),
            ("AGENT_OVERFLOW_SAY", "Bis morgen."),
            ("AGENT_UNAVAILABLE", "Gerade nicht."),
            ("AGENT_HOLD_MUSIC", "none"),
        ])
        .unwrap();
        assert_eq!((agent.model.as_str(), agent.voice.as_str()), ("gpt-realtime-9", "cedar"));
        assert_eq!(agent.greeting, Greeting::None);
        assert_eq!((agent.overflow.wait, agent.overflow.place(2).as_str()), (Duration::from_secs(90), "Platz 2"));
        assert_eq!((agent.overflow.say.as_str(), agent.unavailable.as_str()), ("Bis morgen.", "Gerade nicht."));
        assert_eq!(agent.hold_music, HoldMusic::None);
        assert_eq!((agent.limits.redials, agent.limits.redial_after), (5, Duration::from_millis(500)));
    }

    #[test]
    fn the_environment_gives_tools_and_keys() {
        let agent = read(&[
            ("AGENT_TOOLS", "hold, send_dtmf,hang_up"),
            ("AGENT_KEYPAD", r#"{"timeout":1000,"actions":{"9":{"do":"repeat"}}}"#),
        ])
        .unwrap();
        assert_eq!(agent.tools, ["hold", "send_dtmf", "hang_up"]);
        assert_eq!(agent.keypad.actions["9"].name(), "repeat");
    }

    #[test]
    fn tools_that_nobody_has_and_keys_that_nobody_can_press_are_faults() {
        for keypad in ["no JSON", r#"{"actions":{"9":{"do":"fly"}}}"#, r#"{"actions":{"x":{"do":"hold"}}}"#] {
            let source = |key: &str| match key {
                "AGENT_TOOLS" => Some("hang_up, order_pizza".to_owned()),
                "AGENT_KEYPAD" => Some(keypad.to_owned()),
                _ => None,
            };
            let mut reader = Reader::new(&source);
            let agent = agent(&mut reader);
            assert_eq!(reader.finish(agent).unwrap_err().0.len(), 2, "{keypad}");
        }
    }

    #[test]
    fn the_environment_says_whom_callers_are_put_through_to() {
        let keypad = ("AGENT_KEYPAD", r#"{"actions":{"0":{"do":"transfer","to":"reception"}}}"#);
        let targets = ("AGENT_TRANSFER_TARGETS", r#"[{"name":"reception","to":"+15005550010","kind":"warm"}]"#);
        let read = |pairs: &[(&str, &str)]| {
            let pairs: std::collections::BTreeMap<_, _> = pairs.iter().copied().collect();
            let source = |key: &str| pairs.get(key).map(|value| (*value).to_owned());
            let mut reader = Reader::new(&source);
            let agent = agent(&mut reader);
            reader.finish(agent)
        };
        assert_eq!(read(&[keypad, targets]).unwrap().transfer_target("reception").unwrap().to.reveal(), "+15005550010");
        for wrong in
            ["nobody", "[]", r#"[{"name":"reception","to":"0301234"}]"#, r#"[{"name":"x","to":"+15005550010"}]"#]
        {
            let errors = read(&[keypad, ("AGENT_TRANSFER_TARGETS", wrong)]).unwrap_err();
            assert!(!errors.to_string().contains("0301234"), "{errors}");
        }
        assert!(read(&[keypad]).is_err());
    }

    #[test]
    fn numbers_out_of_range_are_faults() {
        let errors = read(&[
            ("MAX_RECONNECT_ATTEMPTS", "-1"),
            ("RECONNECT_DELAY", "NaN"),
            ("WEBSOCKET_TIMEOUT", "1e9"),
            ("AGENT_HOLD_MUSIC", "jazz"),
        ])
        .unwrap_err();
        assert_eq!(errors.0.len(), 4, "{errors}");
    }
}
