//! Whether calls can come: what was looked at, what is wrong with it, and how to mend it. What was seen is an argument.

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use crate::agent::Agent;
use crate::calls::Relay;
use crate::config::is_loopback;
use crate::hold_music::{HoldMusic, MusicFile};
use crate::model::Availability;
use crate::ports::PortError;
use crate::twilio::setup::{Setup, Weight};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CheckState")]
pub enum State {
    Ok,
    /// Calls come, but not as they might.
    Warn,
    /// Without it no call comes, or none is answered.
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckedItem {
    PublicUrl,
    Twilio,
    Numbers,
    Model,
    Relays,
    HoldMusic,
    Recordings,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    pub item: CheckedItem,
    pub state: State,
    /// What was found.
    pub what: String,
    /// What to do about it; none where nothing is to be done.
    pub mend: Option<String>,
}

/// Everything that was looked at, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checks {
    /// Unix milliseconds: then. It is not looked again at each question.
    pub at_ms: u64,
    /// The worst of all.
    pub state: State,
    pub checks: Vec<Check>,
}

impl Checks {
    pub fn new(at_ms: u64, checks: Vec<Check>) -> Self {
        let state = checks.iter().map(|check| check.state).max().unwrap_or(State::Ok);
        Self { at_ms, state, checks }
    }
}

impl Check {
    fn ok(item: CheckedItem, what: impl Into<String>) -> Self {
        Self { item, state: State::Ok, what: what.into(), mend: None }
    }

    fn warn(item: CheckedItem, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { item, state: State::Warn, what: what.into(), mend: Some(mend.into()) }
    }

    fn fail(item: CheckedItem, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { item, state: State::Fail, what: what.into(), mend: Some(mend.into()) }
    }
}

/// What came of asking for `/health` at our public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// It is us.
    Us,
    /// Somebody else, or one of ours that is broken.
    Another(u16),
    NoAnswer(&'static str),
}

/// Whether Twilio can find us. Nobody is asked at an address that Twilio cannot reach in any case.
pub fn is_worth_reaching(public_url: &Url) -> bool {
    public_url.scheme() == "https" && !is_loopback(public_url)
}

/// `reached` is `None` where it was not worth asking.
pub fn public_url(url: &Url, reached: Option<Reached>) -> Check {
    let item = CheckedItem::PublicUrl;
    match reached {
        _ if is_loopback(url) => Check::warn(
            item,
            "Twilio cannot reach this machine",
            "put a tunnel in front of it, set PUBLIC_URL to the tunnel's address, and start again; simulated calls need none of that",
        ),
        _ if url.scheme() != "https" => Check::fail(
            item,
            "it is no https address, and streams need TLS",
            "set PUBLIC_URL to one that begins with https",
        ),
        None | Some(Reached::Us) => Check::ok(item, "it is we who answer there"),
        Some(Reached::Another(status)) => Check::fail(
            item,
            format!("what answers there (HTTP {status}) is not this bridge, or it is broken"),
            "see that the tunnel, or the domain, leads here, and that PUBLIC_URL is its address",
        ),
        Some(Reached::NoAnswer(how)) => Check::fail(
            item,
            format!("seen from here, it {how}"),
            "see that the tunnel is open, or that the domain's records and its certificate are there",
        ),
    }
}

/// The account, and then its numbers.
pub fn twilio(setup: &Result<Setup, PortError>) -> Vec<Check> {
    let setup = match setup {
        Ok(setup) => setup,
        Err(_) => {
            let mend = "look at https://status.twilio.com, and whether TWILIO_API_URL is set; then look again";
            return vec![Check::fail(CheckedItem::Twilio, "Twilio does not answer as it should", mend)];
        }
    };
    let mut checks = Vec::new();
    let of = |numbers: bool| setup.problems.iter().filter(move |problem| problem.of_numbers == numbers);
    if setup.account.is_some() && of(false).count() == 0 {
        checks.push(Check::ok(CheckedItem::Twilio, "the account lets us in"));
    }
    checks.extend(of(false).map(|problem| told(CheckedItem::Twilio, problem)));
    let here = setup.numbers.iter().filter(|number| number.points_here).count();
    if setup.account.is_some() && of(true).count() == 0 {
        checks.push(Check::ok(CheckedItem::Numbers, format!("{here} of {} point here", setup.numbers.len())));
    }
    checks.extend(of(true).map(|problem| told(CheckedItem::Numbers, problem)));
    checks
}

fn told(item: CheckedItem, problem: &crate::twilio::setup::Problem) -> Check {
    let tell = match problem.weight {
        Weight::Grave => Check::fail,
        Weight::Light => Check::warn,
    };
    tell(item, problem.what.clone(), problem.mend.clone())
}

/// Which agents want it, and whether it can be had.
pub fn model(name: &str, agents: &[String], availability: &Availability) -> Check {
    let item = CheckedItem::Model;
    let key = "give OPENAI_API_KEY another value, and start or deploy again";
    let who = agents.join(", ");
    let fail = |what: String, mend: &str| Check::fail(item, what, mend);
    match availability {
        Availability::There { until: None } => Check::ok(item, format!("{name} is there for this key ({who})")),
        Availability::There { until: Some(day) } => Check::warn(
            item,
            format!("{name} ends on {day} ({who})"),
            "let these agents have its successor before, on the page Agents",
        ),
        Availability::NoKey => fail("no key of the model's vendor is configured".to_owned(), "set OPENAI_API_KEY"),
        Availability::KeyInvalid => fail("the vendor does not know the key".to_owned(), key),
        Availability::KeyMayNot => fail(
            format!("the key may not ask for {name} ({who})"),
            "a restricted key must be allowed to list models and to use Realtime; change that, or give OPENAI_API_KEY another value",
        ),
        Availability::Missing => fail(
            format!("there is no {name} for this key ({who})"),
            "correct the model's name on the page Agents (REALTIME_MODEL where no agent is set up), or let the key's project use it",
        ),
        Availability::Limited => fail(
            "the vendor's account is at its limit".to_owned(),
            "look at its credit and its limits: https://platform.openai.com/settings/organization/billing",
        ),
        Availability::CannotTell => Check::warn(
            item,
            format!("what stands in for the vendor does not say whether it has {name} ({who})"),
            "make a call: its timeline says whether the model could be had",
        ),
        Availability::Trouble(status) => fail(
            format!("the vendor is in trouble (HTTP {status})"),
            "look at https://status.openai.com; then look again",
        ),
        Availability::NoAnswer(how) => fail(
            format!("the vendor {how}"),
            "see whether this place has a way to it (OPENAI_REALTIME_URL says where it is); then look again",
        ),
    }
}

pub fn relays(relays: &[Relay], public_url: &Url, now_ms: u64) -> Check {
    let item = CheckedItem::Relays;
    let alive = relays.iter().filter(|relay| relay.alive(now_ms)).count();
    let room = Relay::with_room(relays, now_ms);
    match alive {
        0 => Check::fail(
            item,
            "no relay has reported",
            "see in the relays' log why none starts, and that at least one is wanted (RelayCount)",
        ),
        _ if room == 0 => Check::fail(
            item,
            "no relay has room for another call: callers wait in line",
            "wait until calls end, or let there be more or larger relays (RelayMaxCount, RelayCpu)",
        ),
        1 if !is_loopback(public_url) => Check::warn(
            item,
            "one relay takes calls, and nobody would go on with them should it fail at once",
            "let there be two (RelayCount)",
        ),
        1 => Check::ok(item, "one relay takes calls"),
        alive => Check::ok(item, format!("{room} of {alive} relays take calls")),
    }
}

/// Whether what agents play while somebody waits is there.
pub fn hold_music(agents: &[Agent], files: &Result<Vec<MusicFile>, PortError>) -> Vec<Check> {
    let item = CheckedItem::HoldMusic;
    let Ok(files) = files else {
        let mend = "see in the api's log why: its rights, or the bucket's name";
        return vec![Check::warn(item, "the pieces cannot be listed; agents play the built-in one", mend)];
    };
    let lost = agents
        .iter()
        .filter(|agent| matches!(&agent.hold_music, HoldMusic::File(id) if !files.iter().any(|file| file.id == *id)));
    let lost: Vec<Check> = lost
        .map(|agent| {
            let what = format!("the piece that {} plays was deleted: the built-in one plays", agent.name);
            Check::warn(item, what, "choose another for this agent, on the page Agents")
        })
        .collect();
    if !lost.is_empty() {
        return lost;
    }
    let own = match files.len() {
        0 => String::new(),
        1 => ", and one of your own".to_owned(),
        count => format!(", and {count} of your own"),
    };
    vec![Check::ok(item, format!("the built-in piece{own}"))]
}

/// It is one bucket that keeps both.
pub fn recordings(files: &Result<Vec<MusicFile>, PortError>) -> Check {
    let item = CheckedItem::Recordings;
    match files {
        Ok(_) => Check::ok(item, "their bucket answers"),
        Err(_) => Check::fail(
            item,
            "their bucket does not answer: relays keep recordings for as long as their disks last",
            "see in the api's log why: its rights, or the bucket's name (RECORDINGS_BUCKET)",
        ),
    }
}

#[cfg(test)]
mod tests;
