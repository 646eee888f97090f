//! The heart stays pure: no I/O, no clock, no tasks, no locks, no randomness, in its sources or among what it links.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its files")]

use std::path::{Path, PathBuf};

/// What must not be written in `shared/src`, and why.
const BANNED: [(&str, &str); 16] = [
    ("Instant::now", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
    ("std::env", "configuration arrives through config::Source"),
    ("std::fs", "no I/O"),
    ("std::net", "no I/O"),
    ("std::process", "no I/O"),
    ("std::thread", "no tasks"),
    ("tokio", "no tasks"),
    ("async_std", "no tasks"),
    ("Mutex", "no locks"),
    ("RwLock", "no locks"),
    ("HashMap", "its order is random"),
    ("HashSet", "its order is random"),
    ("rand::", "no randomness"),
    ("println!", "no I/O"),
    ("aws_sdk", "no vendor"),
];

/// Crates that touch the world; none of them may be linked, even through another.
const WORLDLY: [&str; 9] =
    ["tokio", "mio", "reqwest", "hyper", "axum", "aws-config", "aws-sdk-dynamodb", "rustls", "tungstenite"];

#[test]
fn nothing_worldly_is_written_in_the_heart() {
    let mut found = Vec::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//"));
        for (line, number) in code {
            let faults = BANNED.iter().filter(|(word, _)| line.contains(word));
            found.extend(faults.map(|(word, why)| format!("{}:{number}: {word} ({why})", file.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_worldly_is_linked_into_the_heart() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.lines().any(|line| line.starts_with("serde_json ")), "the tree was not read:\n{tree}");
    let found: Vec<&str> =
        tree.lines().filter(|line| WORLDLY.iter().any(|name| line.starts_with(&format!("{name} ")))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
