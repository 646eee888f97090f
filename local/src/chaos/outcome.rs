//! What came of a run: claims that hold or do not, for people to read; and a row of the table in the documentation.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::machine::Load;
use super::plan::{Fault, Kinds};
use super::soak::{Course, describe};
use super::verdict::{Claim, Evidence, Failure, Hit, Limits, gaps, judge, percentile};
use crate::cloud::dates;

/// A machine that is busier than this has not told the truth about gaps.
const SATURATED: f64 = 0.9;
/// So many failures are shown one by one.
const SHOWN: usize = 60;

/// What was run.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// `kills`, `rolling` or `soak`: which table it belongs to.
    pub(super) kind: &'static str,
    pub(super) path: &'static str,
    pub(super) seed: u64,
    pub(super) at_once: usize,
    pub(super) relays: usize,
    pub(super) kinds: Kinds,
    /// Times are told and not judged.
    pub(super) untimed: bool,
    pub(super) began: Instant,
    pub(super) lasted: Duration,
}

/// Everything that is known at the end.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) run: Run,
    pub(super) calls: Vec<Evidence>,
    pub(super) hits: Vec<Hit>,
    pub(super) left_out: Vec<String>,
    pub(super) courses: Vec<Course>,
    pub(super) load: Load,
    pub(super) limits: Limits,
    pub(super) failures: Vec<Failure>,
}

impl Outcome {
    /// Judges the calls, and adds what is the run's own.
    pub(super) fn judge(&mut self, texts: &[String], skipped: Vec<String>) {
        let limits = self.limits;
        let judged = self.calls.iter().flat_map(|call| judge(call, texts, &self.hits, limits));
        let failures: Vec<Failure> = judged.collect();
        self.failures.extend(failures);
        let skipped = skipped.into_iter().map(|what| Failure { claim: Claim::Faults, call: None, what });
        self.failures.extend(skipped);
        let (p50, p99) = (self.gap(50), self.gap(99));
        for (claim, gap, most) in [(Claim::GapP50, p50, limits.gap_p50), (Claim::GapP99, p99, limits.gap_p99)] {
            if let Some(gap) = gap.filter(|gap| *gap > most) {
                let what = format!("{} ms, at most {} ms are borne", gap.as_millis(), most.as_millis());
                self.failures.push(Failure { claim, call: None, what });
            }
        }
        if self.run.untimed {
            self.failures.retain(|failure| !is_timed(failure.claim));
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.failures.is_empty() && !self.calls.is_empty()
    }

    fn gap(&self, percent: usize) -> Option<Duration> {
        let gaps: Vec<Duration> = gaps(&self.calls, &self.hits).into_iter().map(|(gap, ..)| gap).collect();
        percentile(&gaps, percent)
    }

    fn failed(&self, claim: Claim) -> usize {
        let failed = self.failures.iter().filter(|failure| failure.claim == claim);
        failed.map(|failure| failure.call.as_deref()).collect::<BTreeSet<_>>().len()
    }

    fn kills(&self) -> usize {
        self.hits.iter().filter(|hit| matches!(hit.fault, Fault::Kill { .. })).count()
    }

    fn met(&self) -> usize {
        self.hits.iter().map(|hit| hit.calls.as_ref().map_or(1, Vec::len)).sum()
    }

    fn longest_silence(&self) -> Duration {
        let silences = self.calls.iter().filter_map(|call| call.report.interview.as_ref());
        silences.map(|interview| interview.longest_silence).max().unwrap_or_default()
    }

    fn silence(&self, percent: usize) -> Duration {
        let interviews = self.calls.iter().filter_map(|call| call.report.interview.as_ref());
        let mut silences: Vec<Duration> = interviews.map(|interview| interview.longest_silence).collect();
        silences.sort_unstable();
        percentile(&silences, percent).unwrap_or_default()
    }

    /// A claim and what is known of it.
    fn claims(&self) -> Vec<(Claim, String)> {
        let count = self.calls.len();
        let of_calls = |claim| format!("{} of {count} calls", count - self.failed(claim).min(count));
        let gaps = gaps(&self.calls, &self.hits);
        let (waiting, in_silence) = (gaps.len(), gaps.iter().filter(|(gap, ..)| !gap.is_zero()).count());
        let gap = |percent| match self.gap(percent) {
            Some(gap) => format!("{} ms ({waiting} callers were waiting, {in_silence} in silence)", gap.as_millis()),
            None => "nobody was waiting".to_owned(),
        };
        let silence =
            format!("p50 {} ms, longest {} ms", self.silence(50).as_millis(), self.longest_silence().as_millis());
        let memory = self.courses.iter().map(describe).collect::<Vec<_>>().join("; ");
        vec![
            (Claim::Alive, of_calls(Claim::Alive)),
            (Claim::GapP50, gap(50)),
            (Claim::GapP99, gap(99)),
            (Claim::Silence, silence),
            (Claim::Transcript, of_calls(Claim::Transcript)),
            (Claim::ToolsOnce, of_calls(Claim::ToolsOnce)),
            (Claim::OneVoice, of_calls(Claim::OneVoice)),
            (Claim::Recording, of_calls(Claim::Recording)),
            (Claim::Memory, memory),
            (Claim::Faults, format!("{} faults, which met a call {} times", self.hits.len(), self.met())),
        ]
    }

    fn show_failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nWhat failed:")?;
        for failure in self.failures.iter().take(SHOWN) {
            let call = failure.call.as_deref().unwrap_or("the run");
            writeln!(f, "  {call}  {}: {}", failure.claim, failure.what)?;
        }
        if self.failures.len() > SHOWN {
            writeln!(f, "  … and {} more", self.failures.len() - SHOWN)?;
        }
        self.show_hits(f)
    }

    /// The faults that met the calls that failed.
    fn show_hits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sids: BTreeSet<&str> = self.failures.iter().filter_map(|failure| failure.call.as_deref()).collect();
        writeln!(f, "\nWhat met them (seconds since the first call):")?;
        for hit in &self.hits {
            let met: Vec<&str> =
                hit.calls.iter().flatten().map(String::as_str).filter(|sid| sids.contains(sid)).collect();
            if met.is_empty() && hit.calls.is_some() {
                continue;
            }
            let at = hit.at.saturating_duration_since(self.run.began).as_secs_f64();
            let whom = if hit.calls.is_none() { "any call".to_owned() } else { met.join(" ") };
            writeln!(f, "  {at:7.2}  {}: {whom}", hit.fault)?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { kind, path, seed, at_once, relays, kinds, lasted, .. } = &self.run;
        let (calls, kills) = (self.calls.len(), self.kills());
        writeln!(
            f,
            "\n{kind}, {path} path, seed {seed}: {calls} calls, {at_once} at once, {relays} relays, {kills} kills, faults \
             {kinds}, {:.0} s",
            lasted.as_secs_f64()
        )?;
        for (claim, detail) in self.claims() {
            let holds = !self.failures.iter().any(|failure| failure.claim == claim);
            let sign = match holds {
                _ if self.run.untimed && is_timed(claim) => "·",
                true => "✓",
                false => "✗",
            };
            writeln!(f, "  {sign} {claim}: {detail}")?;
        }
        let Load { cpu, ours, lag_p99, lag_worst } = self.load;
        let (lag_p99, lag_worst) = (lag_p99.as_millis(), lag_worst.as_millis());
        writeln!(
            f,
            "\n  processors {:.0} % busy, {:.0} % with this; our timers late by {lag_p99} ms (p99), {lag_worst} ms (worst)",
            cpu * 100.0,
            ours * 100.0
        )?;
        if cpu > SATURATED {
            writeln!(f, "  The machine was saturated: gaps and silences are its own. Try fewer calls --at-once.")?;
        }
        self.left_out.iter().try_for_each(|what| writeln!(f, "  left out: {what}"))?;
        self.show_failures(f)?;
        match self.is_good() {
            true => f.write_str("\nNothing dropped a call."),
            false => write!(f, "\n{} failures.", self.failures.len()),
        }
    }
}

/// What a machine that is busy with other things makes worse.
fn is_timed(claim: Claim) -> bool {
    matches!(claim, Claim::GapP50 | Claim::GapP99 | Claim::Silence)
}

/// The head of the file, if it has to be made.
const HEAD: &str = "# Reliability\n\nMeasured by `make chaos` (`voicebridge chaos --help`). A row is a run; the same \
    path, seed and faults replace their row.\n";
const COLUMNS: &str = "| path | seed | faults | calls (at once) | kills | lost | gap p50 | gap p99 | longest silence | \
    transcript | tools twice | two voices | recording | memory | CPU | date | machine | commit | |";

impl Outcome {
    fn row(&self, machine: &str, commit: &str) -> String {
        let Run { path, seed, at_once, kinds, lasted, kind, .. } = &self.run;
        let ms = |gap: Option<Duration>| gap.map_or("–".to_owned(), |gap| format!("{} ms", gap.as_millis()));
        let calls = match *kind {
            "soak" => format!("{} in {} min ({at_once})", self.calls.len(), lasted.as_secs() / 60),
            _ => format!("{} ({at_once})", self.calls.len()),
        };
        let memory = if self.failed(Claim::Memory) == 0 { "flat".to_owned() } else { "grows".to_owned() };
        let cells = [
            (*path).to_owned(),
            seed.to_string(),
            kinds.to_string(),
            calls,
            self.kills().to_string(),
            self.failed(Claim::Alive).to_string(),
            ms(self.gap(50)),
            ms(self.gap(99)),
            ms(Some(self.longest_silence())),
            self.failed(Claim::Transcript).to_string(),
            self.failed(Claim::ToolsOnce).to_string(),
            self.failed(Claim::OneVoice).to_string(),
            self.failed(Claim::Recording).to_string(),
            memory,
            format!("{:.0} %", self.load.cpu * 100.0),
            dates::iso_time(dates::unix_ms()).chars().take(10).collect(),
            machine.to_owned(),
            commit.to_owned(),
            if self.is_good() { "✓" } else { "✗" }.to_owned(),
        ];
        format!("| {} |", cells.join(" | "))
    }

    /// Adds the run to its table, or replaces its row.
    pub(super) fn write(&self, file: &Path, machine: &str, commit: &str) -> std::io::Result<()> {
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => HEAD.to_owned(),
            read => read?,
        };
        std::fs::write(file, with_row(&text, self.run.kind, &self.row(machine, commit)))
    }
}

/// The text with this row in the table between the markers of this kind.
fn with_row(text: &str, kind: &str, row: &str) -> String {
    let (open, close) = (format!("<!-- chaos: {kind} -->\n"), "<!-- /chaos -->".to_owned());
    let around = text.split_once(&open).and_then(|(before, rest)| Some((before, rest.split_once(&close)?)));
    let (before, table, after) = match around {
        Some((before, (table, after))) => (before.to_owned(), table.to_owned(), after.to_owned()),
        None => (format!("{}\n\n## {kind}\n\n", text.trim_end()), head(), "\n".to_owned()),
    };
    let mut lines: Vec<&str> = table.lines().filter(|line| !line.is_empty() && key(line) != key(row)).collect();
    lines.push(row);
    format!("{before}{open}{}\n{close}{after}", lines.join("\n"))
}

fn head() -> String {
    format!("{COLUMNS}\n{}", "|---".repeat(COLUMNS.matches(" | ").count() + 1) + "|")
}

/// Path, seed and faults.
fn key(row: &str) -> Vec<&str> {
    row.split(" | ").take(3).collect()
}

/// The commit that was run, with a `+` if something is not committed.
pub(super) async fn commit() -> String {
    let git = async |args: &[&str]| {
        let output = tokio::process::Command::new("git").args(args).output().await.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]).await else { return "unknown".to_owned() };
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).await.is_none_or(|changes| !changes.is_empty());
    format!("{commit}{}", if dirty { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_joins_its_table_or_replaces_its_like() {
        let first = with_row(HEAD, "kills", "| gateway | 1 | kill | old |");
        assert!(first.starts_with("# Reliability") && first.contains("## kills") && first.contains("| path | seed"));
        let second = with_row(&first, "kills", "| gateway | 2 | kill | other |");
        let third = with_row(&second, "kills", "| gateway | 1 | kill | new |");
        assert!(third.contains("other |") && third.contains("new |") && !third.contains("old |"), "{third}");
        let fourth = with_row(&third, "soak", "| direct | 1 | none | x |");
        assert_eq!((fourth.matches("<!-- chaos:").count(), fourth.matches("| path |").count()), (2, 2), "{fourth}");
        let edited = fourth.replace("## kills", "Words of somebody's.\n\n## kills");
        assert!(with_row(&edited, "kills", "| direct | 1 | kill | y |").contains("Words of somebody's."));
    }

    #[test]
    fn the_head_has_a_cell_for_each_column() {
        let head = head();
        let cells: Vec<usize> = head.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(cells[0], cells[1]);
    }
}
