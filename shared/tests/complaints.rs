//! The tables of `docs/COMPLAINTS.md` and `docs/BAD_INPUT.md` name what shows each of their lines: it is there.

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
    for folder in ["shared", "functions", "music", "local"] {
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

/// Of each table its rows, and of each row its cells.
fn tables(page: &str) -> Vec<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        match line.starts_with("|---") {
            true => tables.push(Vec::new()),
            false if within && line.starts_with("| ") => {
                let cells = line.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect();
                tables.last_mut().unwrap().push(cells);
            }
            false => {}
        }
        within = line.starts_with("|---") || within && line.starts_with('|');
    }
    tables
}

/// The last cell of each row has names in `code`, and there is something of each name.
fn assert_shown(row: &[String], there: &BTreeSet<String>) {
    let shown = row.last().unwrap();
    let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
    assert!(!named.is_empty(), "nothing shows {}", row[0]);
    let gone: Vec<_> = named.iter().filter(|name| !there.contains(**name)).collect();
    assert!(gone.is_empty(), "{} names what is not there: {gone:?}", row[0]);
}

#[test]
fn what_is_said_to_show_a_line_is_there() {
    let there: BTreeSet<String> = scenarios().into_iter().chain(tests()).collect();
    for (page, lengths) in [("COMPLAINTS.md", vec![16, 9]), ("BAD_INPUT.md", vec![10])] {
        let tables = tables(page);
        assert_eq!(tables.iter().map(Vec::len).collect::<Vec<_>>(), lengths, "rows of the tables of {page}");
        let columns = |table: &Vec<Vec<String>>| table.iter().map(Vec::len).collect::<BTreeSet<_>>().len();
        assert!(tables.iter().all(|table| columns(table) == 1), "a row of {page} has a cell too many or too few");
        tables.iter().flatten().for_each(|row| assert_shown(row, &there));
    }
}

/// The second table is of what is specified, not of what happens to be tested.
#[test]
fn every_topic_has_scenarios_of_its_own() {
    let scenarios = scenarios();
    for row in &tables("COMPLAINTS.md")[1] {
        let named: Vec<&str> = row[2].split('`').skip(1).step_by(2).collect();
        let golden = named.iter().filter(|name| scenarios.contains(**name)).count();
        assert!(golden >= 3, "{} has {golden} scenarios", row[0]);
    }
}
