//! `docs/COMPLAINTS.md` names what shows each of its lines: it is there.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its files")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, suffix: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => files(&entry, suffix, into),
            false if entry.extension().is_some_and(|extension| extension == suffix) => into.push(entry),
            false => {}
        }
    }
}

fn scenarios() -> BTreeSet<String> {
    let mut found = Vec::new();
    files(&root().join("shared/tests/golden"), "scenario", &mut found);
    found.iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// Functions that are marked as tests.
fn tests() -> BTreeSet<String> {
    let mut found = Vec::new();
    for folder in ["shared", "functions", "local"] {
        for part in ["src", "tests"] {
            files(&root().join(folder).join(part), "rs", &mut found);
        }
    }
    let mut names = BTreeSet::new();
    for text in found.iter().map(|file| std::fs::read_to_string(file).unwrap()) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in
            lines.windows(2).filter(|pair| pair[0].starts_with("#[test]") || pair[0].starts_with("#[tokio::test"))
        {
            let name = pair[1].trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

#[test]
fn what_is_said_to_show_a_line_is_there() {
    let text = std::fs::read_to_string(root().join("docs/COMPLAINTS.md")).unwrap();
    let there: BTreeSet<String> = scenarios().into_iter().chain(tests()).collect();
    let rows: Vec<Vec<&str>> =
        text.lines().filter(|line| line.starts_with("| ")).skip(1).map(|line| line.split(" | ").collect()).collect();
    assert_eq!(rows.len(), 16, "A to P");
    for row in rows {
        let shown = row.last().unwrap();
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || row[2].to_lowercase().contains("not built yet"), "nothing shows {}", row[1]);
        let gone: Vec<_> = named.iter().filter(|name| !there.contains(**name)).collect();
        assert!(gone.is_empty(), "{} names what is not there: {gone:?}", row[0]);
    }
}
