//! Where configuration comes from: the process's environment, and the secrets that it names.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use shared::config::Source;
use shared::ports::PortError;
use shared::redact::Secret;

use super::Aws;

/// `TWILIO_AUTH_TOKEN_SECRET_ARN` names the secret that is read for `TWILIO_AUTH_TOKEN`.
const NAMES_A_SECRET: &str = "_SECRET_ARN";

/// The process's environment, plain.
pub fn environment(key: &str) -> Option<String> {
    std::env::var(key).ok()
}

/// The process's environment with its secrets in place. A laptop names none, and asks nobody.
#[derive(Debug)]
pub struct Environment {
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret for {key} cannot be read: {source}")]
    Unreadable { key: String, source: PortError },
    #[error("the secret for {key} is empty")]
    Empty { key: String },
}

impl Environment {
    /// Reads all secrets at once.
    pub async fn read(aws: &Aws) -> Result<Self, SecretError> {
        let named = named(std::env::vars());
        if named.is_empty() {
            return Ok(Self { secrets: BTreeMap::new() });
        }
        let store = aws.secrets();
        let reads = named.into_iter().map(|(key, arn)| {
            let store = &store;
            async move {
                match store.read(&arn).await {
                    Ok(secret) if secret.reveal().trim().is_empty() => Err(SecretError::Empty { key }),
                    Ok(secret) => Ok((key, secret)),
                    Err(source) => Err(SecretError::Unreadable { key, source }),
                }
            }
        });
        Ok(Self { secrets: try_join_all(reads).await?.into_iter().collect() })
    }
}

impl Source for Environment {
    fn get(&self, key: &str) -> Option<String> {
        self.secrets.get(key).map(|secret| secret.reveal().to_owned()).or_else(|| environment(key))
    }
}

/// Keys whose values are secrets, and where those are.
fn named(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let named = variables.filter_map(|(name, arn)| Some((name.strip_suffix(NAMES_A_SECRET)?.to_owned(), arn)));
    named.filter(|(key, arn)| !key.is_empty() && !arn.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_secret_by_arn() {
        let variables = [
            ("TWILIO_AUTH_TOKEN_SECRET_ARN", "arn:1"),
            ("OPENAI_API_KEY", "sk-plain"),
            ("CONSOLE_TOKEN_SECRET_ARN", " "),
            ("_SECRET_ARN", "arn:2"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(named(variables.into_iter()), [("TWILIO_AUTH_TOKEN".to_owned(), "arn:1".to_owned())]);
    }
}
