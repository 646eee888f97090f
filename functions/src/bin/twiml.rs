//! Answers Twilio's voice webhook and its callbacks.

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use functions::app::{self, StartError};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::TwimlConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    app::telemetry(app::environment("LOG_LEVEL").as_deref());
    let config = TwimlConfig::read(&app::environment).map_err(StartError::from)?;
    let app = app::twiml(&app::Aws::load().await, config);
    let handler = |event: LambdaEvent<ApiGatewayV2httpRequest>| async {
        let event = event;
        Ok::<_, Infallible>(app.handle(event.payload).await)
    };
    lambda_runtime::run(service_fn(handler)).await
}
