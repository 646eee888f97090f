//! The demo's speech and scripts, carried inside the binary so that it runs from anywhere.
//!
//! `local/assets/make-speech.sh` makes the sound files: raw µ-law, 8 kHz, mono.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

/// What the scripted model says in the demo.
pub const PHARMACY_MODEL: &str = include_str!("../assets/scripts/pharmacy.model");
/// What the simulated caller does in the demo.
pub const PHARMACY_CALLER: &str = include_str!("../assets/scripts/pharmacy.caller");
/// What both do while a tool takes its time.
pub const HOLD_MUSIC_MODEL: &str = include_str!("../assets/scripts/hold-music.model");
pub const HOLD_MUSIC_CALLER: &str = include_str!("../assets/scripts/hold-music.caller");
/// What the scripted model says in the demo of keys.
pub const KEYS_MODEL: &str = include_str!("../assets/scripts/keys.model");
/// What the simulated caller does in it.
pub const KEYS_CALLER: &str = include_str!("../assets/scripts/keys.caller");
/// What the scripted model says in the demo of transfers.
pub const TRANSFER_MODEL: &str = include_str!("../assets/scripts/transfer.model");
/// What the simulated caller does in it.
pub const TRANSFER_CALLER: &str = include_str!("../assets/scripts/transfer.caller");
/// What the scripted model says in the demo of conferences.
pub const CONFERENCE_MODEL: &str = include_str!("../assets/scripts/conference.model");
/// What the simulated caller does in it.
pub const CONFERENCE_CALLER: &str = include_str!("../assets/scripts/conference.caller");
/// What the scripted model says under chaos.
pub const CHAOS_MODEL: &str = include_str!("../assets/scripts/chaos.model");

macro_rules! speech {
    ($($name:literal),* $(,)?) => {
        const SPEECH: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("../assets/speech/", $name, ".ulaw")))),*];
    };
}

speech![
    "agent-connect",
    "agent-doctor",
    "agent-declined",
    "agent-goodbye",
    "agent-greeting",
    "agent-lookup",
    "agent-menu",
    "agent-moment",
    "agent-number",
    "agent-ready",
    "agent-reception",
    "agent-sorry",
    "agent-stock",
    "agent-weather",
    "caller-back",
    "caller-doctor",
    "caller-goodbye",
    "caller-menu",
    "caller-prescription",
    "caller-reception",
    "caller-weather",
];

/// Finds the sound a script names: `NAME.ulaw` beside the script, or one that we carry.
#[derive(Debug, Clone, Default)]
pub struct Sounds {
    beside: Option<Arc<Path>>,
}

impl Sounds {
    /// Looks in this folder first.
    pub fn beside(folder: &Path) -> Self {
        Self { beside: Some(Arc::from(folder)) }
    }

    /// The sound, as raw µ-law.
    pub fn find(&self, name: &str) -> Option<Bytes> {
        let file = self.beside.as_ref().map(|folder| folder.join(name).with_extension("ulaw"));
        let found = file.and_then(|path| std::fs::read(path).ok()).map(Bytes::from);
        found.or_else(|| {
            let (_, sound) = SPEECH.iter().find(|(known, _)| *known == name)?;
            Some(Bytes::from_static(sound))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_demo_has_its_sound() {
        let scripts = [PHARMACY_MODEL, PHARMACY_CALLER, HOLD_MUSIC_MODEL, HOLD_MUSIC_CALLER, KEYS_MODEL, KEYS_CALLER];
        let scripts =
            [&scripts.concat(), TRANSFER_MODEL, TRANSFER_CALLER, CONFERENCE_MODEL, CONFERENCE_CALLER].concat();
        let lines: Vec<&str> = scripts.lines().filter_map(|line| line.trim().strip_prefix("say ")).collect();
        assert!(lines.len() >= 10);
        for line in lines {
            let name = line.split_whitespace().next().unwrap();
            assert!(Sounds::default().find(name).is_some_and(|sound| sound.len() > 8_000), "{name}");
        }
    }
}
