//! What the tools' tests need of the world: answers that were written down before, at once.

use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use serde_json::Value;
use url::Url;

use crate::ports::{Fetch, PortError, PortResult, ReferenceData};

/// Runs a future that waits for nothing.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here may wait"),
    }
}

/// Answers in the order in which they were given, and notes what was asked for.
pub(super) struct Web {
    answers: Vec<(OnceLock<String>, PortResult<Value>)>,
    next: AtomicUsize,
}

impl Web {
    pub(super) fn new(answers: impl IntoIterator<Item = PortResult<Value>>) -> Self {
        let answers = answers.into_iter().map(|answer| (OnceLock::new(), answer)).collect();
        Self { answers, next: AtomicUsize::new(0) }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.answers.iter().filter_map(|(url, _)| url.get().cloned()).collect()
    }
}

impl Fetch for Web {
    async fn get_json(&self, url: &Url) -> PortResult<Value> {
        let (asked, answer) = &self.answers[self.next.fetch_add(1, Ordering::Relaxed)];
        asked.set(url.to_string()).unwrap();
        answer.clone()
    }
}

/// The records that every installation begins with, or none that can be read.
pub(super) enum Data {
    Seeded,
    Holding(Vec<(&'static str, &'static str, Value)>),
    Broken(PortError),
}

impl Data {
    fn records(&self) -> PortResult<Vec<(String, String, Value)>> {
        match self {
            Self::Seeded => {
                Ok(super::seed().into_iter().map(|(kind, id, value)| (kind.to_owned(), id, value)).collect())
            }
            Self::Holding(records) => {
                Ok(records.iter().cloned().map(|(kind, id, value)| (kind.to_owned(), id.to_owned(), value)).collect())
            }
            Self::Broken(error) => Err(error.clone()),
        }
    }
}

impl ReferenceData for Data {
    async fn item(&self, kind: &str, id: &str) -> PortResult<Option<Value>> {
        Ok(self.records()?.into_iter().find(|record| record.0 == kind && record.1 == id).map(|record| record.2))
    }

    async fn items(&self, kind: &str) -> PortResult<Vec<Value>> {
        Ok(self.records()?.into_iter().filter(|record| record.0 == kind).map(|record| record.2).collect())
    }
}
