//! Holds calls: a session between each caller's stream and the model, until asked to go.

use std::error::Error;
use std::process::ExitCode;

use functions::app::{self, StartError};
use functions::relay;
use shared::config::RelayConfig;

#[tokio::main]
async fn main() -> ExitCode {
    app::telemetry();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(ToString::to_string);
            tracing::error!(cause, "the relay does not start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let aws = app::Aws::load().await;
    let environment = app::Environment::read(&aws).await?;
    let config = RelayConfig::read(&environment).map_err(StartError::from)?;
    let (settings, ports) = app::relay(&aws, config)?;
    Ok(relay::run(settings, ports).await?)
}
