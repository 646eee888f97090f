//! Runs a tool for the model.

use std::convert::Infallible;

use functions::app::{self, StartError};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::ToolsConfig;
use shared::tools::ToolRequest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    app::telemetry();
    let config = ToolsConfig::read(&app::environment).map_err(StartError::from)?;
    let app = app::tool_call(&app::Aws::load().await, config);
    let handler = |event: LambdaEvent<ToolRequest>| async {
        let event = event;
        Ok::<_, Infallible>(app.handle(&event.payload).await)
    };
    lambda_runtime::run(service_fn(handler)).await
}
