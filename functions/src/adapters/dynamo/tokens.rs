//! Stream tokens: stored as a hash, redeemed once.

use aws_sdk_dynamodb::types::ReturnValue;
use shared::calls::{Bearer, StreamPass};
use shared::ids::CallSid;
use shared::ports::{LookAtTokens, PortError, PortResult, Random as _, Tokens};
use shared::redact::Secret;

use super::super::random::SystemRandom;
use super::super::sdk::port_error;
use super::Store;
use super::item::{number, part, text, value, whole};
use super::schema::{EXPIRES, META, token_key};

impl Tokens for Store {
    async fn issue_token(&self, token: &Secret, pass: &StreamPass) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request
            .item("pk", text(token_key(token)))
            .item("sk", text(META))
            .item("sid", text(pass.call.as_str()))
            .item("bearer", value(&pass.bearer)?)
            .item("valid_until_ms", number(pass.valid_until_ms))
            .item(EXPIRES, number(pass.valid_until_ms.div_ceil(1000)));
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

impl LookAtTokens for Store {
    async fn stream_pass(&self, token: &Secret) -> PortResult<Option<StreamPass>> {
        let Some(mut item) = self.get(token_key(token), META).await? else { return Ok(None) };
        let valid_until_ms = whole(&item, "valid_until_ms").unwrap_or_default();
        let (Some(sid), Some(bearer)) = (item.remove("sid"), item.remove("bearer")) else { return Ok(None) };
        if item.contains_key("used_by") || valid_until_ms <= self.now_ms() {
            return Ok(None);
        }
        let (call, bearer): (CallSid, Bearer) = (part(sid)?, part(bearer)?);
        Ok(Some(StreamPass { call, bearer, valid_until_ms }))
    }
}
