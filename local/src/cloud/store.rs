//! What the template creates in DynamoDB and S3, and something to look up in it.

use aws_sdk_dynamodb::error::DisplayErrorContext;
use functions::adapters::dynamo::{Store, schema, seed};

use super::StartError;

/// Creates the table if it is not there yet, and puts the demonstration's data into it.
pub(crate) async fn ensure_table(client: aws_sdk_dynamodb::Client, table: &str) -> Result<(), StartError> {
    let failed = |error: shared::ports::PortError| StartError::Store(error.to_string());
    schema::ensure_table(&client, table).await.map_err(failed)?;
    seed(&Store::new(client, table)).await.map_err(failed)
}

/// Creates the bucket if it is not there yet.
pub(crate) async fn ensure_bucket(client: &aws_sdk_s3::Client, bucket: &str) -> Result<(), StartError> {
    if client.head_bucket().bucket(bucket).send().await.is_ok() {
        return Ok(());
    }
    let created = client.create_bucket().bucket(bucket).send().await;
    created.map(drop).map_err(|error| StartError::Store(DisplayErrorContext(error).to_string()))
}
