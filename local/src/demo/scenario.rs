//! What a demo can show: its two scripts, how the agent is set up for it, what it needs around it, and what must have come of
//! it.

use std::collections::BTreeMap;
use std::error::Error;

use shared::redact::Secret;

use super::verdict::{self, Evidence, Verdict};
use super::{conference, hold_music, slow_weather, transfer};
use crate::assets::{
    CONFERENCE_CALLER, CONFERENCE_MODEL, HOLD_MUSIC_CALLER, HOLD_MUSIC_MODEL, KEYS_CALLER, KEYS_MODEL, TRANSFER_CALLER,
    TRANSFER_MODEL,
};
use crate::call::exchange::Exchange;
use crate::call::timeline;
use crate::cloud::{Cloud, LOCAL_AUTH_TOKEN, Options};
use crate::lines::ScriptError;
use crate::model;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Scenario {
    /// Greeting, tool calls and barge-in
    #[default]
    Pharmacy,
    /// A tool that takes its time, and a piece of music that was uploaded
    HoldMusic,
    /// Keys, the caller's and the agent's, and hold
    Dtmf,
    /// A person who declines, and a desk that answers
    Transfer,
    /// Two people who are asked, and both take the call
    Conference,
}

impl Scenario {
    pub(super) fn model(self) -> Result<model::Script, ScriptError> {
        match self {
            Self::Pharmacy => Ok(model::Script::pharmacy()),
            Self::HoldMusic => HOLD_MUSIC_MODEL.parse(),
            Self::Dtmf => KEYS_MODEL.parse(),
            Self::Transfer => TRANSFER_MODEL.parse(),
            Self::Conference => CONFERENCE_MODEL.parse(),
        }
    }

    pub(super) fn caller(self) -> Result<timeline::Script, ScriptError> {
        match self {
            Self::Pharmacy => Ok(timeline::Script::pharmacy()),
            Self::HoldMusic => HOLD_MUSIC_CALLER.parse(),
            Self::Dtmf => KEYS_CALLER.parse(),
            Self::Transfer => TRANSFER_CALLER.parse(),
            Self::Conference => CONFERENCE_CALLER.parse(),
        }
    }

    /// The agent, as the environment describes it.
    pub(super) fn env(self) -> BTreeMap<String, String> {
        let pairs: &[(&str, &str)] = match self {
            Self::Pharmacy | Self::HoldMusic => &[],
            Self::Dtmf => &[
                ("AGENT_TOOLS", "send_dtmf,hold,hang_up"),
                ("AGENT_KEYPAD", r#"{"timeout":1000,"actions":{"9":{"do":"repeat"},"0":{"do":"hold"}}}"#),
            ],
            Self::Transfer => &[("AGENT_TOOLS", "transfer,hang_up"), ("AGENT_TRANSFER_TARGETS", transfer::TARGETS)],
            Self::Conference => &[("AGENT_TOOLS", "transfer"), ("AGENT_TRANSFER_TARGETS", conference::TARGETS)],
        };
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Before the cloud starts.
    pub(super) async fn prepare(self, options: &mut Options) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self == Self::HoldMusic {
            let weather = slow_weather::start().await?;
            options.env.insert("OPEN_METEO_URL".to_owned(), weather.to_string());
            options.env.insert("OPEN_METEO_GEOCODING_URL".to_owned(), weather.to_string());
            options.env.insert("AGENT_HOLD_MUSIC".to_owned(), hold_music::id()?.to_string());
        }
        let parties = match self {
            Self::Pharmacy | Self::HoldMusic | Self::Dtmf => return Ok(()),
            Self::Transfer => transfer::parties(),
            Self::Conference => conference::parties(),
        };
        options.exchange = Some(Exchange::new(Secret::new(LOCAL_AUTH_TOKEN), parties));
        Ok(())
    }

    /// Before the call.
    pub(super) async fn furnish(self, cloud: &Cloud) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self == Self::HoldMusic {
            hold_music::upload(cloud.origin()).await?;
        }
        Ok(())
    }

    pub(super) fn judge(self, evidence: &Evidence) -> Verdict {
        match self {
            Self::Pharmacy => verdict::judge(evidence),
            Self::HoldMusic => hold_music::judge(evidence),
            Self::Dtmf => verdict::judge_keys(evidence),
            Self::Transfer => transfer::judge(evidence),
            Self::Conference => conference::judge(evidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn the_scripts_of_every_scenario_are_understood() {
        for scenario in Scenario::value_variants() {
            assert!(scenario.model().is_ok_and(|script| !script.greeting.is_empty()), "{scenario:?}");
            assert!(scenario.caller().is_ok_and(|script| script != timeline::Script::default()), "{scenario:?}");
        }
    }
}
