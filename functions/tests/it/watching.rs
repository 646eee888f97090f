//! Consoles on their list, and what was written down of a call, by whom.

use shared::console::Role;
use shared::ids::CallSid;
use shared::live::Watcher;
use shared::ports::{
    Chronicle as _, Entry, KeepWatchers as _, ListWatchers as _, PortError, ReadMissed as _, WriteCall as _,
    WrittenEvent,
};
use shared::session::{Event, Line, Speaker};
use shared::time::CallTime;

use crate::world::{CALL, call, store};

fn watcher(name: &str) -> Watcher {
    Watcher {
        connection: name.into(),
        role: Role::Viewer,
        name: "Ada".into(),
        until_ms: Some(9),
        call: None,
        listens: None,
        asked_at_ms: 1,
        seen_at_ms: 2,
    }
}

#[tokio::test]
async fn a_console_is_listed_as_it_was_kept_last_until_it_is_forgotten() {
    let store = store().await;
    let (one, other) = (watcher("One="), watcher("Other="));
    store.keep_watcher(&one).await.unwrap();
    store.keep_watcher(&other).await.unwrap();
    let listening = Watcher { call: Some(CALL.into()), listens: Some(CALL.into()), asked_at_ms: 5, ..other };
    store.keep_watcher(&listening).await.unwrap();
    store.watcher_seen(&one.connection, 7).await.unwrap();
    let one = Watcher { seen_at_ms: 7, ..one };
    assert_eq!(store.watchers().await.unwrap(), [one.clone(), listening.clone()]);
    assert_eq!(store.watcher(&listening.connection).await.unwrap(), Some(listening));
    store.forget_watcher(&one.connection).await.unwrap();
    store.forget_watcher(&one.connection).await.unwrap();
    assert_eq!(store.watcher_seen(&one.connection, 8).await, Err(PortError::Gone));
    assert_eq!(store.watcher(&one.connection).await.unwrap(), None);
    assert_eq!(store.watchers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_missed_of_a_call_says_who_wrote_it() {
    let store = store().await;
    store.open_call(&call(1)).await.unwrap();
    let sid: CallSid = CALL.into();
    let line = |number: u32, text: &str| Line {
        number,
        at: CallTime(900),
        speaker: Speaker::Agent,
        item: format!("i{number}").as_str().into(),
        text: Some(text.into()),
        interrupted: None,
        made_out_to: None,
    };
    let event = |number: u64, at_ms: u64| Entry::Event { number, at: CallTime(at_ms), event: Event::HoldStarted };
    store.append(&sid, 1, &[Entry::Line(line(1, "Hello")), event(1, 10), event(2, 2_000)]).await.unwrap();
    store.append(&sid, 2, &[Entry::Line(line(1, "Hello again")), event(1, 2_000), event(2, 9_999)]).await.unwrap();
    let lines = store.lines_written(&sid).await.unwrap();
    assert_eq!(lines, [(1, line(1, "Hello")), (2, line(1, "Hello again"))]);
    let written = |fence, number, at_ms| WrittenEvent { fence, number, at: CallTime(at_ms), event: Event::HoldStarted };
    let since = store.events_written(&sid, CallTime(2_000)).await.unwrap();
    assert_eq!(since, [written(1, 2, 2_000), written(2, 1, 2_000), written(2, 2, 9_999)]);
    assert_eq!(store.events_written(&sid, CallTime::ZERO).await.unwrap().len(), 4);
    assert_eq!(store.events_written(&sid, CallTime(10_000)).await.unwrap(), []);
}
