//! A caller is put through to a person: by the relay's hands, with a carrier that may refuse.

use functions::relay::calls::{CallHandle, Claim, Command};
use serde_json::json;
use shared::agent::{Agent, Whom};
use shared::calls::{CallStatus, Ending, MediaPath};
use shared::ports::{PortError, Tokens as _, WriteCall as _};
use shared::redact::Secret;
use shared::session::{Event, OperatorCommand};
use shared::transfer::{LegState, News, TransferFailure};

use crate::caller::Caller;
use crate::model::{Model, Session};
use crate::world::{House, LEG, SECOND_LEG, pass, settings, until};

/// A caller who is greeted, and an agent that knows a reception and a doctor.
struct Desk {
    model: Model,
    house: House,
    handle: CallHandle,
    session: Session,
    caller: Caller,
}

impl Desk {
    async fn opens() -> Self {
        let mut model = Model::new().await;
        let house = House::new(&model.url).await;
        let mut call = house.webhook("CA1", MediaPath::Direct).await;
        call.agent = Agent { transfer_targets: shared::testkit::transfer_targets(), ..call.agent };
        house.store.books.send_modify(|books| _ = books.calls.insert("CA1".into(), call.clone()));
        let claim = Claim::Announced(Box::new(call));
        let handle = house.relay.calls.find_or_open(&"CA1".into(), claim).await.unwrap();
        let mut session = model.ready().await;
        let caller = Caller::call(&house, "CA1").await;
        session.expect("response.create").await;
        answer(&mut session, "r1").await;
        Self { model, house, handle, session, caller }
    }

    /// The caller is told, and the carrier is asked to take them off the stream.
    async fn transfer(&mut self, to: &str) {
        self.transfer_to(to.into(), to).await;
    }

    async fn transfer_to(&mut self, to: Whom, announced: &str) {
        self.tell(Command::Operator(OperatorCommand::Transfer { to, why: "It hurts.".into() })).await;
        let asked = self.session.expect("response.create").await;
        assert!(asked["response"]["instructions"].as_str().unwrap().contains(announced));
        answer(&mut self.session, "r2").await;
    }

    /// In a conference, while it rings at the doctor's and at the nurse's.
    async fn waits_for_two() -> Self {
        let mut desk = Self::opens().await;
        let both = Whom::Several(vec!["doctor".into(), "nurse".into()]);
        desk.transfer_to(both, "doctor and nurse").await;
        desk.instructed("<Conference").await;
        desk.caller.stop().await;
        until(&desk.house.carrier.called, |called| (called.len() == 2).then_some(())).await;
        desk
    }

    async fn second_leg(&self, state: LegState) {
        self.tell(Command::News(News::Leg { errand: 3, leg: SECOND_LEG.into(), state })).await;
    }

    /// In a conference, while the doctor's telephone rings.
    async fn waits() -> Self {
        let mut desk = Self::opens().await;
        desk.transfer("doctor").await;
        desk.instructed("<Conference").await;
        desk.caller.stop().await;
        until(&desk.house.carrier.called, |called| (called.len() == 1).then_some(())).await;
        desk
    }

    async fn tell(&self, command: Command) {
        self.handle.commands.send(command).await.unwrap();
    }

    async fn leg(&self, state: LegState) {
        self.tell(Command::News(News::Leg { errand: 2, leg: LEG.into(), state })).await;
    }

    async fn instructed(&self, part: &str) -> String {
        let found = |told: &Vec<(_, String)>| {
            told.iter().find(|(_, twiml)| twiml.contains(part)).map(|(_, twiml)| twiml.clone())
        };
        until(&self.house.carrier.instructed, found).await
    }

    /// On another stream, as `/twiml/resume` gives it.
    async fn comes_back(&mut self) -> String {
        self.house.store.issue_token(&Secret::new("again"), &pass(&"CA1".into())).await.unwrap();
        self.caller = Caller::with_token(&self.house, "CA1", "again").await;
        let asked = self.session.expect("response.create").await;
        asked["response"]["instructions"].as_str().unwrap().to_owned()
    }
}

async fn answer(session: &mut Session, id: &str) {
    session.say(json!({ "type": "response.created", "response": { "id": id } })).await;
    session.say(json!({ "type": "response.done", "response": { "id": id, "status": "completed" } })).await;
}

#[tokio::test]
async fn a_caller_is_dialled_through_and_the_call_is_somebody_elses() {
    let mut desk = Desk::opens().await;
    desk.transfer("reception").await;
    let dial = desk.instructed("<Dial").await;
    assert!(
        dial.contains(r#"callerId="+15559990000" timeout="20""#) && dial.contains("+15005550010</Number>"),
        "{dial}"
    );
    desk.caller.stop().await;
    desk.tell(Command::News(News::Leg { errand: 1, leg: LEG.into(), state: LegState::Answered })).await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::Transferred);
    assert_eq!(*desk.house.carrier.hung_up.borrow(), [], "they talk");
}

#[tokio::test]
async fn a_caller_whom_nobody_answered_is_back_and_the_model_knows_why() {
    let mut desk = Desk::opens().await;
    desk.transfer("reception").await;
    desk.instructed("<Dial").await;
    desk.caller.stop().await;
    desk.tell(Command::News(News::NotThrough { why: TransferFailure::Busy })).await;
    assert!(desk.comes_back().await.contains("the line is busy"));
    assert_eq!(desk.house.metric(r#"transfers_total{kind="busy"}"#).await, 1);
}

#[tokio::test]
async fn somebody_is_called_told_what_it_is_about_and_takes_the_call() {
    let desk = Box::pin(Desk::waits()).await;
    let called = desk.house.carrier.called.borrow()[0].clone();
    assert_eq!((called.to.reveal().as_str(), called.ring_s), ("sip:doctor@example.com", 20));
    assert!(called.twiml.to_string().contains("It hurts.") && called.status_callback.ends_with("errand=2"));
    desk.leg(LegState::Answered).await;
    desk.leg(LegState::Accepted).await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::Transferred);
    assert_eq!(*desk.house.carrier.hung_up.borrow(), []);
}

#[tokio::test]
async fn who_is_declined_is_brought_back_and_a_machine_is_hung_up_on() {
    for (state, why) in [(LegState::Declined, "cannot take"), (LegState::Machine, "voicemail")] {
        let mut desk = Box::pin(Desk::waits()).await;
        desk.leg(LegState::Answered).await;
        desk.leg(state).await;
        desk.instructed("/twiml/resume</Redirect>").await;
        assert!(desk.comes_back().await.contains(why));
        if state == LegState::Machine {
            until(&desk.house.carrier.hung_up, |hung_up| hung_up.contains(&LEG.into()).then_some(())).await;
        }
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_stops_the_ringing() {
    let desk = Box::pin(Desk::waits()).await;
    desk.leg(LegState::Ringing).await;
    desk.tell(Command::CallEnded).await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    until(&desk.house.carrier.hung_up, |hung_up| hung_up.contains(&LEG.into()).then_some(())).await;
}

#[tokio::test]
async fn a_carrier_that_refuses_leaves_the_caller_on_the_line() {
    let mut desk = Desk::opens().await;
    desk.house.carrier.faults.lock().unwrap().push_back(PortError::Conflict("no".to_owned()));
    desk.transfer("doctor").await;
    let asked = desk.session.expect("response.create").await;
    assert!(asked["response"]["instructions"].as_str().unwrap().contains("could not be made"));
    desk.caller.stop().await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
}

#[tokio::test]
async fn a_relay_that_goes_while_the_caller_waits_leaves_them_to_another() {
    let Desk { mut model, house, session, .. } = Box::pin(Desk::waits()).await;
    let other = house.beside(settings(&model.url)).await;
    let (store, carrier) = (house.store.clone(), house.carrier.clone());
    drop(session);
    house.relay.stop().await;
    let sid = "CA1".into();
    assert_eq!(store.status(&sid), CallStatus::InProgress);
    let fence = store.books.borrow().calls[&sid].lease.as_ref().map(|lease| lease.fence);
    store.claim(&sid, &other.relay.calls.common().me, fence).await.unwrap();
    let handle = other.relay.calls.find_or_open(&sid, Claim::Ours).await.unwrap();
    let _session = model.session().await;
    let news = News::Leg { errand: 2, leg: LEG.into(), state: LegState::Busy };
    handle.commands.send(Command::News(news)).await.unwrap();
    let back = |told: &Vec<(_, String)>| told.iter().any(|(_, twiml)| twiml.contains("/twiml/resume")).then_some(());
    until(&carrier.instructed, back).await;
    assert_eq!(carrier.called.borrow().len(), 1, "nobody is called twice");
    store
        .event(&sid, |event| matches!(event, Event::TransferFailed { why: TransferFailure::Busy, .. }).then_some(()))
        .await;
}

#[tokio::test]
async fn two_are_called_and_both_take_the_call() {
    let desk = Box::pin(Desk::waits_for_two()).await;
    let called = desk.house.carrier.called.borrow().clone();
    let to: Vec<&str> = called.iter().map(|call| call.to.reveal().as_str()).collect();
    assert_eq!(to, ["sip:doctor@example.com", "+15005550020"]);
    assert!(called.iter().all(|call| call.twiml.to_string().contains("several=true")));
    desk.leg(LegState::Accepted).await;
    desk.second_leg(LegState::Answered).await;
    desk.second_leg(LegState::Accepted).await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::Transferred);
    assert_eq!(*desk.house.carrier.hung_up.borrow(), [], "they talk");
    assert_eq!(desk.house.metric(r#"transfers_total{kind="through"}"#).await, 1);
}

#[tokio::test]
async fn of_two_who_do_not_come_the_model_is_told_each_reason() {
    let mut desk = Box::pin(Desk::waits_for_two()).await;
    desk.leg(LegState::Busy).await;
    desk.second_leg(LegState::Answered).await;
    desk.second_leg(LegState::Machine).await;
    desk.instructed("/twiml/resume</Redirect>").await;
    let told = desk.comes_back().await;
    assert!(told.contains("doctor: the line is busy (busy); nurse: only a voicemail answered (voicemail)"), "{told}");
    until(&desk.house.carrier.hung_up, |hung_up| (*hung_up == [SECOND_LEG.into()]).then_some(())).await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_while_two_ring_stops_both() {
    let desk = Box::pin(Desk::waits_for_two()).await;
    desk.leg(LegState::Ringing).await;
    desk.second_leg(LegState::Ringing).await;
    desk.tell(Command::CallEnded).await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    let both = |hung_up: &Vec<_>| (*hung_up == [LEG.into(), SECOND_LEG.into()]).then_some(());
    until(&desk.house.carrier.hung_up, both).await;
}

#[tokio::test]
async fn somebody_who_turns_out_to_have_been_called_after_the_caller_has_hung_up_is_hung_up_on() {
    let mut desk = Desk::opens().await;
    desk.house.carrier.calls.forget_permits(usize::MAX);
    desk.transfer("doctor").await;
    desk.instructed("<Conference").await;
    desk.caller.stop().await;
    until(&desk.house.carrier.called, |called| (called.len() == 1).then_some(())).await;
    desk.tell(Command::CallEnded).await;
    assert_eq!(desk.house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    desk.house.carrier.calls.add_permits(1);
    until(&desk.house.carrier.hung_up, |hung_up| hung_up.contains(&LEG.into()).then_some(())).await;
}

#[tokio::test]
async fn a_relay_that_goes_while_two_ring_leaves_both_to_another() {
    let Desk { mut model, house, session, .. } = Box::pin(Desk::waits_for_two()).await;
    let other = house.beside(settings(&model.url)).await;
    let (store, carrier) = (house.store.clone(), house.carrier.clone());
    drop(session);
    house.relay.stop().await;
    let sid = "CA1".into();
    let fence = store.books.borrow().calls[&sid].lease.as_ref().map(|lease| lease.fence);
    store.claim(&sid, &other.relay.calls.common().me, fence).await.unwrap();
    let handle = other.relay.calls.find_or_open(&sid, Claim::Ours).await.unwrap();
    let _session = model.session().await;
    for (errand, leg, state) in [(2, LEG, LegState::Busy), (3, SECOND_LEG, LegState::Accepted)] {
        handle.commands.send(Command::News(News::Leg { errand, leg: leg.into(), state })).await.unwrap();
    }
    assert_eq!(store.ended(&sid).await, Ending::Transferred);
    assert_eq!(carrier.called.borrow().len(), 2, "nobody is called twice");
}

#[tokio::test]
async fn without_an_account_nobody_is_put_through_and_the_model_says_so() {
    let mut settings = settings(&Model::new().await.url);
    settings.public_url = None;
    let mut model = Model::new().await;
    settings.model.endpoint = model.url.clone();
    let house = House::with(settings).await;
    let mut call = house.webhook("CA1", MediaPath::Direct).await;
    call.agent = Agent { transfer_targets: shared::testkit::transfer_targets(), ..call.agent };
    let claim = Claim::Announced(Box::new(call));
    let handle = house.relay.calls.find_or_open(&"CA1".into(), claim).await.unwrap();
    let mut session = model.ready().await;
    let caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    answer(&mut session, "r1").await;
    let mut desk = Desk { model, house, handle, session, caller };
    desk.transfer("reception").await;
    let asked = desk.session.expect("response.create").await;
    assert!(asked["response"]["instructions"].as_str().unwrap().contains("could not be made"));
}
