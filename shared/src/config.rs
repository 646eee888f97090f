//! Configuration: read once, typed, and every fault reported at once.
//!
//! The heart does not read the environment; a binary hands in a [`Source`]. Each binary has a section of its own,
//! so that the template grants a function the keys it reads and no others.

mod agent;
mod functions;
mod parts;
mod relay;
#[cfg(test)]
mod testing;

pub use functions::{
    ApiConfig, ConnectConfig, DisconnectConfig, FramesConfig, LogsConfig, TestCallConfig, ToolsConfig, TwimlConfig,
};
pub use parts::{WebhookAuth, is_loopback};
pub use relay::RelayConfig;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::redact::Secret;

/// Where values come from: the environment, a `.env` file, a map in a test.
pub trait Source {
    fn get(&self, key: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Source for F {
    fn get(&self, key: &str) -> Option<String> {
        self(key)
    }
}

/// All that is wrong with a configuration. Values are not quoted: they may be secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{key} is not set: {purpose}")]
    Missing { key: &'static str, purpose: &'static str },
    #[error("{key} is not {expected}")]
    Invalid { key: &'static str, expected: &'static str },
    #[error("{0}")]
    Rule(&'static str),
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not usable:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  - {error}"))
    }
}

/// Reads values and gathers faults.
#[derive(Debug)]
pub struct Reader<'a, S: ?Sized> {
    source: &'a S,
    errors: Vec<ConfigError>,
}

impl<'a, S: Source + ?Sized> Reader<'a, S> {
    pub fn new(source: &'a S) -> Self {
        Self { source, errors: Vec::new() }
    }

    /// An empty value counts as absent: that is how templates and `.env` files say "none".
    pub fn text(&self, key: &str) -> Option<String> {
        self.source.get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    pub fn required(&mut self, key: &'static str, purpose: &'static str) -> String {
        self.text(key).unwrap_or_else(|| {
            self.errors.push(ConfigError::Missing { key, purpose });
            String::new()
        })
    }

    /// The value, parsed; `None` if absent, and a fault if it cannot be parsed.
    pub fn parsed<T: FromStr>(&mut self, key: &'static str, expected: &'static str) -> Option<T> {
        let text = self.text(key)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.errors.push(ConfigError::Invalid { key, expected });
        }
        value
    }

    /// The value, parsed and within its range.
    pub fn within<T>(&mut self, key: &'static str, range: RangeInclusive<T>, expected: &'static str) -> Option<T>
    where
        T: FromStr + PartialOrd,
    {
        let value = self.text(key)?.parse().ok().filter(|value| range.contains(value));
        if value.is_none() {
            self.errors.push(ConfigError::Invalid { key, expected });
        }
        value
    }

    pub fn required_secret(&mut self, key: &'static str, purpose: &'static str) -> Secret {
        Secret::new(self.required(key, purpose))
    }

    pub fn required_url(&mut self, key: &'static str, purpose: &'static str) -> url::Url {
        if self.text(key).is_none() {
            self.errors.push(ConfigError::Missing { key, purpose });
        }
        self.parsed(key, "a URL").unwrap_or_else(nowhere)
    }

    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        match self.text(key).as_deref() {
            None => default,
            Some("true" | "1" | "yes" | "on") => true,
            Some("false" | "0" | "no" | "off") => false,
            Some(_) => {
                self.errors.push(ConfigError::Invalid { key, expected: "true or false" });
                default
            }
        }
    }

    pub fn invalid(&mut self, key: &'static str, expected: &'static str) {
        self.errors.push(ConfigError::Invalid { key, expected });
    }

    pub fn rule(&mut self, holds: bool, otherwise: &'static str) {
        if !holds {
            self.errors.push(ConfigError::Rule(otherwise));
        }
    }

    pub fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        if self.errors.is_empty() { Ok(value) } else { Err(ConfigErrors(self.errors)) }
    }
}

/// Stands in for a URL that was missing; `finish` never lets it out.
fn nowhere() -> url::Url {
    #[allow(clippy::unwrap_used, reason = "a constant that a test parses")]
    url::Url::parse("http://invalid.invalid/").unwrap()
}

/// So that a rule does not fault the stand-in as well: one fault, one line.
fn is_nowhere(url: &url::Url) -> bool {
    url.host_str() == Some("invalid.invalid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(key: &str) -> Option<String> {
        match key {
            "EMPTY" => Some("  ".to_owned()),
            "NUMBER" => Some("7".to_owned()),
            "WORD" => Some("hush-hush".to_owned()),
            "OFF" => Some("off".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn what_is_empty_is_absent() {
        let mut reader = Reader::new(&source);
        assert_eq!(reader.text("EMPTY"), None);
        assert!(!reader.flag("OFF", true));
        assert!(reader.flag("EMPTY", true));
        assert!(reader.finish(()).is_ok());
    }

    #[test]
    fn every_fault_is_reported_at_once_and_no_value_is_quoted() {
        let mut reader = Reader::new(&source);
        reader.required("ABSENT", "nothing works without it");
        reader.required_url("WORD", "where to");
        reader.flag("WORD", true);
        assert_eq!(reader.within("NUMBER", 1..=5_u32, "1 to 5"), None);
        reader.rule(false, "this and that exclude each other");
        let errors = reader.finish(()).unwrap_err();
        assert_eq!(errors.0.len(), 5);
        let text = errors.to_string();
        assert!(text.contains("ABSENT is not set: nothing works without it"), "{text}");
        assert!(!text.contains("hush-hush"), "{text}");
    }

    #[test]
    fn the_url_that_stands_in_for_a_missing_one_is_a_url() {
        assert_eq!(nowhere().as_str(), "http://invalid.invalid/");
    }
}
