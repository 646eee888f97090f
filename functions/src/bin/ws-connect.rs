//! `$connect`: who may open a WebSocket.

use std::convert::Infallible;

use functions::app::{self, StartError};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::config::ConnectConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    app::telemetry();
    let aws = app::Aws::load().await;
    let environment = app::Environment::read(&aws).await.map_err(StartError::from)?;
    let config = ConnectConfig::read(&environment).map_err(StartError::from)?;
    let app = app::ws_connect(&aws, &config);
    let handler = |event: LambdaEvent<Box<RawValue>>| async {
        let event = event;
        Ok::<_, Infallible>(app.handle(&event.payload).await)
    };
    lambda_runtime::run(service_fn(handler)).await
}
