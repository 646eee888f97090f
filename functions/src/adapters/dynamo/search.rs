//! Finding calls: for each word, agent and ending a partition whose items are named by when their call began, newest last. Calls
//! that are in several of them are found by walking down all at once. Right for as many calls as one looks through by hand; a
//! search engine would be another adapter.

use std::collections::VecDeque;

use shared::calls::Call;
use shared::ids::CallSid;
use shared::insights::Review;
use shared::page::{Cursor, Page};
use shared::ports::{IndexCalls, PortError, PortResult, SearchCalls};
use shared::search::{Search, Term};

use super::super::sdk::port_error;
use super::Store;
use super::chronicle::put;
use super::item::{Item, number, part, sort_key, text, value};
use super::schema::{EXPIRES, META, TERMS, call_key, term_key, trace_key};

/// Names read at a time.
const PAGE: i32 = 100;
/// One search asks no more often; whoever wants more asks for the next page.
const MOST_QUERIES: u32 = 40;

impl IndexCalls for Store {
    async fn index_call(&self, call: &Call, terms: &[Term]) -> PortResult<()> {
        let until = self.kept_until(&call.sid).await?;
        let keys: Vec<String> = terms.iter().map(term_key).collect();
        let named = trace_key(call.began_at_ms, &call.sid);
        // Whoever erases the call finds them by this one: it comes first.
        let mut listed = self.key(call_key(&call.sid), TERMS);
        listed.insert("terms".to_owned(), value(&keys)?);
        let found = keys.into_iter().map(|key| {
            let mut item = self.key(key, &named);
            item.insert("call".to_owned(), text(call.sid.as_str()));
            item
        });
        let dated = |mut item: Item| {
            item.insert(EXPIRES.to_owned(), number(until));
            put(item)
        };
        self.write_all(vec![dated(listed)?]).await?;
        self.write_all(found.map(dated).collect::<PortResult<_>>()?).await
    }

    async fn review_call(&self, sid: &CallSid, review: &Review) -> PortResult<()> {
        let request = self
            .update(call_key(sid), META)
            .update_expression("SET review = :review")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":review", value(review)?);
        match self.send("review call", request).await? {
            Ok(_) => Ok(()),
            Err(_erased) => Ok(()),
        }
    }
}

impl SearchCalls for Store {
    async fn search(&self, search: &Search, limit: u32, after: Option<&Cursor>) -> PortResult<Page<CallSid>> {
        let mut walk = Walk::new(self, search, after);
        let (mut items, mut last) = (Vec::new(), None);
        while items.len() < limit as usize {
            match walk.next().await? {
                Step::Found(found) => {
                    last = Some(Cursor::behind(found.name));
                    items.push(found.call);
                }
                Step::Tired(name) => return Ok(Page { items, next: Some(Cursor::behind(name)) }),
                Step::Over => return Ok(Page { items, next: None }),
            }
        }
        Ok(Page { items, next: last })
    }
}

/// A call in one of the partitions.
struct Found {
    name: String,
    call: CallSid,
}

enum Step {
    Found(Found),
    /// Enough was asked; nothing before this name is left out.
    Tired(String),
    Over,
}

/// Down all partitions at once.
struct Walk<'a> {
    store: &'a Store,
    lists: Vec<List>,
    /// Names from here on are too new, or were seen.
    below: String,
    /// The oldest that is looked for.
    oldest: String,
    queries: u32,
}

struct List {
    partition: String,
    read: VecDeque<Found>,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, search: &Search, after: Option<&Cursor>) -> Self {
        // Behind the last of that millisecond.
        let newest = format!("{:015}#~", search.to_ms.unwrap_or(999_999_999_999_999));
        let below = after.map_or(newest.as_str(), |after| after.key().min(newest.as_str())).to_owned();
        let list = |term| List { partition: term_key(term), read: VecDeque::new() };
        let oldest = format!("{:015}", search.from_ms.unwrap_or_default());
        Self { store, lists: search.terms.iter().map(list).collect(), below, oldest, queries: 0 }
    }

    /// The newest that is in all lists, and older than the one before.
    async fn next(&mut self) -> PortResult<Step> {
        'candidate: loop {
            let mut candidate: Option<Found> = None;
            for number in 0..self.lists.len() {
                let wanted = candidate.as_ref().map(|found| found.name.clone());
                let Some(head) = self.head(number, wanted.as_deref()).await? else { return Ok(Step::Over) };
                if wanted.is_some_and(|wanted| wanted != head.name) {
                    // Nothing between the two is in both. Just above the head, so that it is looked at again.
                    self.below = format!("{}~", head.name);
                    if self.queries >= MOST_QUERIES {
                        return Ok(Step::Tired(self.below.clone()));
                    }
                    continue 'candidate;
                }
                candidate = Some(head);
            }
            return Ok(match candidate {
                Some(found) => {
                    self.below.clone_from(&found.name);
                    Step::Found(found)
                }
                None => Step::Over,
            });
        }
    }

    /// The newest of a list below what was seen; not above `wanted`.
    async fn head(&mut self, number: usize, wanted: Option<&str>) -> PortResult<Option<Found>> {
        let fits =
            |found: &Found| wanted.map_or(found.name.as_str() < self.below.as_str(), |it| found.name.as_str() <= it);
        let Some(list) = self.lists.get_mut(number) else { return Ok(None) };
        while list.read.front().is_some_and(|found| !fits(found)) {
            list.read.pop_front();
        }
        if list.read.is_empty() {
            let below = wanted.map_or_else(|| self.below.clone(), |wanted| format!("{wanted}~"));
            self.queries += 1;
            list.read = self.store.found(&list.partition, &self.oldest, &below).await?;
        }
        Ok(list.read.front().map(|found| Found { name: found.name.clone(), call: found.call.clone() }))
    }
}

impl Store {
    async fn found(&self, partition: &str, oldest: &str, below: &str) -> PortResult<VecDeque<Found>> {
        if oldest > below {
            return Ok(VecDeque::new());
        }
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :oldest AND :below")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":oldest", text(oldest))
            .expression_attribute_values(":below", text(below))
            .scan_index_forward(false)
            .limit(PAGE);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("search", &error))?;
            let items = page.items.unwrap_or_default().into_iter();
            let found: VecDeque<Found> = items
                .filter(|item| self.is_current(item) && sort_key(item) < below)
                .map(found)
                .collect::<PortResult<_>>()?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(VecDeque::new())
    }
}

fn found(mut item: Item) -> PortResult<Found> {
    let name = sort_key(&item).to_owned();
    let call = item.remove("call").ok_or_else(|| PortError::Corrupt("an entry without `call`".to_owned()))?;
    Ok(Found { name, call: part(call)? })
}
