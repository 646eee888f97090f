//! AWS clients of one process: one configuration, one connection pool, and credentials from where they are known to
//! be, so that nothing is probed at start.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use url::Url;

use crate::adapters::clock::{ServerDate, SystemClock};
use crate::adapters::dynamo::Store;
use crate::adapters::handshake::HandshakeSigner;
use crate::adapters::lambda_tools::LambdaTools;
use crate::adapters::music_store::MusicStore;
use crate::adapters::own_functions::OwnFunctions;
use crate::adapters::s3::RecordingStore;
use crate::adapters::secrets::Secrets;
use crate::adapters::tool_secrets::SecretsOfTools;

/// A tool has its own, shorter, time limit in the heart; this is for an answer that never comes.
const TOOL_PATIENCE: Duration = Duration::from_secs(30);
const POST_PATIENCE: Duration = Duration::from_secs(3);
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct Aws(SdkConfig);

impl Aws {
    /// Reads `AWS_*`. Lambda and a laptop hand credentials over in the environment, ECS at an address it names there.
    pub async fn load() -> Self {
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(aws_config::environment::EnvironmentVariableRegionProvider::new())
            .credentials_provider(credentials())
            .time_source(SystemClock)
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)));
        Self(loader.load().await)
    }

    pub fn secrets(&self) -> Secrets {
        Secrets::new(aws_sdk_secretsmanager::Client::new(&self.0))
    }

    pub fn tool_secrets(&self, arn: &str) -> SecretsOfTools {
        SecretsOfTools::stored(aws_sdk_secretsmanager::Client::new(&self.0), arn)
    }

    pub fn store(&self, table: &str) -> Store {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.0).interceptor(ServerDate);
        Store::new(aws_sdk_dynamodb::Client::from_conf(config.build()), table)
    }

    /// Buckets in the path, so that an S3 on a laptop needs no name of its own for each.
    pub fn recordings(&self, bucket: &str) -> RecordingStore {
        RecordingStore::new(self.objects(), bucket)
    }

    pub fn music(&self, bucket: &str) -> MusicStore {
        MusicStore::new(self.objects(), bucket)
    }

    fn objects(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.0).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.timeout_config(transfers()).build())
    }

    /// The `@connections` of one stage. A post is tried once: a second try might arrive as a second post.
    pub fn connections(&self, endpoint: &Url) -> aws_sdk_apigatewaymanagement::Client {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(&self.0)
            .endpoint_url(endpoint.as_str().trim_end_matches('/'))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts().to_builder().operation_timeout(POST_PATIENCE).build());
        aws_sdk_apigatewaymanagement::Client::from_conf(config.build())
    }

    /// For the relay's control channel; `None` where no region is set.
    pub fn handshakes(&self) -> Option<HandshakeSigner> {
        Some(HandshakeSigner::new(self.0.region()?.as_ref(), self.0.credentials_provider()?))
    }

    /// Each is invoked once: what it did it must not do twice.
    pub fn own_functions(&self, allowed: Vec<String>) -> OwnFunctions {
        let config = self.for_tools().retry_config(RetryConfig::disabled());
        OwnFunctions::new(aws_sdk_lambda::Client::from_conf(config.build()), allowed)
    }

    pub fn tools(&self, function: &str) -> LambdaTools {
        LambdaTools::new(aws_sdk_lambda::Client::from_conf(self.for_tools().build()), function)
    }

    /// What a builder does not name it takes from the process's own: a limit for each attempt must be taken away.
    fn for_tools(&self) -> aws_sdk_lambda::config::Builder {
        let patience = TimeoutConfig::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .disable_operation_attempt_timeout()
            .operation_timeout(TOOL_PATIENCE);
        aws_sdk_lambda::config::Builder::from(&self.0).timeout_config(patience.build())
    }
}

/// For small requests: an answer that takes longer comes too late for a call.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_PATIENCE)
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(6))
        .build()
}

/// For recordings: a part of one has five megabytes.
fn transfers() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_PATIENCE)
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(90))
        .build()
}

fn credentials() -> SharedCredentialsProvider {
    if std::env::var_os("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some() {
        SharedCredentialsProvider::new(EcsCredentialsProvider::builder().build())
    } else {
        SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_may_take_all_its_time_in_one_attempt() {
        let aws = Aws(SdkConfig::builder().timeout_config(timeouts()).build());
        let config = aws.for_tools().build();
        let limits = config.timeout_config().unwrap();
        assert_eq!((limits.operation_attempt_timeout(), limits.operation_timeout()), (None, Some(TOOL_PATIENCE)));
    }
}
