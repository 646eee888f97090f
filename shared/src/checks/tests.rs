use super::*;
use crate::twilio::setup::{Account, Number};

const NOW_MS: u64 = 1_795_000_000_000;

fn here() -> Url {
    "https://voice.example.com".parse().unwrap()
}

fn agents() -> Vec<String> {
    vec!["Pharmacy".to_owned(), "Night".to_owned()]
}

/// Whatever is not well says how to mend it, and what is well has nothing to be mended.
fn state(check: &Check) -> State {
    assert_eq!(check.mend.is_some(), check.state != State::Ok, "{check:?}");
    assert!(!check.what.is_empty());
    check.state
}

#[test]
fn an_address_is_looked_at_only_if_twilio_could_find_it() {
    let laptop = "http://localhost:8787".parse().unwrap();
    let plain = "http://voice.example.com".parse().unwrap();
    assert!(is_worth_reaching(&here()) && !is_worth_reaching(&laptop) && !is_worth_reaching(&plain));
    assert_eq!(state(&public_url(&laptop, None)), State::Warn);
    assert_eq!(state(&public_url(&plain, None)), State::Fail);
    assert_eq!(state(&public_url(&here(), Some(Reached::Us))), State::Ok);
    assert_eq!(state(&public_url(&here(), Some(Reached::Another(502)))), State::Fail);
    assert_eq!(state(&public_url(&here(), Some(Reached::NoAnswer("cannot be reached")))), State::Fail);
}

#[test]
fn the_account_and_its_numbers_are_told_apart() {
    let of = |account: Option<Account>| -> Vec<(CheckedItem, State)> {
        let checks = twilio(&Ok(Setup::check(&here(), account)));
        checks.iter().map(|check| (check.item, state(check))).collect()
    };
    assert_eq!(of(None), [(CheckedItem::Twilio, State::Warn)]);
    assert_eq!(of(Some(Account::Refused)), [(CheckedItem::Twilio, State::Fail)]);
    let ours = Number {
        voice_url: Some("https://voice.example.com/twiml".to_owned()),
        status_callback: Some("https://voice.example.com/call/status".to_owned()),
        ..Number::default()
    };
    let there = |trial, numbers| Some(Account::There { status: "active".to_owned(), trial, numbers });
    let fine = [(CheckedItem::Twilio, State::Ok), (CheckedItem::Numbers, State::Ok)];
    assert_eq!(of(there(false, vec![ours.clone()])), fine);
    let trial = [(CheckedItem::Twilio, State::Warn), (CheckedItem::Numbers, State::Fail)];
    assert_eq!(of(there(true, vec![Number::default()])), trial);
    let silent = Number { status_callback: None, ..ours };
    assert_eq!(of(there(false, vec![silent]))[1], (CheckedItem::Numbers, State::Warn));
    let down = twilio(&Err(PortError::Unavailable("secret words".to_owned())));
    assert_eq!(down.iter().map(state).collect::<Vec<_>>(), [State::Fail]);
    assert!(!format!("{down:?}").contains("secret"));
}

#[test]
fn a_model_that_cannot_be_had_says_which_agents_want_it() {
    let check = |availability| model("gpt-9", &agents(), &availability);
    assert_eq!(state(&check(Availability::There { until: None })), State::Ok);
    let ends = check(Availability::There { until: Some("2027-01-20".to_owned()) });
    assert!(state(&ends) == State::Warn && ends.what.contains("2027-01-20"));
    assert_eq!(state(&check(Availability::CannotTell)), State::Warn);
    let missing = check(Availability::Missing);
    assert!(state(&missing) == State::Fail && missing.what.contains("gpt-9 for this key (Pharmacy, Night)"));
    for availability in [
        Availability::NoKey,
        Availability::KeyInvalid,
        Availability::KeyMayNot,
        Availability::Limited,
        Availability::Trouble(503),
        Availability::NoAnswer("did not answer in time"),
    ] {
        assert_eq!(state(&check(availability)), State::Fail);
    }
}

#[test]
fn relays_are_there_with_room_or_it_is_said_what_is_lacking() {
    let relay = |id: &str, heartbeat_at_ms: u64, draining: bool| -> Relay {
        let json = serde_json::json!({
            "id": id, "address": "http://10.0.0.1:8081/", "calls": 0, "heartbeat_at_ms": heartbeat_at_ms,
            "draining": draining, "cpu": 0.1, "event_loop_lag_ms": 1.0,
        });
        serde_json::from_value(json).unwrap()
    };
    let check = |all: &[Relay], at: &Url| relays(all, at, NOW_MS);
    let (one, two) = (relay("a", NOW_MS, false), relay("b", NOW_MS, false));
    assert_eq!(state(&check(&[], &here())), State::Fail);
    assert_eq!(state(&check(&[relay("a", NOW_MS - 60_000, false)], &here())), State::Fail);
    let going = check(&[relay("a", NOW_MS, true)], &here());
    assert!(state(&going) == State::Fail && going.what.contains("room"));
    assert_eq!(state(&check(std::slice::from_ref(&one), &here())), State::Warn);
    assert_eq!(state(&check(std::slice::from_ref(&one), &"http://localhost:8787".parse().unwrap())), State::Ok);
    assert_eq!(state(&check(&[one, two], &here())), State::Ok);
}

#[test]
fn music_that_was_deleted_is_missed_by_whoever_plays_it() {
    let plays = |music: HoldMusic| Agent { name: "Pharmacy".to_owned(), hold_music: music, ..Agent::default() };
    let lost = plays(HoldMusic::File("0123456789abcdef01234567".into()));
    let found = hold_music(&[plays(HoldMusic::BuiltIn), lost], &Ok(Vec::new()));
    assert_eq!(found.iter().map(state).collect::<Vec<_>>(), [State::Warn]);
    assert!(found[0].what.contains("Pharmacy"));
    assert_eq!(state(&hold_music(&[plays(HoldMusic::None)], &Ok(Vec::new()))[0]), State::Ok);
    let broken = Err(PortError::Unavailable("s3".to_owned()));
    assert_eq!((state(&hold_music(&[], &broken)[0]), state(&recordings(&broken))), (State::Warn, State::Fail));
    assert_eq!(state(&recordings(&Ok(Vec::new()))), State::Ok);
}

#[test]
fn the_whole_is_as_its_worst_part() {
    let ok = recordings(&Ok(Vec::new()));
    let bad = public_url(&here(), Some(Reached::Another(404)));
    assert_eq!(Checks::new(1, vec![ok.clone(), bad]).state, State::Fail);
    assert_eq!(Checks::new(1, vec![ok]).state, State::Ok);
}
