use super::*;
use crate::console::Role;
use crate::redact::Pii;
use crate::session::{Event, Line, Speaker};
use crate::time::{CallTime, Samples};

const NOW: u64 = 1_795_000_000_000;

fn watcher(name: &str, call: Option<&str>) -> Watcher {
    Watcher {
        connection: name.into(),
        role: Role::Viewer,
        name: Pii::default(),
        until_ms: None,
        call: call.map(Into::into),
        listens: None,
        asked_at_ms: NOW,
        seen_at_ms: NOW,
    }
}

fn line(call: &str, number: u32, text: &str, is_final: bool) -> LiveEntry {
    let line = Line {
        number,
        at: CallTime::ZERO,
        speaker: Speaker::Agent,
        item: "i".into(),
        text: Some(text.into()),
        interrupted: None,
        made_out_to: None,
    };
    LiveEntry::Line { call: call.into(), fence: 1, is_final, line }
}

fn event(call: &str, number: u64) -> LiveEntry {
    LiveEntry::Event { call: call.into(), fence: 1, number, at: CallTime::ZERO, event: Event::HoldStarted }
}

/// What each is told now, by name.
fn told(audience: &mut Audience, now_ms: u64) -> Vec<(String, Vec<serde_json::Value>)> {
    audience.flush();
    let frames = audience.frames(now_ms);
    let read =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["entries"].as_array().unwrap().clone();
    frames.into_iter().map(|(id, text)| (id.to_string(), read(&text))).collect()
}

#[test]
fn each_is_told_of_the_calls_that_it_watches() {
    let mut audience = Audience::default();
    let demand = audience.seat(vec![watcher("all", None), watcher("one", Some("CA1"))], NOW).unwrap();
    assert!(demand.watched(&"CA2".into()) && !demand.listened(&"CA1".into()));
    audience.take_in(line("CA1", 1, "Hello", true));
    audience.take_in(line("CA2", 1, "Hi", true));
    let counts: Vec<_> = told(&mut audience, NOW).into_iter().map(|(name, entries)| (name, entries.len())).collect();
    assert_eq!(counts, [("all".to_owned(), 2), ("one".to_owned(), 1)]);
}

#[test]
fn a_line_that_grows_is_told_once_in_its_latest_form() {
    let mut audience = Audience::default();
    audience.seat(vec![watcher("w", None)], NOW);
    for (text, is_final) in [("It", false), ("It is", false), ("It is ready.", true)] {
        audience.take_in(line("CA1", 1, text, is_final));
    }
    let (_, entries) = told(&mut audience, NOW).remove(0);
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["line"]["text"], &entries[0]["final"]), (&"It is ready.".into(), &true.into()));
}

#[test]
fn one_post_is_under_way_at_a_time_and_one_that_fails_is_tried_again() {
    let mut audience = Audience::default();
    audience.seat(vec![watcher("w", None)], NOW);
    audience.take_in(event("CA1", 1));
    let first = told(&mut audience, NOW);
    audience.take_in(event("CA1", 2));
    assert_eq!(told(&mut audience, NOW), []);
    assert_eq!(audience.posted(&"w".into(), Posted::Refused, NOW), None);
    assert_eq!(told(&mut audience, NOW), first, "once more");
    audience.posted(&"w".into(), Posted::Taken, NOW);
    assert_eq!(told(&mut audience, NOW)[0].1[0]["number"], 2);
    audience.posted(&"w".into(), Posted::Taken, NOW);
    assert!(audience.is_idle());
}

#[test]
fn who_takes_nothing_is_dropped_and_not_let_in_again() {
    let mut audience = Audience::default();
    let list = vec![watcher("slow", None), watcher("well", None)];
    audience.seat(list.clone(), NOW);
    let mut dropped = Vec::new();
    for number in 0..20_000 {
        audience.take_in(event("CA1", number));
        if number % 100 == 0 {
            dropped.extend(audience.flush().1);
            audience.frames(NOW);
            audience.posted(&"well".into(), Posted::Taken, NOW);
        }
    }
    assert_eq!(dropped, ["slow".into()]);
    assert!(audience.seat(list.clone(), NOW + 1).is_none() && audience.len() == 1);
    audience.seat(vec![watcher("well", None)], NOW);
    audience.seat(list, NOW);
    assert_eq!(audience.len(), 2, "it was off the list meanwhile");
}

#[test]
fn who_cannot_be_reached_for_long_is_dropped_and_who_has_left_is_forgotten() {
    let mut audience = Audience::default();
    audience.seat(vec![watcher("deaf", None), watcher("left", None)], NOW);
    audience.take_in(event("CA1", 1));
    told(&mut audience, NOW);
    assert_eq!(audience.posted(&"left".into(), Posted::Gone, NOW), Some(Departure::Gone));
    assert_eq!(audience.posted(&"deaf".into(), Posted::Refused, NOW), None);
    told(&mut audience, NOW + LONGEST_FAILURE_MS);
    assert_eq!(audience.posted(&"deaf".into(), Posted::Refused, NOW + LONGEST_FAILURE_MS), Some(Departure::Slow));
    assert!(audience.is_empty() && audience.demand().is_none());
}

#[test]
fn who_has_not_been_heard_of_for_two_minutes_is_forgotten() {
    let mut audience = Audience::default();
    let list = || vec![watcher("w", None)];
    assert!(audience.seat(list(), NOW).is_some());
    assert!(audience.seat(list(), NOW + 120_000).is_none());
    assert!(audience.seat(list(), NOW + 120_001).is_some_and(|demand| demand.is_none()));
}

#[test]
fn whose_pass_has_ended_watches_no_longer() {
    let mut audience = Audience::default();
    let list = || vec![Watcher { until_ms: Some(NOW + 1_000), ..watcher("w", None) }];
    assert!(audience.seat(list(), NOW + 999).is_some());
    assert!(audience.seat(list(), NOW + 1_000).is_some_and(|demand| demand.is_none()));
}

#[test]
fn a_listener_gets_the_sound_of_its_call_and_others_none() {
    let mut audience = Audience::default();
    let listener = Watcher { listens: Some("CA1".into()), ..watcher("listener", Some("CA2")) };
    let demand = audience.seat(vec![listener, watcher("w", None)], NOW).unwrap();
    assert!(demand.listened(&"CA1".into()) && !demand.listened(&"CA2".into()));
    let mulaw = Pii::new("//8=".to_owned());
    audience.take_in(LiveEntry::Audio { call: "CA1".into(), from: Samples(8), side: Speaker::Caller, mulaw });
    let told = told(&mut audience, NOW);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].0.as_str(), &told[0].1[0]["mulaw"]), ("listener", &"//8=".into()));
}

#[test]
fn cursors_are_given_once_all_that_was_missed_has_been_told() {
    let mut audience = Audience::default();
    audience.seat(vec![watcher("w", None)], NOW);
    for (now_ms, given) in [(NOW + 1_000, false), (NOW + 20_000, true)] {
        audience.take_in(event("CA1", now_ms));
        audience.flush();
        let (_, frame) = audience.frames(now_ms).remove(0);
        assert_eq!(frame.contains(&format!(r#""cursor":"{}""#, Cursor(now_ms))), given, "{frame}");
        audience.posted(&"w".into(), Posted::Taken, now_ms);
    }
}

#[test]
fn who_asks_anew_is_an_arrival_and_a_ping_is_none() {
    let mut audience = Audience::default();
    audience.seat(vec![watcher("w", None)], NOW);
    assert!(audience.seat(vec![Watcher { seen_at_ms: NOW + 30_000, ..watcher("w", None) }], NOW + 30_000).is_none());
    let demand = audience.seat(vec![Watcher { asked_at_ms: NOW + 1, ..watcher("w", None) }], NOW + 1).unwrap();
    assert_eq!((demand.arrivals, demand.asked_at_ms), (2, NOW + 1));
}

#[test]
fn without_an_audience_nothing_is_kept() {
    let mut audience = Audience::default();
    audience.take_in(event("CA1", 1));
    assert!(audience.is_idle());
}
