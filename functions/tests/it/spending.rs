//! What a day has cost, in DynamoDB: added together by whomever, each agent and each day for itself.

use aws_sdk_dynamodb::types::AttributeValue;
use functions::adapters::dynamo::Store;
use shared::ids::AgentId;
use shared::money::{Day, Usd};
use shared::ports::CountSpending as _;

use crate::world::{TABLE, dynamo, race, store};

const NOW: u64 = 1_795_000_020_000;

#[tokio::test]
async fn what_many_add_at_once_is_added_whole_and_each_is_told_the_sum() {
    let store = store().await;
    let (agent, day) = (AgentId::from("default"), Day::at(NOW));
    let (counted, faults) = race(32, |_| {
        let (store, agent) = (store.clone(), agent.clone());
        async move { store.count_spending(&agent, day, Usd::from_billionths(123_456_789)).await }
    })
    .await;
    assert_eq!((counted, faults.len()), (32, 0), "{faults:?}");
    let asked = store.count_spending(&agent, day, Usd::ZERO).await.unwrap();
    assert_eq!(asked, Usd::from_billionths(32 * 123_456_789));
}

#[tokio::test]
async fn each_agent_and_each_day_is_counted_for_itself_and_forgotten() {
    let client = dynamo().await;
    let store = Store::new(client.clone(), TABLE);
    let (agent, day) = (AgentId::from("night"), Day::at(NOW));
    let one = Usd::from_billionths(1);
    assert_eq!(store.count_spending(&agent, day, one).await.unwrap(), one);
    assert_eq!(store.count_spending(&agent, Day::at(NOW + 86_400_000), one).await.unwrap(), one);
    assert_eq!(store.count_spending(&AgentId::from("day"), day, one).await.unwrap(), one);
    let items = client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let ours = items.iter().filter(|item| matches!(&item["pk"], AttributeValue::S(key) if key.starts_with("SPENT#")));
    assert_eq!(ours.filter(|item| item.contains_key("expires_at")).count(), 3);
}
