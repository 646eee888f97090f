//! The agents that come with the project: each can take calls, says what it is meant to, and comes back as it was read.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its files")]

use std::path::PathBuf;

use shared::agent::words::Facts;
use shared::agent::{Agent, document};
use shared::tools::address::Guard;

fn examples() -> Vec<(String, Agent)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/agents");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let agent =
            document::read(document::of_yaml(&std::fs::read_to_string(file).unwrap()).unwrap(), &Guard::default());
        (name.clone(), agent.unwrap_or_else(|faults| panic!("{name}: {faults:#?}")))
    };
    files.iter().map(read).collect()
}

#[test]
fn there_are_three_and_each_goes_by_the_name_of_its_file() {
    let examples = examples();
    let names: Vec<&str> = examples.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["after-hours", "pharmacy", "restaurant"]);
    for (name, agent) in &examples {
        assert_eq!(agent.id.as_str(), name);
    }
}

#[test]
fn each_comes_back_from_yaml_and_json_as_it_was_read() {
    for (name, agent) in examples() {
        let yaml = document::to_yaml(&agent).unwrap();
        assert_eq!(
            document::read(document::of_yaml(&yaml).unwrap(), &Guard::default()).as_ref(),
            Ok(&agent),
            "{name}:\n{yaml}"
        );
        let json = serde_json::to_string(&agent).unwrap();
        assert_eq!(document::read(document::of_json(&json).unwrap(), &Guard::default()), Ok(agent), "{name}");
    }
}

/// Words that nobody filled in would be read out.
#[test]
fn nothing_is_left_to_fill_in() {
    let facts = Facts { call: "CA1".into(), from: "+15551234567".into(), to: "+15557654321".into(), began_at_ms: 0 };
    // Sunday the 22nd of November 2026, in the middle of the night.
    let night = 1_795_316_400_000;
    for (name, agent) in examples() {
        assert!(!agent.brief(&facts, night).reveal().contains("{{"), "{name}");
        let closed = agent.closed(&facts, night);
        assert_eq!(closed.is_some(), agent.hours.is_some(), "{name} is open on Sunday night");
        assert!(closed.is_none_or(|words| !words.reveal().contains("{{")), "{name}");
    }
}
