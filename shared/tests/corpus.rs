//! The inputs that `make fuzz` has kept, and those that once broke something: each is tried with every build.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads its files")]

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use shared::testkit::fuzz::{TARGETS, feed};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_the_fuzzers_have_kept_is_survived() {
    let mut broken = Vec::new();
    for (target, _) in TARGETS {
        let files = files(&corpus().join(target));
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            if catch_unwind(|| feed(target, &bytes)).is_err() {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_target_has_its_binary_and_every_corpus_its_target() {
    let stems = |folder: &Path| -> Vec<String> {
        files(folder).iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let targets = TARGETS.map(|(target, _)| target.to_owned());
    assert_eq!(stems(&corpus()), targets);
    assert_eq!(stems(&corpus().with_file_name("targets")), targets);
}
