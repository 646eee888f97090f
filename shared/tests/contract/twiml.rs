//! The TwiML we write is XML, and says what the SDK's builder says for the same verbs.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::twilio::twiml::{Response, Stream};

use crate::oracle::{Chance, Oracle};

/// One document, in our words and in the SDK's.
#[derive(Debug, Clone)]
enum Verb {
    Connect { url: String, status_callback: String, parameters: Vec<(String, String)> },
    Redirect(String),
    Say(String),
    Pause(u32),
    Hangup,
}

impl Verb {
    fn ours(&self, response: Response) -> Response {
        match self {
            Self::Connect { url, status_callback, parameters } => {
                let stream = Stream::to(url).status_callback(status_callback);
                let stream = parameters.iter().try_fold(stream, |stream, (name, value)| stream.parameter(name, value));
                response.connect(stream.unwrap())
            }
            Self::Redirect(url) => response.redirect(url),
            Self::Say(text) => response.say(text),
            Self::Pause(seconds) => response.pause(*seconds),
            Self::Hangup => response.hangup(),
        }
    }

    fn theirs(&self) -> Value {
        match self {
            Self::Connect { url, status_callback, parameters } => {
                json!(["connect", { "url": url, "status_callback": status_callback, "parameters": parameters }])
            }
            Self::Redirect(url) => json!(["redirect", url]),
            Self::Say(text) => json!(["say", text]),
            Self::Pause(seconds) => json!(["pause", seconds]),
            Self::Hangup => json!(["hangup", null]),
        }
    }
}

/// What a person might say or a URL hold. In text XML folds line ends, so they are for attributes alone.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z ]{0,20}", "[&<>\"' ;]{0,10}(]]>)?(<!--)?(&amp;)?", "\\PC{0,20}"]
}

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![3 => text(), 1 => "[\t\r\n a&\"']{0,8}"]
}

fn verb() -> impl Strategy<Value = Verb> {
    let parameters = prop::collection::vec((attribute(), attribute()), 0..4);
    prop_oneof![
        (attribute(), attribute(), parameters).prop_map(|(url, status_callback, parameters)| Verb::Connect {
            url,
            status_callback,
            parameters
        }),
        text().prop_map(Verb::Redirect),
        text().prop_map(Verb::Say),
        any::<u32>().prop_map(Verb::Pause),
        Just(Verb::Hangup),
    ]
}

fn compare(oracle: &mut Oracle, verbs: &[Verb]) {
    let ours = verbs.iter().fold(Response::new(), |response, verb| verb.ours(response)).to_string();
    let theirs: Vec<Value> = verbs.iter().map(Verb::theirs).collect();
    let answer = oracle.ask(&json!({ "do": "twiml", "verbs": theirs, "ours": ours }));
    assert!(answer["theirs"].as_str().unwrap().starts_with("<Response>"), "{answer}");
    assert_eq!(answer["ours"], answer["theirs"], "{verbs:?}");
}

#[test]
fn the_answer_to_a_call() {
    let connect = Verb::Connect {
        url: "wss://example.com/call".into(),
        status_callback: "https://example.com/stream/status".into(),
        parameters: vec![("token".into(), "3q2-7w".into())],
    };
    compare(&mut Oracle::start(), &[connect, Verb::Redirect("https://example.com/twiml/resume?a=1&b=2".into())]);
}

#[test]
fn any_document() {
    let (mut oracle, mut chance) = (Oracle::start(), Chance::new());
    for _ in 0..100 {
        compare(&mut oracle, &chance.draw(prop::collection::vec(verb(), 0..5)));
    }
}

#[test]
fn text_that_xml_cannot_hold_still_gives_xml() {
    let ours = Response::new().say("a\0b\u{1b}c\u{fffe}d\re\u{7f}").to_string();
    let theirs = json!([["say", "abcd\u{e000}e\u{7f}"]]);
    let answer = Oracle::start().ask(&json!({ "do": "twiml", "verbs": theirs, "ours": ours }));
    let expected = answer["theirs"].as_str().unwrap().replace('\u{e000}', "&#xD;");
    assert_eq!(answer["ours"], Value::from(expected));
}
