//! Secrets of tools of one's own: in the cloud one secret that is a JSON object, on a laptop variables of the environment.
//!
//! A value of the object is the secret itself, or `{"value": …, "hosts": […]}` for one that only these hosts may see.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;
use shared::ports::{PortError, PortResult, ToolSecrets};
use shared::redact::Secret;
use shared::tools::own::ToolSecret;
use tokio::sync::Mutex;

use super::sdk::port_error;

/// Then they are read again: a key that was replaced is used soon.
const FRESH: Duration = Duration::from_secs(5 * 60);
const VARIABLE: &str = "TOOL_SECRET_";

#[derive(Debug)]
pub struct SecretsOfTools(Source);

#[derive(Debug)]
enum Source {
    Store { client: Client, arn: String, known: Mutex<Option<(Instant, Known)>> },
    Environment(fn(&str) -> Option<String>),
}

type Known = BTreeMap<String, ToolSecret>;

impl SecretsOfTools {
    pub fn stored(client: Client, arn: impl Into<String>) -> Self {
        Self(Source::Store { client, arn: arn.into(), known: Mutex::default() })
    }

    /// `TOOL_SECRET_CRM_KEY` is `CRM_KEY`.
    pub fn environment(read: fn(&str) -> Option<String>) -> Self {
        Self(Source::Environment(read))
    }
}

impl ToolSecrets for SecretsOfTools {
    async fn secret(&self, name: &str) -> PortResult<Option<ToolSecret>> {
        match &self.0 {
            Source::Environment(read) => {
                let value = read(&format!("{VARIABLE}{name}"));
                Ok(value.map(|value| ToolSecret { value: Secret::new(value), hosts: Vec::new() }))
            }
            Source::Store { client, arn, known } => {
                let mut known = known.lock().await;
                let secrets = match known.take() {
                    Some((read, fresh)) if read.elapsed() < FRESH => known.insert((read, fresh)),
                    _ => known.insert((Instant::now(), parse(&read(client, arn).await?)?)),
                };
                Ok(secrets.1.get(name).cloned())
            }
        }
    }
}

async fn read(client: &Client, arn: &str) -> PortResult<String> {
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let value = answer.map_err(|error| port_error("get secret value", &error))?.secret_string;
    value.ok_or_else(|| PortError::Corrupt("a secret without a string".to_owned()))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Bound { value: String, hosts: Vec<String> },
}

/// What is wrong with it is not quoted.
fn parse(text: &str) -> PortResult<Known> {
    let unreadable = |_| PortError::Corrupt("the tools' secrets are not a JSON object of texts".to_owned());
    let written: BTreeMap<String, Written> = serde_json::from_str(text).map_err(unreadable)?;
    let secrets = written.into_iter().map(|(name, written)| {
        let (value, hosts) = match written {
            Written::Plain(value) => (value, Vec::new()),
            Written::Bound { value, hosts } => (value, hosts),
        };
        (name, ToolSecret { value: Secret::new(value), hosts })
    });
    Ok(secrets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_text_or_one_for_some_hosts() {
        let known = parse(r#"{"A":"a","B":{"value":"b","hosts":["api.example.com"]}}"#).unwrap();
        assert_eq!((known["A"].value.reveal(), known["A"].hosts.len()), ("a", 0));
        assert_eq!(
            (known["B"].value.reveal(), known["B"].hosts.as_slice()),
            ("b", &["api.example.com".to_owned()][..])
        );
        for wrong in ["", "[]", r#"{"A":7}"#, r#"{"A":{"value":"hush"}}"#] {
            let error = parse(wrong).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[tokio::test]
    async fn on_a_laptop_a_secret_is_a_variable() {
        let read = |key: &str| (key == "TOOL_SECRET_CRM_KEY").then(|| "k".to_owned());
        let secrets = SecretsOfTools::environment(read);
        assert_eq!(secrets.secret("CRM_KEY").await.unwrap().unwrap().value.reveal(), "k");
        assert_eq!(secrets.secret("OTHER").await, Ok(None));
    }
}
