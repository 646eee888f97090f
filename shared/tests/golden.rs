//! Every scenario in `tests/golden` holds. `UPDATE_GOLDEN=1 cargo test -p shared --test golden` writes them anew; read
//! the difference before you commit it.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its files")]

use std::path::PathBuf;

use shared::testkit::scenario;
use shared::time::Samples;

const LONGEST_SILENCE: Samples = Samples::from_millis(2_000);
/// Of an agent, and its callers bear it.
const WANTS_SILENCE: &str = r#""hold_music":"none""#;

fn scenarios() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut scenarios: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.sort();
    scenarios
}

/// Of whatever a caller waits for in a conversation with a tool, the model's thinking included.
#[test]
fn no_caller_who_waits_hears_nothing_for_two_seconds() {
    let silences: Vec<_> = scenarios()
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let longest = scenario::longest_silence(&text).filter(|_| !text.contains(WANTS_SILENCE))?;
            Some((path.file_stem().unwrap().to_string_lossy().into_owned(), longest))
        })
        .collect();
    assert!(silences.len() > 15, "scenarios with a tool: {}", silences.len());
    let long: Vec<_> = silences.iter().filter(|(_, (_, length))| *length > LONGEST_SILENCE).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_scenario_holds() {
    let scenarios = scenarios();
    assert!(scenarios.len() > 40, "the scenarios are the specification; {} were found", scenarios.len());
    let changed: Vec<String> = scenarios.iter().filter_map(difference).collect();
    assert!(changed.is_empty(), "{} of {} scenarios changed:\n{}", changed.len(), scenarios.len(), changed.join("\n"));
}

/// Whoever watches is shown more, and the call takes its course as if nobody did.
#[test]
fn a_call_that_is_watched_takes_the_same_course() {
    let unwatched = |text: &String| !text.lines().any(|line| line.contains(" watched on"));
    let texts = scenarios().into_iter().map(|path| std::fs::read_to_string(path).unwrap()).filter(unwatched);
    let others: Vec<_> = texts.filter(|text| scenario::play_watched(text) != *text).collect();
    assert!(others.is_empty(), "{} scenarios go otherwise when watched; one of them:\n{}", others.len(), others[0]);
}

fn difference(path: &PathBuf) -> Option<String> {
    assert_eq!(
        path.extension().and_then(|ending| ending.to_str()),
        Some("scenario"),
        "a stray file: {}",
        path.display()
    );
    let before = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let after = std::panic::catch_unwind(|| scenario::play(&before)).unwrap_or_else(|_| panic!("in {name}"));
    if before == after {
        return None;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &after).unwrap();
        return None;
    }
    let (was, is) =
        before.lines().zip(after.lines().chain(std::iter::once(""))).find(|(was, is)| was != is).unwrap_or_default();
    Some(format!("{name}\n  was: {was}\n  is:  {is}"))
}
