//! Logs: JSON lines on stdout, where CloudWatch and a pipe take them; plain text on a terminal. With a stack's name
//! (`STACK_NAME`) every warning that has a code is counted in CloudWatch as well.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use super::environment;
use crate::emf::{Emf, Metric, Unit};

/// `LOG_LEVEL` is a level for our own code (`info` if there is none), or a whole filter if it has a `=` in it.
pub fn telemetry() {
    let faults = environment("STACK_NAME").map(|stack| Faults::new(Emf::new(stack)));
    let registry = tracing_subscriber::registry().with(filter(environment("LOG_LEVEL").as_deref())).with(faults);
    let set = if std::io::stdout().is_terminal() {
        registry.with(fmt::layer()).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_span_list(false)).try_init()
    };
    // A second call finds the first one's logs in place, which is what it wants.
    drop(set);
}

/// Libraries may only warn: what they say below that quotes requests. The runtime's spans name the invocation.
fn filter(level: Option<&str>) -> EnvFilter {
    match level.unwrap_or("info") {
        directives if directives.contains('=') => EnvFilter::new(directives),
        level => EnvFilter::new(format!(
            "warn,functions={level},shared={level},local={level},relay={level},lambda_runtime=info"
        )),
    }
}

/// Counts warnings and errors by their `code`. What is logged at 1, 2, 4, 8 … says in `count` how often it was, and is
/// counted as what came since.
#[derive(Debug)]
struct Faults {
    emf: Emf,
    told: Mutex<BTreeMap<String, u64>>,
}

impl Faults {
    fn new(emf: Emf) -> Self {
        Self { emf, told: Mutex::default() }
    }

    fn news(&self, fault: &Fault, code: &str) -> u64 {
        let Some(count) = fault.count else { return 1 };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        count.saturating_sub(told.insert(code.to_owned(), count).unwrap_or_default())
    }
}

impl<S: Subscriber> Layer<S> for Faults {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if *event.metadata().level() > Level::WARN {
            return;
        }
        let mut fault = Fault::default();
        event.record(&mut fault);
        if let Some(code) = &fault.code {
            let value = self.news(&fault, code) as f64;
            self.emf.write(Some(code), &[Metric { name: "faults".to_owned(), unit: Unit::Count, value }]);
        }
    }
}

#[derive(Debug, Default, PartialEq)]
struct Fault {
    code: Option<String>,
    count: Option<u64>,
}

impl Visit for Fault {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "code" {
            self.code = Some(value.to_owned());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "count" {
            self.count = Some(value);
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_our_own_code() {
        assert!(filter(Some("debug")).to_string().contains("functions=debug"));
        assert!(!filter(Some("debug")).to_string().contains("aws"));
        assert!(filter(None).to_string().contains("functions=info"));
        assert_eq!(filter(Some("aws_config=trace")).to_string(), "aws_config=trace");
    }

    #[test]
    fn what_is_told_seldom_is_counted_whole() {
        let faults = Faults::new(Emf::new("test"));
        let news = |count| faults.news(&Fault { code: None, count }, "frame_unbound");
        assert_eq!([Some(1), Some(2), Some(4), Some(8), None].map(news), [1, 1, 2, 4, 1]);
    }
}
