//! Once a minute, what the relay has counted goes to CloudWatch: the increase of its counters, its gauges, and the
//! percentiles of its histograms. Read from the same text that Prometheus gets, so that there is one list of metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::emf::{Emf, Metric, Unit};

const EVERY: Duration = Duration::from_secs(60);
const PREFIX: &str = "voicebridge_relay_";
const PERCENTILES: [(&str, f64); 3] = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)];

/// Reports until `stop`, and once more then: the last minute of a relay is the one that people ask about.
pub async fn run(metrics: Arc<Metrics>, emf: Emf, stop: CancellationToken) {
    let mut before = Snapshot::read(&metrics.text());
    loop {
        let stopped = stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none();
        let now = Snapshot::read(&metrics.text());
        for (kind, metrics) in now.since(&before) {
            emf.write(kind.as_deref(), &metrics);
        }
        if stopped {
            return;
        }
        before = now;
    }
}

/// What the relay's metrics said at one time.
#[derive(Debug, Default)]
struct Snapshot {
    gauges: BTreeMap<String, f64>,
    counters: BTreeMap<(Option<String>, String), f64>,
    /// Counts of the buckets, each with all below it, by upper bound.
    histograms: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Snapshot {
    /// Reads `OpenMetrics` text as [`Metrics::text`] writes it.
    fn read(text: &str) -> Self {
        let mut snapshot = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((sample, value)) = line.strip_prefix(PREFIX).and_then(|line| line.rsplit_once(' ')) else {
                continue;
            };
            let Ok(value) = value.parse() else { continue };
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            if let Some(name) = name.strip_suffix("_bucket") {
                let bound = label(labels, "le").and_then(|bound| bound.parse().ok()).unwrap_or(f64::INFINITY);
                snapshot.histograms.entry(name.to_owned()).or_default().push((bound, value));
            } else if let Some(name) = name.strip_suffix("_total") {
                let kind = label(labels, "kind").or_else(|| label(labels, "outcome")).map(str::to_owned);
                *snapshot.counters.entry((kind, name.to_owned())).or_default() += value;
            } else if !name.ends_with("_sum") && !name.ends_with("_count") {
                snapshot.gauges.insert(name.to_owned(), value);
            }
        }
        snapshot
    }

    /// What changed since `before`, by kind. Counters that stand still and have a kind are left out; the others are
    /// reported even when they stand still, so that an alarm can tell nothing from no news.
    fn since(&self, before: &Self) -> BTreeMap<Option<String>, Vec<Metric>> {
        let mut report: BTreeMap<Option<String>, Vec<Metric>> = BTreeMap::new();
        for (name, value) in &self.gauges {
            report.entry(None).or_default().push(metric(name.clone(), *value));
        }
        for (key @ (kind, name), value) in &self.counters {
            let increase = value - before.counters.get(key).copied().unwrap_or_default();
            if kind.is_none() || increase > 0.0 {
                report.entry(kind.clone()).or_default().push(metric(name.clone(), increase));
            }
        }
        for (name, buckets) in &self.histograms {
            let news = increase(buckets, before.histograms.get(name).map_or(&[], Vec::as_slice));
            for (suffix, share) in PERCENTILES {
                if let Some(value) = percentile(&news, share) {
                    report.entry(None).or_default().push(metric(format!("{name}_{suffix}"), value));
                }
            }
        }
        report
    }
}

fn metric(name: String, value: f64) -> Metric {
    let unit = match name.as_str() {
        "cpu_share" => Unit::None,
        name if name.contains("_seconds") => Unit::Seconds,
        name if name.ends_with("_ms") => Unit::Milliseconds,
        name if name.ends_with("_bytes") => Unit::Bytes,
        _ => Unit::Count,
    };
    Metric { name, unit, value }
}

fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let value = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""))?;
    value.split('"').next()
}

fn increase(now: &[(f64, f64)], before: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let before = before.iter().map(|(_, count)| *count).chain(std::iter::repeat(0.0));
    now.iter().zip(before).map(|((bound, count), before)| (*bound, count - before)).collect()
}

/// The upper bound of the bucket it lies in: a promise, not a guess. Beyond the last bound it is that bound.
fn percentile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let (_, all) = buckets.last().filter(|(_, all)| *all > 0.0)?;
    let (bound, _) = buckets.iter().find(|(_, count)| *count >= all * share)?;
    let largest = buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).fold(0.0, f64::max);
    Some(bound.min(largest))
}

#[cfg(test)]
mod tests {
    use super::super::metrics::{Direction, label};
    use super::*;

    fn found(report: &BTreeMap<Option<String>, Vec<Metric>>, kind: Option<&str>, name: &str) -> Option<f64> {
        let metrics = report.get(&kind.map(str::to_owned))?;
        metrics.iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    #[test]
    fn a_minute_is_what_came_since_the_last_one() {
        let metrics = Metrics::new();
        metrics.calls_opened.inc_by(5);
        metrics.post_errors.get_or_create(&label("gone")).inc_by(2);
        metrics.added(Direction::ToModel, Duration::from_millis(900));
        let before = Snapshot::read(&metrics.text());
        metrics.calls.set(3);
        metrics.calls_opened.inc();
        metrics.post_errors.get_or_create(&label("timeout")).inc();
        (0..98).for_each(|_| metrics.added(Direction::ToModel, Duration::from_micros(90)));
        (0..2).for_each(|_| metrics.added(Direction::ToModel, Duration::from_millis(4)));
        let report = Snapshot::read(&metrics.text()).since(&before);
        assert_eq!(found(&report, None, "calls"), Some(3.0));
        assert_eq!(found(&report, None, "calls_opened"), Some(1.0));
        assert_eq!(found(&report, Some("timeout"), "post_errors"), Some(1.0));
        assert_eq!(found(&report, Some("gone"), "post_errors"), None);
        assert_eq!(found(&report, None, "added_to_model_seconds_p50"), Some(0.0001));
        assert_eq!(found(&report, None, "added_to_model_seconds_p99"), Some(0.005));
        assert_eq!(found(&report, None, "added_to_caller_seconds_p99"), None);
    }

    #[test]
    fn what_did_not_happen_is_reported_as_none_of_it() {
        let snapshot = Snapshot::read(&Metrics::new().text());
        assert_eq!(found(&snapshot.since(&snapshot), None, "driver_panics"), Some(0.0));
    }

    #[test]
    fn what_is_off_the_scale_is_at_its_end() {
        assert_eq!(percentile(&[(0.1, 0.0), (1.0, 1.0), (f64::INFINITY, 9.0)], 0.5), Some(1.0));
        assert_eq!(percentile(&[(0.1, 0.0), (f64::INFINITY, 0.0)], 0.5), None);
    }

    #[test]
    fn units_follow_from_names() {
        let units = ["calls", "cpu_share", "tool_seconds_p95", "recorder_lost_ms", "memory_bytes"];
        let units = units.map(|name| metric(name.to_owned(), 0.0).unit);
        assert_eq!(units, [Unit::Count, Unit::None, Unit::Seconds, Unit::Milliseconds, Unit::Bytes]);
    }
}
