//! Another agent in the middle of a call.

use super::Agent;

impl Agent {
    /// This agent as it is from now on in a call that `running` has begun: whoever speaks, and by which model, cannot be
    /// changed once they have spoken.
    #[must_use]
    pub fn in_place_of(self, running: &Self) -> Self {
        Self { backend: running.backend, model: running.model.clone(), voice: running.voice.clone(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voice_stays_and_all_else_is_new() {
        let new = Agent {
            version: 2,
            model: "gpt-realtime-9".to_owned(),
            voice: "cedar".to_owned(),
            speed: 1.2,
            instructions: "Be brief.".to_owned(),
            ..Agent::default()
        };
        let placed = new.clone().in_place_of(&Agent::default());
        let Agent { model, voice, .. } = Agent::default();
        assert_eq!(placed, Agent { model, voice, ..new });
    }
}
