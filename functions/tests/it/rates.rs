//! Counting in DynamoDB: together, each minute for itself, and without a word of whom.

use aws_sdk_dynamodb::types::AttributeValue;
use functions::adapters::dynamo::Store;
use shared::limits::Window;
use shared::ports::CountRates as _;

use crate::world::{TABLE, dynamo, race, store};

const NOW: u64 = 1_795_000_020_000;
const NUMBER: &str = "+15551234567";

#[tokio::test]
async fn what_many_count_at_once_is_counted_whole() {
    let store = store().await;
    let (counted, faults) = race(32, |_| {
        let store = store.clone();
        async move { store.count_rate("CALLER", NUMBER, Window::at(NOW)).await }
    })
    .await;
    assert_eq!((counted, faults.len()), (32, 0), "{faults:?}");
    assert_eq!(store.count_rate("CALLER", NUMBER, Window::at(NOW)).await.unwrap(), 33);
}

#[tokio::test]
async fn each_minute_each_number_and_each_kind_is_counted_for_itself() {
    let store = store().await;
    let window = Window::at(NOW);
    let next = Window::at(window.ends_at_ms());
    assert_eq!(store.count_rate("CALLER", NUMBER, window).await.unwrap(), 1);
    assert_eq!(store.count_rate("CALLER", NUMBER, next).await.unwrap(), 1);
    assert_eq!(store.count_rate("CALLER", "+15557654321", window).await.unwrap(), 1);
    assert_eq!(store.count_rate("STRANGER", NUMBER, window).await.unwrap(), 1);
    assert_eq!(store.count_rate("CALLER", NUMBER, window).await.unwrap(), 2);
}

#[tokio::test]
async fn nobody_can_read_who_was_counted_and_it_is_forgotten_with_the_minute() {
    let client = dynamo().await;
    let window = Window::at(NOW);
    Store::new(client.clone(), TABLE).count_rate("CALLER", NUMBER, window).await.unwrap();
    let items = client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    let [item] = &items[..] else { panic!("{items:?}") };
    assert!(!format!("{item:?}").contains("1234567"), "{item:?}");
    assert!(item["pk"].as_s().unwrap().starts_with("RATE#CALLER#"));
    assert_eq!(item["expires_at"], AttributeValue::N((window.ends_at_ms() / 1000).to_string()));
}
