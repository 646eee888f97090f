use super::super::rest::{CallResource, parse_response};
use super::super::setup::NumberCapabilities;
use super::*;

const HERE: &str = "https://voice.example.com";

fn url() -> Url {
    HERE.parse().unwrap()
}

/// What an older program of its owner's had set.
fn elsewhere() -> Number {
    Number {
        sid: "PN1".into(),
        phone_number: "+15005550006".to_owned(),
        friendly_name: Some("Front desk".to_owned()),
        voice_url: Some("https://user:pass@old.example.com/voice?key=1".to_owned()),
        voice_method: Some("GET".to_owned()),
        status_callback: Some(String::new()),
        status_callback_method: Some("POST".to_owned()),
        ..Number::default()
    }
}

fn set(number: &Number, to: &Routing) -> Number {
    Number {
        voice_url: Some(to.voice_url.clone()),
        voice_method: Some(to.voice_method.clone()),
        status_callback: Some(to.status_callback.clone()),
        status_callback_method: Some(to.status_callback_method.clone()),
        ..number.clone()
    }
}

fn pointed(number: &Number, kept: Option<&Pointed>) -> Pointed {
    point(number, &url(), kept, 7).unwrap().unwrap()
}

#[test]
fn a_number_is_pointed_here_and_back_at_where_it_was() {
    let kept = pointed(&elsewhere(), None);
    assert_eq!(
        kept.after.form(),
        [
            ("VoiceUrl", format!("{HERE}/twiml")),
            ("VoiceMethod", "POST".to_owned()),
            ("StatusCallback", format!("{HERE}/call/status")),
            ("StatusCallbackMethod", "POST".to_owned()),
        ]
    );
    let here = set(&elsewhere(), &kept.after);
    assert_eq!((Points::of(&elsewhere(), &url()), Points::of(&here, &url())), (Points::Elsewhere, Points::Here));
    assert_eq!(point(&here, &url(), Some(&kept), 8), Ok(None));
    let back = undo(&here, Some(&kept)).unwrap().unwrap();
    assert_eq!(back, Routing::of(&elsewhere()));
    assert_eq!(undo(&set(&here, &back), Some(&kept)), Ok(None));
}

#[test]
fn a_number_without_a_webhook_goes_back_to_having_none() {
    let bare = Number { voice_url: None, voice_method: None, status_callback: None, ..elsewhere() };
    assert_eq!(Points::of(&bare, &url()), Points::Nowhere);
    let kept = pointed(&bare, None);
    let back = undo(&set(&bare, &kept.after), Some(&kept)).unwrap().unwrap();
    // There is no method to say; Twilio then shows one of its own, and it is the same all the same.
    assert_eq!(
        back.form(),
        [("VoiceUrl", String::new()), ("StatusCallback", String::new()), ("StatusCallbackMethod", "POST".to_owned())]
    );
    let shown = Number { voice_method: Some("POST".to_owned()), ..set(&bare, &back) };
    assert_eq!(undo(&shown, Some(&kept)), Ok(None));
}

#[test]
fn what_somebody_else_has_changed_since_is_left_alone() {
    let kept = pointed(&elsewhere(), None);
    let here = set(&elsewhere(), &kept.after);
    assert_eq!(undo(&here, None), Err(Refusal::NothingKept));
    let theirs = Number { voice_url: Some("https://third.example.com/".to_owned()), ..here.clone() };
    assert_eq!(undo(&theirs, Some(&kept)), Err(Refusal::ChangedSince));
    let status_only = Number { status_callback: Some(String::new()), ..here };
    assert_eq!(undo(&status_only, Some(&kept)), Err(Refusal::ChangedSince));
    // Pointed here again, it goes back to theirs, and not to what was before.
    assert_eq!(pointed(&theirs, Some(&kept)).before, Routing::of(&theirs));
}

#[test]
fn an_address_of_ours_that_has_changed_is_no_place_to_go_back_to() {
    let old = "https://old-tunnel.example.com".parse().unwrap();
    let kept = point(&elsewhere(), &old, None, 1).unwrap().unwrap();
    let here = set(&elsewhere(), &kept.after);
    assert_eq!(Points::of(&here, &url()), Points::Elsewhere);
    let again = pointed(&here, Some(&kept));
    assert_eq!((again.before, again.after), (Routing::of(&elsewhere()), Routing::ours(&url())));
}

#[test]
fn what_twilio_would_not_look_at_is_not_set() {
    let some = |sid: &str| Some(sid.to_owned());
    for (number, points, refusal) in [
        (Number { trunk_sid: some("TK1"), ..elsewhere() }, Points::Trunk, Refusal::Trunk),
        (Number { voice_application_sid: some("AP1"), ..elsewhere() }, Points::Application, Refusal::Application),
        (
            Number { capabilities: NumberCapabilities { voice: false }, ..elsewhere() },
            Points::NoVoice,
            Refusal::NoVoice,
        ),
    ] {
        assert_eq!((Points::of(&number, &url()), point(&number, &url(), None, 1)), (points, Err(refusal)));
    }
    let cleared = Number { voice_application_sid: some(""), trunk_sid: some(""), ..elsewhere() };
    assert!(point(&cleared, &url(), None, 1).is_ok());
}

#[test]
fn a_webhook_is_shown_without_what_may_be_a_password() {
    let kept = pointed(&elsewhere(), None);
    let here = set(&elsewhere(), &kept.after);
    let seen = AccountNumber::of(&here, &url(), Some(&kept));
    let back = seen.undo.clone().unwrap();
    assert_eq!(back.voice, Some(Hook { method: "GET".to_owned(), url: "https://old.example.com/voice?…".to_owned() }));
    assert!(back.open && back.status_callback.is_none() && seen.tells_us && seen.points == Points::Here);
    let text = format!("{seen:?} {:?} {:?}", kept, AccountNumber::of(&elsewhere(), &url(), None));
    assert!(!text.contains("pass") && !text.contains("key=1"), "{text}");
    let odd = Number { voice_url: Some("not a url".to_owned()), ..elsewhere() };
    assert_eq!(AccountNumber::of(&odd, &url(), None).voice.unwrap().url, "(no URL)");
}

#[test]
fn either_name_of_the_webhook_is_ours() {
    let other = Number { voice_url: Some(format!("{HERE}/incoming-call")), ..elsewhere() };
    assert_eq!(Points::of(&other, &url()), Points::Here);
    let near = Number { voice_url: Some(format!("{HERE}/twimlet")), ..elsewhere() };
    assert_eq!(Points::of(&near, &url()), Points::Elsewhere);
}

#[test]
fn each_way_that_twilio_says_no_has_its_mend() {
    let error = |status: u16, code: u64| {
        let body = format!(r#"{{"code":{code},"message":"+15005550006","status":{status}}}"#);
        CarrierError::from(&parse_response::<CallResource>(status, body.as_bytes()).unwrap_err())
    };
    assert_eq!(error(401, 20_003), CarrierError::Credentials(401));
    assert_eq!(error(403, 20_005), CarrierError::Credentials(403));
    assert_eq!(error(400, 20_003), CarrierError::Credentials(400));
    assert_eq!(error(404, 20_404), CarrierError::NotThere);
    assert_eq!(error(429, 20_429), CarrierError::TooMany);
    assert_eq!(error(400, 21_402), CarrierError::Refused { status: 400, code: 21_402 });
    assert_eq!(error(503, 0), CarrierError::Down(503));
    let odd = parse_response::<CallResource>(200, b"<html>").unwrap_err();
    assert_eq!(CarrierError::from(&odd), CarrierError::Unreadable(200));
    for (status, code) in [(401, 20_003), (404, 20_404), (429, 20_429), (400, 21_402), (503, 0)] {
        let told = error(status, code).to_string();
        assert!(told.contains(':') && !told.contains("+1500"), "{told}");
    }
}
