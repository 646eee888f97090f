//! Metrics as CloudWatch reads them out of a log: the embedded metric format, one JSON document on a line.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
//!
//! Every metric has the dimension `Stack`; what has a kind is counted under `Stack` and `Kind` as well.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

const NAMESPACE: &str = "voicebridge";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Seconds,
    Milliseconds,
    Bytes,
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    pub unit: Unit,
    pub value: f64,
}

/// Writes documents to stdout, where Lambda and ECS take them up.
#[derive(Debug, Clone)]
pub struct Emf {
    stack: String,
}

impl Emf {
    /// `stack` is the dimension's value (`STACK_NAME`).
    pub fn new(stack: impl Into<String>) -> Self {
        Self { stack: stack.into() }
    }

    pub fn write(&self, kind: Option<&str>, metrics: &[Metric]) {
        if metrics.is_empty() {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = document(&self.stack, kind, metrics, u64::try_from(now.as_millis()).unwrap_or_default());
        // In one piece, between the log's own lines. A log that cannot be written cannot be told so.
        let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
    }
}

/// At most a hundred metrics, which is more than there are.
fn document(stack: &str, kind: Option<&str>, metrics: &[Metric], timestamp_ms: u64) -> Value {
    let mut dimensions = vec![vec!["Stack"]];
    let mut members = Map::from_iter([("Stack".to_owned(), json!(stack))]);
    if let Some(kind) = kind {
        dimensions.push(vec!["Stack", "Kind"]);
        members.insert("Kind".to_owned(), json!(kind));
    }
    let mut definitions = Vec::with_capacity(metrics.len());
    for Metric { name, unit, value } in metrics {
        definitions.push(json!({ "Name": name, "Unit": unit.name() }));
        members.insert(name.clone(), json!(value));
    }
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": definitions });
    members.insert("_aws".to_owned(), json!({ "Timestamp": timestamp_ms, "CloudWatchMetrics": [directive] }));
    Value::Object(members)
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
            Self::None => "None",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_counted_for_itself_and_in_the_sum() {
        let metrics = [Metric { name: "post_errors".to_owned(), unit: Unit::Count, value: 2.0 }];
        assert_eq!(
            document("prod", Some("gone"), &metrics, 1_770_000_000_000),
            json!({
                "_aws": {
                    "Timestamp": 1_770_000_000_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "voicebridge",
                        "Dimensions": [["Stack"], ["Stack", "Kind"]],
                        "Metrics": [{ "Name": "post_errors", "Unit": "Count" }],
                    }],
                },
                "Stack": "prod",
                "Kind": "gone",
                "post_errors": 2.0,
            })
        );
    }

    #[test]
    fn what_has_no_kind_has_one_dimension() {
        let metrics = [Metric { name: "calls".to_owned(), unit: Unit::Count, value: 3.0 }];
        let document = document("prod", None, &metrics, 0);
        assert_eq!(document["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"]]));
        assert_eq!(document.get("Kind"), None);
    }
}
