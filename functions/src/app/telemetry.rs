//! Logs: JSON lines on stdout, where CloudWatch and a pipe take them; plain text on a terminal.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// `LOG_LEVEL` is a level for our own code (`info` if there is none), or a whole filter if it has a `=` in it.
pub fn telemetry(level: Option<&str>) {
    let logs = tracing_subscriber::fmt().with_env_filter(filter(level));
    let set = if std::io::stdout().is_terminal() {
        logs.try_init()
    } else {
        logs.json().flatten_event(true).with_span_list(false).try_init()
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
}
