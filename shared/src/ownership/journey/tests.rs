use url::Url;

use super::*;
use crate::calls::Holder;

/// A function that knows relays A, B and C, and a frame in it.
struct Function {
    route: Route,
    suspects: Suspects,
    now: Moment,
    journey: Journey,
}

fn address(relay: &str) -> Url {
    format!("http://{}:8081", relay.to_lowercase()).parse().unwrap()
}

fn belief(relay: &str, fence: u64) -> Belief {
    lease(relay, fence).into()
}

fn lease(relay: &str, fence: u64) -> Lease {
    Holder { relay: relay.into(), address: address(relay) }.lease(fence)
}

fn found(relay: &str, fence: u64) -> Outcome {
    Outcome::Found(lease(relay, fence))
}

fn relays(names: &[&str]) -> Vec<Relay> {
    let relay = |name: &&str| Relay {
        id: (*name).into(),
        address: address(name),
        control: None,
        calls: 0,
        opened: 0,
        most_calls: 500,
        draining: false,
        cpu: 0.0,
        cores: 2.0,
        event_loop_lag_ms: 0.0,
        heartbeat_at_ms: 0,
    };
    names.iter().map(relay).collect()
}

impl Function {
    fn believing(belief: Option<Belief>) -> Self {
        let (route, suspects) = (Route { belief }, Suspects::default());
        let journey = Journey::begin(&route, &suspects, Moment(0));
        Self { route, suspects, now: Moment(0), journey }
    }

    fn next_frame(&mut self) {
        self.journey = Journey::begin(&self.route, &self.suspects, self.now);
    }

    fn hears(&mut self, outcomes: impl IntoIterator<Item = Outcome>) -> &mut Self {
        for outcome in outcomes {
            self.now = self.now + Duration::from_millis(10);
            if matches!(self.journey.ask(), Ask::TakeOver(_)) {
                self.successor();
            }
            self.journey.report(&mut self.route, &mut self.suspects, self.now, outcome);
        }
        self
    }

    fn successor(&mut self) -> Option<RelayId> {
        let relay = self.journey.successor(&relays(&["A", "B", "C"]), &self.suspects, self.now, 0);
        relay.map(|relay| relay.id)
    }

    fn asks(&self, ask: Ask) {
        assert_eq!(*self.journey.ask(), ask);
    }
}

fn deliver_to(relay: &str, fence: u64, patience: Duration) -> Ask {
    Ask::Deliver { to: belief(relay, fence), patience }
}

fn take_over(relay: &str, fence: u64, dead: bool) -> Ask {
    Ask::TakeOver(Lost { lease: lease(relay, fence), dead })
}

#[test]
fn a_frame_goes_where_the_call_is_believed_to_be() {
    let mut function = Function::believing(Some(belief("A", 1)));
    function.asks(deliver_to("A", 1, PATIENCE));
    function.hears([Outcome::Taken { fence: 1 }]).asks(Ask::Done);
}

#[test]
fn an_unknown_call_is_looked_up_once() {
    let mut function = Function::believing(None);
    function.asks(Ask::LookUp { after: Duration::ZERO });
    function.hears([found("A", 1)]).asks(deliver_to("A", 1, PATIENCE));
    function.hears([Outcome::Taken { fence: 1 }]).next_frame();
    function.asks(deliver_to("A", 1, PATIENCE));
}

#[test]
fn a_refused_connection_is_proof_enough() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Dead]).asks(take_over("A", 3, true));
    assert!(function.journey.sole(&"B".into()));
    function.hears([Outcome::Taken { fence: 4 }]).asks(Ask::Done);
    assert_eq!(function.route.belief, Some(belief("B", 4)));
}

#[test]
fn one_slow_answer_moves_no_call() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Silent]).asks(deliver_to("A", 3, SUSPECT_PATIENCE));
    assert!(function.journey.sole(&"A".into()));
    function.hears([Outcome::Taken { fence: 3 }]).asks(Ask::Done);
    function.next_frame();
    function.hears([Outcome::Silent]).asks(deliver_to("A", 3, SUSPECT_PATIENCE));
}

#[test]
fn the_second_silence_in_a_row_does() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Silent, Outcome::Silent]).asks(take_over("A", 3, false));
    assert!(!function.journey.sole(&"B".into()), "A may have it");
}

#[test]
fn so_does_the_first_one_of_a_relay_that_let_another_call_wait() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.suspects.note(&"A".into(), Moment(0));
    function.next_frame();
    function.asks(deliver_to("A", 3, SUSPECT_PATIENCE));
    function.hears([Outcome::Silent]).asks(take_over("A", 3, false));
}

#[test]
fn a_denial_is_followed_to_where_the_lease_is() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::NotMine]).asks(Ask::LookUp { after: Duration::ZERO });
    function.hears([found("B", 4)]).asks(deliver_to("B", 4, PATIENCE));
    assert!(function.journey.sole(&"B".into()), "A said that it did not take it");
}

#[test]
fn a_relay_that_has_the_lease_and_denies_it_loses_it() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::NotMine, found("A", 3)]).asks(deliver_to("A", 3, PATIENCE));
    function.hears([Outcome::NotMine]).asks(Ask::LookUp { after: LOOK_AGAIN });
    function.hears([found("A", 3)]).asks(take_over("A", 3, false));
}

#[test]
fn a_busy_holder_gets_its_frame_after_all() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Silent, Outcome::Silent, Outcome::Busy]).asks(deliver_to("A", 3, SUSPECT_PATIENCE));
    assert!(function.journey.sole(&"A".into()), "B said that it did not take it");
    function.hears([Outcome::Silent, Outcome::Busy]).asks(Ask::Drop);
}

#[test]
fn a_call_that_another_has_claimed_is_looked_up() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Dead, Outcome::Claimed]).asks(Ask::LookUp { after: Duration::ZERO });
    function.hears([found("C", 4)]).asks(deliver_to("C", 4, PATIENCE));
}

#[test]
fn who_was_asked_for_what_was_not_lost_is_asked_again_for_what_is() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Dead, Outcome::Claimed, found("A", 4), Outcome::Dead]);
    function.asks(take_over("A", 4, true));
    assert_eq!(function.successor(), Some("B".into()));
}

#[test]
fn successors_are_asked_one_after_another() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Dead, Outcome::Declined]).asks(take_over("A", 3, true));
    assert_eq!(function.successor(), Some("C".into()));
    assert_eq!(function.successor(), None, "the dead one is not asked");
    function.hears([Outcome::Nobody]).asks(Ask::Drop);
}

#[test]
fn the_one_that_lost_it_is_the_last_resort() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Silent, Outcome::Silent, Outcome::Declined, Outcome::Declined]);
    assert_eq!(function.successor(), Some("A".into()));
}

#[test]
fn from_a_relay_that_only_keeps_frames_nothing_is_taken_over() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::Silent, Outcome::Silent, Outcome::Kept]).asks(Ask::Done);
    assert_eq!(function.route.belief, Some(Belief { fence: None, ..belief("B", 0) }));
    function.next_frame();
    function.hears([Outcome::Dead]).asks(Ask::LookUp { after: Duration::ZERO });
    function.hears([found("A", 3)]).asks(deliver_to("A", 3, SUSPECT_PATIENCE));
}

#[test]
fn a_frame_is_not_carried_about_for_ever() {
    let mut function = Function::believing(Some(belief("A", 3)));
    for fence in 4..20 {
        function.hears([Outcome::NotMine, found(if fence % 2 == 0 { "B" } else { "C" }, fence)]);
    }
    function.asks(Ask::Drop);
}

#[test]
fn a_call_that_is_over_is_forgotten() {
    let mut function = Function::believing(Some(belief("A", 3)));
    function.hears([Outcome::NotMine, Outcome::NoCall]).asks(Ask::Drop);
    assert_eq!(function.route.belief, None);
}
