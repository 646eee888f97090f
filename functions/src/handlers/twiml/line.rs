//! The line of callers for whom there is no room: what a caller brings along, and what they hear meanwhile.
//!
//! Since when a caller waits travels in the URL that they come back by, which Twilio signs: a caller keeps their place
//! and their patience ends even while the store does not answer.

use std::time::Duration;

use shared::agent::{Agent, Overflow};
use shared::calls::Waiting;
use shared::ids::CallSid;
use shared::twilio::twiml;
use url::form_urlencoded;

/// A caller comes back after one piece of music, some 8 s, and a sentence. Whoever does not has hung up.
pub(super) const STAYS_MS: u64 = 30_000;
/// A longer line is not one that anybody would stay in.
pub(super) const LONGEST: u32 = 100;
/// For all that a document takes. A store that takes longer is asked again after the next piece of music. Twilio waits 15 s,
/// the function itself is given 10.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// What a caller in line comes back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) since_ms: u64,
    /// The place that the caller was told last.
    pub(super) told: Option<u32>,
}

impl Ticket {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { since_ms: now_ms, told: None }
    }

    /// A time that cannot be read, or has not come yet, is now.
    pub(super) fn read(query: &str, now_ms: u64) -> Self {
        let of = |key: &str| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == key);
        let since = of("since").and_then(|(_, value)| value.parse().ok()).unwrap_or(now_ms);
        Self { since_ms: since.min(now_ms), told: of("told").and_then(|(_, value)| value.parse().ok()) }
    }

    pub(super) fn waiting(self, call: &CallSid) -> Waiting {
        Waiting { since_ms: self.since_ms, call: call.clone() }
    }

    pub(super) fn is_over(self, now_ms: u64, overflow: &Overflow) -> bool {
        u128::from(now_ms.saturating_sub(self.since_ms)) >= overflow.wait.as_millis()
    }

    /// Where the caller comes back to, having been told this.
    fn path(self) -> String {
        match self.told {
            Some(told) => format!("/twiml/line?since={}&told={told}", self.since_ms),
            None => format!("/twiml/line?since={}", self.since_ms),
        }
    }
}

/// Music, and before it the place if the caller has moved up. `place` is `None` while nobody knows it.
pub(super) fn hold(ticket: Ticket, place: Option<u32>, agent: &Agent, url: impl Fn(&str) -> String) -> twiml::Response {
    let news = place.filter(|place| ticket.told.is_none_or(|told| *place < told));
    let response = match news {
        Some(place) => twiml::Response::new().say_in(agent.overflow.place(place), agent.language.as_deref()),
        None => twiml::Response::new(),
    };
    let next = Ticket { told: news.or(ticket.told), ..ticket };
    response.play(url("/hold-music/built-in")).redirect(url(&next.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(told: Option<u32>, place: Option<u32>) -> String {
        hold(Ticket { since_ms: 7, told }, place, &Agent::default(), |path| format!("https://a.example{path}"))
            .to_string()
    }

    #[test]
    fn a_caller_is_told_their_place_when_it_is_new_and_when_they_move_up() {
        assert!(held(None, Some(3)).contains("number 3") && held(None, Some(3)).contains("since=7&amp;told=3"));
        assert!(held(Some(3), Some(2)).contains("number 2") && held(Some(3), Some(2)).contains("told=2"));
        for same in [held(Some(3), Some(3)), held(Some(3), Some(4)), held(Some(3), None)] {
            assert!(!same.contains("<Say>") && same.contains("told=3"), "{same}");
        }
        assert!(held(None, None).contains("since=7<"), "{}", held(None, None));
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written_and_never_lies_in_the_future() {
        let ticket = Ticket { since_ms: 1_000, told: Some(2) };
        assert_eq!(Ticket::read(ticket.path().split_once('?').unwrap().1, 5_000), ticket);
        assert_eq!(Ticket::read("since=9999&told=x", 5_000), Ticket::new(5_000));
        assert_eq!(Ticket::read("", 5_000), Ticket::new(5_000));
    }

    #[test]
    fn patience_ends_with_the_agents_limit() {
        let overflow = Overflow { wait: Duration::from_secs(60), ..Overflow::default() };
        let over = |now| Ticket::new(1_000).is_over(now, &overflow);
        assert_eq!([over(1_000), over(60_999), over(61_000)], [false, false, true]);
        assert!(Ticket::new(5).is_over(5, &Overflow { wait: Duration::ZERO, ..overflow.clone() }));
    }
}
