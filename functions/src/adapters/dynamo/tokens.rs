//! Stream tokens: stored as a hash, redeemed once.

use aws_sdk_dynamodb::types::ReturnValue;
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult, Random as _, Tokens};
use shared::redact::Secret;

use super::super::random::SystemRandom;
use super::super::sdk::port_error;
use super::Store;
use super::item::{number, part, text};
use super::schema::{EXPIRES, META, token_key};

impl Tokens for Store {
    async fn issue_token(&self, token: &Secret, call: &CallSid, expires_at_ms: u64) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request
            .item("pk", text(token_key(token)))
            .item("sk", text(META))
            .item("sid", text(call.as_str()))
            .item("valid_until_ms", number(expires_at_ms))
            .item(EXPIRES, number(expires_at_ms.div_ceil(1000)));
        request.send().await.map(drop).map_err(|error| port_error("issue token", &error))
    }

    /// Marked as used, not deleted: the mark is this attempt's own, so that a repetition by the SDK of a write whose
    /// answer was lost is not taken for a second use.
    async fn redeem_token(&self, token: &Secret) -> PortResult<CallSid> {
        let request = self
            .update(token_key(token), META)
            .update_expression("SET used_by = :me")
            .condition_expression("valid_until_ms > :now AND (attribute_not_exists(used_by) OR used_by = :me)")
            .expression_attribute_values(":me", text(SystemRandom.token()?.reveal()))
            .expression_attribute_values(":now", number(self.now_ms()))
            .return_values(ReturnValue::AllNew);
        let answer = request.send().await.map_err(|error| match error.as_service_error() {
            Some(cause) if cause.is_conditional_check_failed_exception() => PortError::Gone,
            _ => port_error("redeem token", &error),
        })?;
        let sid = answer.attributes.and_then(|mut item| item.remove("sid"));
        part(sid.ok_or_else(|| PortError::Corrupt("a token of no call".to_owned()))?)
    }
}
