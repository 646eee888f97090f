//! What calls cost, and what comes of it when that is too much.

use shared::calls::{Ending, MediaPath};
use shared::ids::AgentId;
use shared::money::Usd;
use shared::ports::{CountSpending as _, PortError};
use shared::session::Event;

use crate::caller::Caller;
use crate::model::Model;
use crate::world::{House, until};

const CENT: u64 = 10_000_000;

#[tokio::test]
async fn a_call_on_a_day_that_is_spent_says_goodbye_and_ends() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut call = house.call("CA1", MediaPath::Direct);
    call.agent.limits.spend_day = Some(Usd::from_billionths(100 * CENT));
    let spent = Usd::from_billionths(150 * CENT);
    house.store.count_spending(&call.agent.id, shared::money::Day::at(0), spent).await.unwrap();
    house.prepare(call).await;
    let mut session = model.ready().await;
    let _caller = Caller::call(&house, "CA1").await;
    loop {
        let asked = session.expect("response.create").await;
        if asked["response"]["instructions"].as_str().is_some_and(|how| how.contains("The time for this call is up")) {
            break;
        }
        session.speak("r0", &[]).await;
    }
    session.speak("r1", &[]).await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::SpendLimit);
    until(&house.carrier.hung_up, |hung_up| (!hung_up.is_empty()).then_some(())).await;
    assert_eq!(house.metric(r#"calls_ended_total{kind="spend_limit"}"#).await, 1);
}

#[tokio::test]
async fn a_store_that_does_not_count_limits_nobody_and_is_told_in_the_end() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut call = house.call("CA1", MediaPath::Direct);
    call.agent.limits.spend_day = Some(Usd::from_billionths(CENT));
    house.store.miscounts.lock().unwrap().push_back(PortError::Unavailable("the count".to_owned()));
    house.prepare(call).await;
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    caller.speak(&[1; 160]).await;
    session.hear(1).await;
    caller.stop().await;
    caller.closed().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    let total = until(&house.store.books, |books| books.spent.get(&AgentId::from("default")).copied()).await;
    let told = |event: &Event| match event {
        Event::Cost(cost) => Some(cost.total),
        _ => None,
    };
    assert_eq!(house.store.event(&"CA1".into(), told).await, total);
}
