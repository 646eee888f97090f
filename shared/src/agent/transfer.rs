//! Whom a caller may be put through to.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Agent, KeyAction, millis};
use crate::fault::{Fault, segment};
use crate::redact::Pii;

/// Twilio lets a telephone ring no shorter and no longer.
const RING: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(600);
const DEFAULT_RING: Duration = Duration::from_secs(25);
const LONGEST_NAME: usize = 64;
const LONGEST_SAY: usize = 500;
const LONGEST_ADDRESS: usize = 255;
const MOST_TARGETS: usize = 50;
/// In one conference, besides the caller.
pub const MOST_AT_ONCE: usize = 5;

/// Somebody, or some desk, by the name that the model and the keypad know it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferTarget {
    pub name: String,
    /// A number in E.164, or a SIP URI.
    pub to: Pii<String>,
    #[serde(default)]
    pub kind: TransferKind,
    /// How long the telephone rings there.
    #[schemars(with = "u64")]
    #[serde(default = "default_ring", with = "millis")]
    pub ring: Duration,
    /// What the caller is told before; if nothing, the agent finds its own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub say: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// The caller hears it ring, and the agent is gone unless nobody answers.
    #[default]
    Cold,
    /// The caller hears music while somebody is called, told what it is about, and asked whether they take the call.
    Warm,
}

/// Whom a caller is to be put through to: one name or number, or several. In JSON one is text, and several are a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a name or a number, or a list of them")]
pub enum Whom {
    One(Pii<String>),
    Several(Vec<Pii<String>>),
}

impl Whom {
    fn names(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        };
        names.iter().map(|name| name.reveal().as_str())
    }
}

impl From<&str> for Whom {
    fn from(name: &str) -> Self {
        Self::One(name.into())
    }
}

/// Why a caller cannot be put through there. None of these quotes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    #[error("a number is `+`, the country's code and the rest, 7 to 15 digits in all")]
    MalformedNumber,
    #[error("a SIP address is `sip:`, a name, `@` and a host")]
    MalformedSip,
    #[error("nobody of that name is among the agent's transfer targets")]
    Unknown,
    #[error("this agent puts nobody through to a number that is not among its transfer targets")]
    NotAllowed,
    #[error("several are called at once only where each of them is a `warm` target")]
    NotWarm,
    #[error("at most {MOST_AT_ONCE} are called at once")]
    TooMany,
}

impl TransferTarget {
    /// A number that is nobody's in particular.
    fn anywhere(to: &str) -> Self {
        Self { name: String::new(), to: to.into(), kind: TransferKind::Cold, ring: DEFAULT_RING, say: String::new() }
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.name.trim().is_empty() || self.name.chars().count() > LONGEST_NAME {
            faults.push(Fault::new("/name", format!("a name has 1 to {LONGEST_NAME} characters")));
        }
        if let Err(fault) = check_address(self.to.reveal()) {
            faults.push(Fault::new("/to", format!("a malformed number or address: {fault}")));
        }
        if !RING.contains(&self.ring) {
            faults.push(Fault::new("/ring", "5000 to 600000 milliseconds"));
        }
        if self.say.chars().count() > LONGEST_SAY {
            faults.push(Fault::new("/say", format!("at most {LONGEST_SAY} characters")));
        }
        faults
    }
}

impl Agent {
    /// Whom the model, a key or an operator means. Who is named twice is called once.
    pub fn transfer_to(&self, whom: &Whom) -> Result<Vec<TransferTarget>, NoTarget> {
        let mut targets: Vec<TransferTarget> = Vec::new();
        for name in whom.names() {
            let target = self.transfer_target(name)?;
            if targets.iter().all(|other| other.to != target.to) {
                targets.push(target);
            }
        }
        match targets.len() {
            0 => Err(NoTarget::Unknown),
            1 => Ok(targets),
            _ if targets.iter().any(|target| target.kind == TransferKind::Cold) => Err(NoTarget::NotWarm),
            2..=MOST_AT_ONCE => Ok(targets),
            _ => Err(NoTarget::TooMany),
        }
    }

    /// A target by its name, however it is written, or a number.
    pub fn transfer_target(&self, to: &str) -> Result<TransferTarget, NoTarget> {
        let to = to.trim();
        let of_that_name = |target: &&TransferTarget| target.name.trim().eq_ignore_ascii_case(to);
        let of_that_number = |target: &&TransferTarget| target.to.reveal() == to;
        let mut targets = self.transfer_targets.iter();
        if let Some(target) = targets.clone().find(of_that_name).or_else(|| targets.find(of_that_number)) {
            return Ok(target.clone());
        }
        if !looks_like_an_address(to) {
            return Err(NoTarget::Unknown);
        }
        check_address(to)?;
        if self.transfer_to_any_number { Ok(TransferTarget::anywhere(to)) } else { Err(NoTarget::NotAllowed) }
    }

    /// Everything that is wrong with the targets and with keys that lead to them.
    pub fn transfer_faults(&self) -> Vec<Fault> {
        let targets = &self.transfer_targets;
        let mut faults = Vec::new();
        if targets.len() > MOST_TARGETS {
            faults.push(Fault::new("/transfer_targets", format!("at most {MOST_TARGETS} targets")));
        }
        for (at, target) in targets.iter().enumerate() {
            let pointer = format!("/transfer_targets/{at}");
            faults.extend(target.faults().into_iter().map(|fault| fault.within(&pointer)));
            let same = |other: &TransferTarget| other.name.trim().eq_ignore_ascii_case(target.name.trim());
            if targets.iter().take(at).any(same) {
                faults.push(Fault::new(format!("{pointer}/name"), "another target has this name"));
            }
        }
        for (digits, action) in &self.keypad.actions {
            if let KeyAction::Transfer { to } = action
                && let Err(fault) = self.transfer_to(to)
            {
                let pointer = format!("/keypad/actions/{}", segment(digits));
                faults.push(Fault::new(pointer, format!("leads nowhere: {fault}")));
            }
        }
        faults
    }
}

fn looks_like_an_address(to: &str) -> bool {
    let digits = to.chars().filter(char::is_ascii_digit).count();
    to.starts_with('+') || to.to_ascii_lowercase().starts_with("sip") && to.contains(':') || digits >= 3
}

/// E.164 or a SIP URI.
fn check_address(to: &str) -> Result<(), NoTarget> {
    if let Some(digits) = to.strip_prefix('+') {
        let fine = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        return if fine { Ok(()) } else { Err(NoTarget::MalformedNumber) };
    }
    let Some(address) = to.strip_prefix("sip:").or_else(|| to.strip_prefix("sips:")) else {
        return Err(NoTarget::MalformedNumber);
    };
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"@".contains(&byte));
    match address.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && to.len() <= LONGEST_ADDRESS => {
            if is_plain(name) && is_plain(host) { Ok(()) } else { Err(NoTarget::MalformedSip) }
        }
        Some(_) | None => Err(NoTarget::MalformedSip),
    }
}

fn default_ring() -> Duration {
    DEFAULT_RING
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Keypad;

    fn agent(json: &str) -> Agent {
        serde_json::from_str(json).unwrap()
    }

    const DESKS: &str = r#"{"transfer_targets":[
        {"name":"reception","to":"+15005550010"},
        {"name":"Doctor","to":"sip:doctor@example.com","kind":"warm","ring":40000,"say":"I am fetching the doctor."}]}"#;

    #[test]
    fn somebody_is_found_by_name_or_number() {
        let agent = agent(DESKS);
        assert_eq!(agent.transfer_target(" DOCTOR ").unwrap().kind, TransferKind::Warm);
        assert_eq!(agent.transfer_target("+15005550010").unwrap().name, "reception");
        assert_eq!(agent.transfer_target("the mayor"), Err(NoTarget::Unknown));
        assert_eq!(agent.transfer_target(""), Err(NoTarget::Unknown));
        assert_eq!(agent.transfer_faults(), []);
    }

    #[test]
    fn several_are_called_at_once_if_each_is_asked_first() {
        let mut agent = agent(DESKS);
        let nurse = |number| TransferTarget {
            name: format!("nurse {number}"),
            to: format!("+1500555002{number}").into(),
            kind: TransferKind::Warm,
            ..TransferTarget::anywhere("")
        };
        agent.transfer_targets.extend((0..5).map(nurse));
        let to = |json: &str| {
            let whom: Whom = serde_json::from_str(json).unwrap();
            agent.transfer_to(&whom).map(|targets| targets.into_iter().map(|target| target.name).collect::<Vec<_>>())
        };
        assert_eq!(to(r#""reception""#).unwrap(), ["reception"]);
        assert_eq!(to(r#"["reception"]"#).unwrap(), ["reception"]);
        assert_eq!(to(r#"["nurse 1","Doctor","NURSE 1"]"#).unwrap(), ["nurse 1", "Doctor"]);
        assert_eq!(to(r#"["doctor","reception"]"#), Err(NoTarget::NotWarm));
        assert_eq!(to(r#"["doctor","the mayor"]"#), Err(NoTarget::Unknown));
        assert_eq!(to("[]"), Err(NoTarget::Unknown));
        let six = r#"["doctor","nurse 0","nurse 1","nurse 2","nurse 3","nurse 4"]"#;
        assert_eq!(to(six), Err(NoTarget::TooMany));
    }

    #[test]
    fn a_number_of_nobodys_is_dialled_only_if_that_is_allowed() {
        let closed = agent(DESKS);
        let open = Agent { transfer_to_any_number: true, ..closed.clone() };
        assert_eq!(closed.transfer_target("+4930123456"), Err(NoTarget::NotAllowed));
        assert_eq!(open.transfer_target("+4930123456").unwrap().to.reveal(), "+4930123456");
        for malformed in ["030 123456", "+49 30 123456", "+0301234567", "+123", "+1234567890123456", "911"] {
            assert_eq!(open.transfer_target(malformed), Err(NoTarget::MalformedNumber), "{malformed}");
        }
        for malformed in ["sip:@example.com", "sip:doctor", "sip:a b@example.com", "sips:a@", "sip:a@b@c"] {
            assert_eq!(open.transfer_target(malformed), Err(NoTarget::MalformedSip), "{malformed}");
        }
    }

    #[test]
    fn every_fault_is_named_and_no_number_is_quoted() {
        let long = "x".repeat(501);
        let mut agent = agent(&format!(
            r#"{{"transfer_targets":[{{"name":"a","to":"+15","ring":1}},{{"name":"A ","to":"sip:x"}},
            {{"name":" ","to":"+15005550010","say":"{long}"}}]}}"#
        ));
        let nobody = KeyAction::Transfer { to: "nobody".into() };
        agent.keypad = Keypad { actions: [("0".to_owned(), nobody)].into(), ..Keypad::default() };
        let faults = agent.transfer_faults();
        let places: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        let expected = "/transfer_targets/0/to /transfer_targets/0/ring /transfer_targets/1/to /transfer_targets/1/name \
                        /transfer_targets/2/name /transfer_targets/2/say /keypad/actions/0";
        assert_eq!(places.join(" "), expected);
        let faults = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
        for part in ["0/to: a malformed number", "1/to: a malformed number or address: a SIP", "0: leads nowhere"] {
            assert!(faults.contains(part), "{part}: {faults}");
        }
        assert!(!faults.contains("+15"), "{faults}");
    }

    #[test]
    fn a_target_with_a_field_that_nobody_knows_is_none() {
        for json in [
            r#"{"transfer_targets":[{"name":"a"}]}"#,
            r#"{"transfer_targets":[{"name":"a","to":"+15005550010","kind":"lukewarm"}]}"#,
            r#"{"transfer_targets":[{"name":"a","to":"+15005550010","wait":1}]}"#,
        ] {
            assert!(serde_json::from_str::<Agent>(json).is_err(), "{json}");
        }
    }
}
