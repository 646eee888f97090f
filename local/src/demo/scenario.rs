//! What a demo can show: its two scripts, how the agent is set up for it, and what must have come of it.

use std::collections::BTreeMap;

use super::verdict::{self, Evidence, Verdict};
use crate::assets::{KEYS_CALLER, KEYS_MODEL};
use crate::call::timeline;
use crate::lines::ScriptError;
use crate::model;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Scenario {
    /// Greeting, tool calls and barge-in
    #[default]
    Pharmacy,
    /// Keys, the caller's and the agent's, and hold music
    Dtmf,
}

impl Scenario {
    pub(super) fn model(self) -> Result<model::Script, ScriptError> {
        match self {
            Self::Pharmacy => Ok(model::Script::pharmacy()),
            Self::Dtmf => KEYS_MODEL.parse(),
        }
    }

    pub(super) fn caller(self) -> Result<timeline::Script, ScriptError> {
        match self {
            Self::Pharmacy => Ok(timeline::Script::pharmacy()),
            Self::Dtmf => KEYS_CALLER.parse(),
        }
    }

    /// The agent, as the environment describes it.
    pub(super) fn env(self) -> BTreeMap<String, String> {
        let pairs: &[(&str, &str)] = match self {
            Self::Pharmacy => &[],
            Self::Dtmf => &[
                ("AGENT_TOOLS", "send_dtmf,hold,hang_up"),
                ("AGENT_KEYPAD", r#"{"timeout":1000,"actions":{"9":{"do":"repeat"},"0":{"do":"hold"}}}"#),
            ],
        };
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(super) fn judge(self, evidence: &Evidence) -> Verdict {
        match self {
            Self::Pharmacy => verdict::judge(evidence),
            Self::Dtmf => verdict::judge_keys(evidence),
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
