//! Another agent in the middle of a call.

use super::Agent;

impl Agent {
    /// This agent as it is from now on in a call that `running` has begun: whoever speaks, and by which model, cannot be
    /// changed once they have spoken, nor what is kept once the caller has been told.
    #[must_use]
    pub fn in_place_of(self, running: &Self) -> Self {
        let (model, voice, recording) = (running.model.clone(), running.voice.clone(), running.recording.clone());
        Self { backend: running.backend, model, voice, recording, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Recording;

    #[test]
    fn the_voice_and_what_is_kept_stay_and_all_else_is_new() {
        let new = Agent {
            version: 2,
            model: "gpt-realtime-9".to_owned(),
            voice: "cedar".to_owned(),
            speed: 1.2,
            instructions: "Be brief.".to_owned(),
            recording: Recording { enabled: false, ..Recording::default() },
            ..Agent::default()
        };
        let placed = new.clone().in_place_of(&Agent::default());
        let Agent { model, voice, recording, .. } = Agent::default();
        assert_eq!(placed, Agent { model, voice, recording, ..new });
    }
}
