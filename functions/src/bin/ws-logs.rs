//! The consoles' WebSocket: who may watch, and what they have missed.

use std::convert::Infallible;

use functions::app::{self, StartError};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::config::LogsConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    app::telemetry();
    let aws = app::Aws::load().await;
    let environment = app::Environment::read(&aws).await.map_err(StartError::from)?;
    let config = LogsConfig::read(&environment).map_err(StartError::from)?;
    let app = app::ws_logs(&aws, &config);
    let handler = |event: LambdaEvent<Box<RawValue>>| async {
        let event = event;
        Ok::<_, Infallible>(Box::pin(app.handle(&event.payload)).await)
    };
    lambda_runtime::run(service_fn(handler)).await
}
