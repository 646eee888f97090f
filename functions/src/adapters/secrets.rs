//! AWS Secrets Manager.

use aws_sdk_secretsmanager::Client;
use shared::ports::{PortError, PortResult};
use shared::redact::Secret;

use super::sdk::port_error;

#[derive(Debug, Clone)]
pub struct Secrets(Client);

impl Secrets {
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The present value of a secret, by ARN or name.
    pub async fn read(&self, id: &str) -> PortResult<Secret> {
        let answer = self.0.get_secret_value().secret_id(id).send().await;
        let value = answer.map_err(|error| port_error("get secret value", &error))?.secret_string;
        value.map(Secret::new).ok_or_else(|| PortError::Corrupt("a secret without a string".to_owned()))
    }
}
