//! What is shown: a conversation, what it needs around it, and what must be true of it afterwards.

use std::error::Error;

use crate::assets::{HOLD_MUSIC_CALLER, HOLD_MUSIC_MODEL};
use crate::call::timeline;
use crate::cloud::{Cloud, Options};
use crate::model::Script;

use super::verdict::{self, Evidence, Verdict};
use super::{hold_music, slow_weather};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Scenario {
    /// A prescription, the menu, and a caller who cuts in
    Pharmacy,
    /// A tool that takes its time, and a piece of music that was uploaded
    HoldMusic,
}

impl Scenario {
    #[allow(clippy::expect_used, reason = "a constant that a test parses")]
    pub(super) fn model(self) -> Script {
        match self {
            Self::Pharmacy => Script::pharmacy(),
            Self::HoldMusic => HOLD_MUSIC_MODEL.parse().expect("the scenario's script"),
        }
    }

    #[allow(clippy::expect_used, reason = "a constant that a test parses")]
    pub(super) fn caller(self) -> timeline::Script {
        match self {
            Self::Pharmacy => timeline::Script::pharmacy(),
            Self::HoldMusic => HOLD_MUSIC_CALLER.parse().expect("the scenario's script"),
        }
    }

    /// Before the cloud starts.
    pub(super) async fn prepare(self, options: &mut Options) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self == Self::HoldMusic {
            let weather = slow_weather::start().await?;
            options.env.insert("OPEN_METEO_URL".to_owned(), weather.to_string());
            options.env.insert("OPEN_METEO_GEOCODING_URL".to_owned(), weather.to_string());
            options.env.insert("AGENT_HOLD_MUSIC".to_owned(), hold_music::id()?.to_string());
        }
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
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_scenario_has_two_scripts_that_read() {
        for scenario in Scenario::value_variants() {
            assert!(!scenario.model().turns.is_empty());
            let _caller = scenario.caller();
        }
    }
}
