//! What a console has missed: calls that run or have ended since, their lines and their events, as they were written down.
//! It is bounded, and of what is too much the newest is told.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::calls::Call;
use shared::ids::CallSid;
use shared::live::{Cursor, Frames, LiveEntry};
use shared::ports::{PortResult, ReadMissed, WrittenEvent};
use shared::session::Line;
use shared::time::CallTime;

use super::Annals;

/// Looked at, newest first.
const MOST_CALLS: u32 = 200;
/// Of each, where all are watched; and of the only one.
const MOST_OF_EACH: usize = 200;
const MOST_OF_ONE: usize = 2_000;
/// Of everything: some thirty messages.
const MOST_BYTES: usize = 1024 * 1024;
const AT_ONCE: usize = 16;
/// A line is found by when it began, and may have been completed so much later.
const LONGEST_LINE_MS: u64 = 120_000;
/// A call that began so long before a cursor had ended before it.
const LONGEST_CALL_MS: u64 = 24 * 60 * 60 * 1000;

pub(super) struct Missed {
    pub(super) frames: Frames,
    pub(super) truncated: bool,
}

/// A call, and what of it was missed.
struct Told {
    call: Call,
    lines: Vec<(u64, Line)>,
    events: Vec<WrittenEvent>,
    truncated: bool,
}

/// Without a cursor: all there is of calls that run.
pub(super) async fn missed<S: Annals>(store: &S, only: Option<&CallSid>, since: Option<Cursor>) -> PortResult<Missed> {
    let (calls, too_many) = match only {
        Some(sid) => (store.call(sid).await?.into_iter().collect(), false),
        None => recent(store, since).await?,
    };
    let most = if only.is_some() { MOST_OF_ONE } else { MOST_OF_EACH };
    let told: Vec<Told> = stream::iter(calls.into_iter().map(|call| of_call(store, call, since, most)))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut missed = Missed { frames: Frames::default(), truncated: too_many };
    // A call of one's own choice is told of whatever it is.
    for of in told.into_iter().filter(|of| only.is_some() || is_news(of)) {
        missed.add(of);
    }
    Ok(missed)
}

async fn recent<S: Annals>(store: &S, since: Option<Cursor>) -> PortResult<(Vec<Call>, bool)> {
    let mut calls = store.recent_calls(MOST_CALLS, None).await?.items;
    let earliest = since.map(|since| since.overlapping().saturating_sub(LONGEST_CALL_MS));
    let full = calls.len() >= MOST_CALLS as usize;
    let may_matter =
        |call: &Call| call.status.ended().is_none() || earliest.is_some_and(|earliest| call.began_at_ms >= earliest);
    let too_many = full && calls.last().is_some_and(may_matter);
    calls.retain(may_matter);
    Ok((calls, too_many))
}

async fn of_call<S: ReadMissed>(store: &S, call: Call, since: Option<Cursor>, most: usize) -> PortResult<Told> {
    let from = since.map_or(0, |since| since.overlapping().saturating_sub(call.began_at_ms));
    let mut events = store.events_written(&call.sid, CallTime(from)).await?;
    let mut lines = match (&events[..], call.status.ended()) {
        // It had ended, and all was told.
        ([], Some(_)) if since.is_some() => Vec::new(),
        _ => store.lines_written(&call.sid).await?,
    };
    lines.retain(|(_, line)| line.at.as_millis().saturating_add(LONGEST_LINE_MS) >= from);
    let truncated = keep_newest(&mut events, most) | keep_newest(&mut lines, most);
    Ok(Told { call: Call { lease: None, ..call }, lines, events, truncated })
}

fn is_news(told: &Told) -> bool {
    told.call.status.ended().is_none() || !told.events.is_empty()
}

/// Returns whether some were too many.
fn keep_newest<T>(of: &mut Vec<T>, most: usize) -> bool {
    let too_many = of.len().saturating_sub(most);
    of.drain(..too_many);
    too_many > 0
}

impl Missed {
    fn add(&mut self, Told { call, lines, events, truncated }: Told) {
        self.truncated |= truncated;
        let sid = call.sid.clone();
        let lines =
            lines.into_iter().map(|(fence, line)| LiveEntry::Line { call: sid.clone(), fence, is_final: true, line });
        let events = events.into_iter().map(|WrittenEvent { fence, number, at, event }| LiveEntry::Event {
            call: sid.clone(),
            fence,
            number,
            at,
            event,
        });
        let entries = std::iter::once(LiveEntry::Call { call: Box::new(call) }).chain(lines).chain(events);
        for entry in entries {
            match Frames::json(&entry).filter(|json| self.frames.bytes() + json.len() < MOST_BYTES) {
                Some(json) => self.frames.push(json),
                None => self.truncated = true,
            }
        }
    }
}
