//! `$default`: carries a caller's frames to the relay.

use std::convert::Infallible;

use functions::app::{self, StartError};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::config::FramesConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    app::telemetry();
    let config = FramesConfig::read(&app::environment).map_err(StartError::from)?;
    let app = app::ws_default(&app::Aws::load().await, &config)?;
    let handler = |event: LambdaEvent<Box<RawValue>>| async {
        let event = event;
        Ok::<_, Infallible>(app.handle(&event.payload).await)
    };
    lambda_runtime::run(service_fn(handler)).await
}
