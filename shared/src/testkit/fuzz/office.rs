//! Who holds a call, when the numbers and stamps that decide it are the wire's.

use super::bytes::Bytes;
use crate::calls::Lease;
use crate::ownership::{Arrival, Heard, Moment, Standing, Step, TakeOver, Tenure};

/// A holder and a successor, and frames of any number and stamp to both.
pub(super) fn office(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (mut now, mut standing) = (Moment(bytes.number() % 1_000_000), Standing::default());
    let mut tenure = Tenure::new(now, 1);
    let mut take_over = TakeOver::begin("B".into(), lease("A", 1), bytes.flag());
    let (mut number, mut stamp) = (1, 0);
    for _ in 0..1_000 {
        if bytes.is_empty() {
            return;
        }
        now = Moment(now.0 + bytes.milliseconds());
        match bytes.byte() % 8 {
            0 => standing.granted(now),
            1 => tenure.stream_changed(now, &standing),
            2 => take_over.heard(now, heard(&mut bytes)),
            3 => _ = tenure.asked_to_yield(now, &standing, bytes.number()),
            _ => {
                (number, stamp) = (bytes.near(number), bytes.near(stamp));
                let frame = Arrival { number, stamp_ms: bytes.flag().then_some(stamp), sole: bytes.flag() };
                tenure.frame(now, &standing, frame);
                if let Some(due) = take_over.frame(now, frame) {
                    assert!(due >= now, "what was proved cannot be due before");
                }
            }
        }
        tenure.verdict(now, &standing);
        if let Step::Claim { held } = take_over.step() {
            assert_eq!(*held, 1, "only what was lost is claimed");
        }
    }
}

fn lease(relay: &str, fence: u64) -> Lease {
    Lease { relay: relay.into(), address: "http://127.0.0.1:1".parse().expect("a URL"), fence }
}

fn heard(bytes: &mut Bytes<'_>) -> Heard {
    match bytes.byte() % 11 {
        0 => Heard::Yielded,
        1 => Heard::Busy,
        2 => Heard::Dead,
        3 => Heard::Silent,
        4 => Heard::Deposed,
        5 => Heard::Granted(lease("B", 2)),
        6 => Heard::Conflict,
        7 => Heard::Found(Some(lease("A", 1))),
        8 => Heard::Found(None),
        9 => Heard::Unavailable,
        _ => Heard::TimePassed,
    }
}
