//! The callers: placed one after the other, and what is known of each once it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Client;
use serde::Deserialize;
use shared::audio::wav::Wav;
use shared::calls::Ending;
use shared::redact::Secret;
use shared::session::{Event, Line};
use tokio::task::JoinSet;
use url::Url;

use super::CALL;
use super::verdict::Evidence;
use crate::api::{Api, Record};
use crate::call::faults::Faults;
use crate::call::interview::Questions;
use crate::call::{CallReport, Caller, Config};
use crate::cloud::{Cloud, Post, TABLE};

/// Callers do not all ring in the same moment: relays say how busy they are every five seconds, and the next call goes
/// where there was least to do.
const STAGGER: Duration = Duration::from_secs(5);
/// After a call: how long its record and its recording may take to be complete.
const AFTERMATH: Duration = Duration::from_secs(50);
const POLL: Duration = Duration::from_millis(500);
/// Frames that the network doubles and swaps, in a hundred.
const SPOILED: f64 = 0.01;

/// How the calls are placed.
#[derive(Debug, Clone)]
pub(super) struct Phone {
    pub(super) webhook: Url,
    pub(super) origin: Url,
    pub(super) token: Secret,
    pub(super) questions: Arc<Questions>,
    /// Callers in a hurry ask one question.
    pub(super) hurried: Arc<Questions>,
    /// Every third caller is in a hurry.
    pub(super) churn: bool,
    pub(super) spoil_frames: bool,
    pub(super) seed: u64,
    pub(super) client: Client,
}

/// The calls that are on just now.
#[derive(Debug, Clone, Default)]
pub(super) struct Active(Arc<Mutex<BTreeSet<String>>>);

impl Active {
    pub(super) fn sids(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When no more calls are placed.
#[derive(Debug, Clone)]
pub(super) struct Until {
    /// At least so many.
    pub(super) calls: usize,
    /// And not before this is done.
    pub(super) done: tokio_util::sync::CancellationToken,
}

/// Places calls, so many at once, and gathers what is known of each.
pub(super) async fn place(phone: Phone, at_once: usize, until: Until, active: Active) -> Vec<Evidence> {
    let next = Arc::new(Mutex::new(0));
    let stagger = STAGGER.min(CALL / u32::try_from(at_once).unwrap_or(u32::MAX));
    let mut lines = JoinSet::new();
    for line in 0..at_once {
        let (phone, until, active, next) = (phone.clone(), until.clone(), active.clone(), Arc::clone(&next));
        lines.spawn(async move {
            tokio::time::sleep(stagger * u32::try_from(line).unwrap_or(0)).await;
            one_line(phone, until, active, &next).await
        });
    }
    let mut calls: Vec<Evidence> = lines.join_all().await.into_iter().flatten().collect();
    calls.sort_by_key(|call| call.began);
    calls
}

/// One call after the other. What is written of a call after its end is not waited for.
async fn one_line(phone: Phone, until: Until, active: Active, next: &Mutex<usize>) -> Vec<Evidence> {
    let mut calls = JoinSet::new();
    while let Some(number) = number(next, &until) {
        let config = phone.config(number);
        let sid = config.call_sid.clone();
        active.lock().insert(sid.clone());
        let began = Instant::now();
        let report = Box::pin(Caller::with_client(config, phone.client.clone()).run()).await;
        let over = Instant::now();
        active.lock().remove(&sid);
        let origin = phone.origin.clone();
        calls.spawn(async move { gather(&origin, report, began, over).await });
    }
    calls.join_all().await
}

fn number(next: &Mutex<usize>, until: &Until) -> Option<usize> {
    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
    (*next < until.calls || !until.done.is_cancelled()).then(|| {
        *next += 1;
        *next - 1
    })
}

impl Phone {
    fn config(&self, number: usize) -> Config {
        let mut config = Config::new(self.webhook.clone(), self.token.clone());
        let hurried = self.churn && number % 3 == 2;
        config.questions = Some(Arc::clone(if hurried { &self.hurried } else { &self.questions }));
        if self.spoil_frames {
            let seed = self.seed.wrapping_add(number as u64);
            config.faults = Faults { duplicated: SPOILED, reordered: SPOILED, seed, ..Faults::default() };
        }
        config
    }
}

/// What the API says of a call, once it says that it is over; or when that is waited for no longer.
async fn gather(origin: &Url, report: CallReport, began: Instant, over: Instant) -> Evidence {
    let (record, recording) = match Api::new(origin, &report.sid) {
        Ok(api) => aftermath(&api).await,
        Err(_) => (None, None),
    };
    Evidence {
        began,
        over,
        report,
        end_unheard: record.as_ref().is_some_and(|record| record.call.status.ended() == Some(Ending::Abandoned)),
        take_overs: record.as_ref().map_or(0, take_overs),
        transcript: record.map(transcript),
        recording,
        tools: BTreeMap::new(),
        posts: Vec::new(),
    }
}

fn take_overs(record: &Record) -> usize {
    record.events.iter().filter(|timed| matches!(timed.event, Event::Resumed { .. })).count()
}

fn transcript(record: Record) -> Vec<Line> {
    record.transcript
}

async fn aftermath(api: &Api) -> (Option<Record>, Option<Duration>) {
    let deadline = Instant::now() + AFTERMATH;
    loop {
        let record = api.record().await.ok().flatten();
        let recording = api.recording().await.ok().flatten();
        let complete = record.as_ref().is_some_and(Record::has_ended) && recording.is_some();
        if complete || Instant::now() >= deadline {
            return (record, recording.and_then(|file| Some(Wav::read(&file).ok()?.lasts())));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Adds to each call who spoke to it and which tools ran for it.
pub(super) async fn complete(calls: &mut [Evidence], cloud: &Cloud) {
    let mut posts: BTreeMap<String, Vec<Post>> = BTreeMap::new();
    cloud.posts().into_iter().for_each(|post| posts.entry(post.stream.clone()).or_default().push(post));
    let runs = runs(&std::fs::read_to_string(cloud.logs().join("tool-call.log")).unwrap_or_default());
    let ledger = cloud.calm_dynamodb();
    for call in calls {
        let streams = call.report.streams.iter().filter_map(|stream| posts.remove(&stream.sid));
        call.posts = streams.flatten().collect();
        call.tools = begun(&ledger, &call.report.sid).await;
        for ((_, tool), count) in
            runs.range((call.report.sid.clone(), String::new())..).take_while(|((sid, _), _)| *sid == call.report.sid)
        {
            let most = call.tools.entry(tool.clone()).or_default();
            *most = (*most).max(*count);
        }
    }
}

/// What the tool's own log says: how often it did something for a call.
fn runs(log: &str) -> BTreeMap<(String, String), u32> {
    #[derive(Deserialize)]
    struct Entry {
        code: String,
        call: String,
        tool: String,
    }
    let mut runs = BTreeMap::new();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    for Entry { call, tool, .. } in entries.filter(|entry| ["tool_done", "tool_failed"].contains(&entry.code.as_str()))
    {
        *runs.entry((call, tool)).or_default() += 1;
    }
    runs
}

/// What the ledger says: how many calls of each tool were begun.
async fn begun(ledger: &aws_sdk_dynamodb::Client, sid: &str) -> BTreeMap<String, u32> {
    let query = ledger
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :call AND begins_with(sk, :tool)")
        .expression_attribute_values(":call", AttributeValue::S(format!("CALL#{sid}")))
        .expression_attribute_values(":tool", AttributeValue::S("TOOL#".to_owned()));
    let mut begun = BTreeMap::new();
    let items = query.send().await.map(|answer| answer.items.unwrap_or_default()).unwrap_or_default();
    for item in items {
        if let Some(Ok(name)) = item.get("name").map(AttributeValue::as_s) {
            *begun.entry(name.clone()).or_default() += 1;
        }
    }
    begun
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_from_the_log_of_the_tool() {
        let line = |code: &str, call: &str| {
            format!(r#"{{"level":"INFO","code":"{code}","call":"{call}","tool":"lookup_menu"}}"#)
        };
        let log = [
            line("tool_done", "CA1"),
            line("tool_failed", "CA1"),
            line("tool_repeated", "CA1"),
            line("tool_done", "CA2"),
        ];
        let counted = runs(&format!("no json\n{}\n", log.join("\n")));
        let count = |call: &str| counted.get(&(call.to_owned(), "lookup_menu".to_owned())).copied();
        assert_eq!((count("CA1"), count("CA2"), count("CA3")), (Some(2), Some(1), None));
    }
}
