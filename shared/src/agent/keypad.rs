//! What the keys of the caller's telephone do. What is dialled is looked up here first, outside the model, so that a key
//! does the same each time; what is not found is told to the model.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Agent, Whom, millis};
use crate::fault::{Fault, segment};

/// All that a telephone can send.
const KEYS: &str = "0123456789*#ABCD";
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(200);
/// Of digits in a string.
const MOST_DIGITS: u32 = 64;
const MOST_ACTIONS: usize = 100;
const LONGEST_INSTRUCTIONS: usize = 2_000;

/// How digits become strings, and what some of these do. The first three are named as in Twilio's `<Gather>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keypad {
    /// Digits belong together if no more than this lies between one and the next.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// Ends a string at once, and is no part of it.
    pub finish_on_key: Option<char>,
    /// A string of so many ends by itself.
    pub num_digits: u32,
    /// What is found in `actions` acts as soon as it is dialled, unless a longer entry begins with it. Otherwise it waits for
    /// the string's end, so that a number which begins like an entry can be dialled.
    pub at_once: bool,
    pub actions: BTreeMap<String, KeyAction>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyAction {
    /// The agent says goodbye, and the call ends.
    HangUp {},
    /// Music until the caller speaks or presses a key.
    Hold {},
    /// The caller is put through to one of the agent's transfer targets, by its name, or to several at once.
    Transfer { to: Whom },
    /// The agent says its last words again.
    Repeat {},
    /// The agent is told what to say.
    Say { instructions: String },
}

impl KeyAction {
    /// As it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HangUp {} => "hang_up",
            Self::Hold {} => "hold",
            Self::Transfer { .. } => "transfer",
            Self::Repeat {} => "repeat",
            Self::Say { .. } => "say",
        }
    }

    /// Why nothing comes of it. An agent that was checked has no such key; a call may have one that never was.
    pub fn dead_end(&self, agent: &Agent) -> Option<String> {
        match self {
            Self::Transfer { to } => agent.transfer_to(to).err().map(|fault| fault.to_string()),
            Self::Say { instructions } if instructions.trim().is_empty() => Some("has nothing to say".to_owned()),
            Self::Say { .. } | Self::HangUp {} | Self::Hold {} | Self::Repeat {} => None,
        }
    }
}

impl Default for Keypad {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            finish_on_key: Some('#'),
            num_digits: 20,
            at_once: false,
            actions: BTreeMap::new(),
        }
    }
}

impl Keypad {
    /// Whether more digits would make this string the beginning of a longer entry.
    pub fn is_beginning(&self, digits: &str) -> bool {
        let longer = |entry: &String| entry.len() > digits.len() && entry.starts_with(digits);
        self.actions.keys().any(longer)
    }

    /// Everything that is wrong with it.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&self.timeout) {
            faults.push(Fault::new("/timeout", "must be from 200 to 30000 milliseconds"));
        }
        if self.finish_on_key.is_some_and(|key| !KEYS.contains(key)) {
            faults.push(Fault::new("/finish_on_key", format!("must be one of {KEYS}")));
        }
        if !(1..=MOST_DIGITS).contains(&self.num_digits) {
            faults.push(Fault::new("/num_digits", format!("must be from 1 to {MOST_DIGITS}")));
        }
        if self.actions.len() > MOST_ACTIONS {
            faults.push(Fault::new("/actions", format!("has more than {MOST_ACTIONS} entries")));
        }
        faults.extend(self.actions.iter().filter_map(|(digits, action)| self.fault(digits, action)));
        faults
    }

    fn fault(&self, digits: &str, action: &KeyAction) -> Option<Fault> {
        let fault = if digits.is_empty() || !digits.chars().all(|digit| KEYS.contains(digit)) {
            format!("cannot be dialled; keys are {KEYS}")
        } else if digits.len() > 1 && self.finish_on_key.is_some_and(|key| digits.contains(key)) {
            "contains the key that ends a string, so it is never reached".to_owned()
        } else if digits.len() > self.num_digits as usize {
            "is longer than `num_digits`, so it is never reached".to_owned()
        } else {
            match action {
                KeyAction::Say { instructions } if instructions.trim().is_empty() => "has nothing to say".to_owned(),
                KeyAction::Say { instructions } if instructions.len() > LONGEST_INSTRUCTIONS => {
                    format!("has instructions of more than {LONGEST_INSTRUCTIONS} bytes")
                }
                // Whether it leads anywhere is known to the agent.
                KeyAction::Transfer { .. }
                | KeyAction::Say { .. }
                | KeyAction::HangUp {}
                | KeyAction::Hold {}
                | KeyAction::Repeat {} => return None,
            }
        };
        Some(Fault::new(format!("/actions/{}", segment(digits)), fault))
    }
}

pub(super) fn is_default(keypad: &Keypad) -> bool {
    *keypad == Keypad::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keypad(json: &str) -> Result<Keypad, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_keypad_is_read_from_what_people_write() {
        let keypad = keypad(
            r#"{"timeout":1500,"actions":{"0":{"do":"hold"},"9":{"do":"repeat"},"*1":{"do":"hang_up"},
            "22":{"do":"say","instructions":"Tell the opening hours."}}}"#,
        )
        .unwrap();
        assert_eq!(keypad.faults(), []);
        assert_eq!((keypad.timeout, keypad.finish_on_key), (Duration::from_millis(1_500), Some('#')));
        assert_eq!(keypad.actions["9"].name(), "repeat");
        assert!(keypad.is_beginning("2") && !keypad.is_beginning("22") && !keypad.is_beginning("0"));
    }

    #[test]
    fn a_map_to_nowhere_is_no_keypad() {
        for json in [
            r#"{"actions":{"0":{"do":"order_pizza"}}}"#,
            r#"{"actions":{"0":{"do":"hold","for":3}}}"#,
            r#"{"actions":{"0":"hold"}}"#,
            r#"{"action":{}}"#,
        ] {
            assert!(keypad(json).is_err(), "{json}");
        }
    }

    #[test]
    fn every_fault_is_named() {
        let keypad = keypad(
            r##"{"timeout":1,"finish_on_key":"#","num_digits":3,"actions":{"":{"do":"hold"},"x":{"do":"hold"},
            "1#":{"do":"hold"},"1234":{"do":"hold"},"5":{"do":"say","instructions":" "},"6":{"do":"hang_up"}}}"##,
        )
        .unwrap();
        let faults = keypad.faults().iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(faults.lines().count(), 6, "{faults}");
        for part in [
            "/timeout: must",
            "/actions/: cannot",
            "/x: cannot",
            "/1#: contains",
            "/1234: is longer",
            "/5: has nothing",
        ] {
            assert!(faults.contains(part), "{part}: {faults}");
        }
        let other = Keypad { finish_on_key: Some('x'), num_digits: 0, ..Keypad::default() };
        assert_eq!(other.faults().len(), 2);
    }

    #[test]
    fn the_key_that_ends_a_string_may_be_an_entry_alone() {
        assert_eq!(keypad(r##"{"actions":{"#":{"do":"repeat"}}}"##).unwrap().faults(), []);
    }
}
