//! Calls are found by all that is asked of them and by nothing less, newest first, page by page.

use shared::calls::{Call, Ending};
use shared::ids::CallSid;
use shared::insights::Review;
use shared::page::Page;
use shared::ports::{IndexCalls, ReadHistory, SearchCalls, WriteCall};
use shared::search::{Search, Term};

use crate::world::{call, store};

const WORDS: [&str; 5] = ["pizza", "refill", "tuesday", "goodbye", "weather"];

fn word(word: &str) -> Term {
    Term::Word(word.into())
}

fn agent(number: u32) -> Term {
    Term::Agent(if number.is_multiple_of(3) { "night" } else { "day" }.into())
}

/// What the call of this number is found by: a word for each of its bits.
fn terms(number: u32) -> Vec<Term> {
    let said = WORDS.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1).map(|(_, said)| word(said));
    said.chain([agent(number), Term::Ending(Ending::CallerHungUp)]).collect()
}

fn numbered(number: u32) -> Call {
    let mut call = call(number);
    call.agent.id = if number.is_multiple_of(3) { "night" } else { "day" }.into();
    call
}

fn sids(numbers: impl IntoIterator<Item = u32>) -> Vec<CallSid> {
    numbers.into_iter().map(|number| call(number).sid).collect()
}

#[tokio::test]
async fn a_search_finds_what_all_of_it_is_true_of_whatever_the_page() {
    let store = store().await;
    const CALLS: u32 = 240;
    for number in 1..=CALLS {
        store.open_call(&numbered(number)).await.unwrap();
        store.index_call(&numbered(number), &terms(number)).await.unwrap();
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..40 {
        let mut pool: Vec<Term> = WORDS.iter().map(|said| word(said)).collect();
        pool.extend([agent(3), agent(1), Term::Ending(Ending::CallerHungUp), Term::Number("+15551234567".into())]);
        random.shuffle(&mut pool);
        let mut search = Search { terms: pool.into_iter().take(random.usize(1..4)).collect(), ..Search::default() };
        search.from_ms = random.bool().then(|| call(random.u32(1..CALLS)).began_at_ms);
        search.to_ms = random.bool().then(|| call(random.u32(1..CALLS)).began_at_ms);
        let fits = |number: &u32| {
            let began_at_ms = call(*number).began_at_ms;
            let all = terms(*number);
            search.terms.iter().all(|term| matches!(term, Term::Number(_)) || all.contains(term))
                && search.from_ms.is_none_or(|from| began_at_ms >= from)
                && search.to_ms.is_none_or(|to| began_at_ms <= to)
        };
        let expected = sids((1..=CALLS).rev().filter(fits));
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let Page { items, next } = store.search(&search, random.u32(1..30), after.as_ref()).await.unwrap();
            found.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{search:?}");
    }
}

#[tokio::test]
async fn how_a_call_went_is_in_the_list_and_of_an_erased_one_nothing_is_written() {
    let store = store().await;
    store.open_call(&numbered(1)).await.unwrap();
    let review = Review { lasted_ms: 61_000, turns: 3, answers_ms: vec![280, 410], ..Review::default() };
    for number in [1, 2] {
        store.review_call(&numbered(number).sid, &review).await.unwrap();
    }
    let listed = store.recent_calls(10, None).await.unwrap().items;
    assert_eq!(listed, [Call { review: Some(review), ..numbered(1) }]);
}

#[tokio::test]
async fn who_looks_for_nothing_finds_nothing() {
    let store = store().await;
    store.index_call(&numbered(1), &terms(1)).await.unwrap();
    let none = store.search(&Search::default(), 10, None).await.unwrap();
    assert_eq!((none.items, none.next), (vec![], None));
}
