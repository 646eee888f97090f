//! Answers the console and the curious.

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use functions::app::{self, StartError};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::ApiConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    app::telemetry();
    let aws = app::Aws::load().await;
    let environment = app::Environment::read(&aws).await.map_err(StartError::from)?;
    let config = ApiConfig::read(&environment).map_err(StartError::from)?;
    let app = app::api(&aws, config);
    let handler = |event: LambdaEvent<ApiGatewayV2httpRequest>| async {
        let event = event;
        // Boxed, as in `twiml`.
        Ok::<_, Infallible>(Box::pin(app.handle(event.payload)).await)
    };
    lambda_runtime::run(service_fn(handler)).await
}
