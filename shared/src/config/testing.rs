//! A source that remembers what it was asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Source;

pub(super) struct Recording {
    values: BTreeMap<&'static str, &'static str>,
    asked: RefCell<BTreeSet<String>>,
}

impl Recording {
    pub(super) fn new(values: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        Self { values: values.into_iter().collect(), asked: RefCell::default() }
    }

    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }
}

impl Source for Recording {
    fn get(&self, key: &str) -> Option<String> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.values.get(key).map(|value| (*value).to_owned())
    }
}

pub(super) fn keys(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}
