//! A call's recording: to hear, to fetch, to pause.

use futures_util::future::join;
use http::{StatusCode, header};
use shared::calls::Call;
use shared::control::Control;
use shared::ids::CallSid;
use shared::ports::{Clock, LINKS_LAST, PortResult, RelayControl};
use shared::rfc3339;
use shared::session::OperatorCommand;
use url::Url;

use super::super::http::Response;
use super::answers::RecordingUrl;
use super::needs::{Records, Shelf};
use super::{Api, LONGEST_BODY, sound};

impl<S: Records, B: Shelf, M, R: RelayControl, T, X, C: Clock> Api<S, B, M, R, T, X, C> {
    pub(super) async fn recording(&self, sid: &CallSid) -> PortResult<Response> {
        let mut found = self.recordings.read_recording(sid, LONGEST_BODY).await?;
        if found.is_none() && self.mend(self.store.call(sid).await?).await? {
            found = self.recordings.read_recording(sid, LONGEST_BODY).await?;
        }
        Ok(found.map_or_else(Response::not_found, sound))
    }

    /// Where anybody may fetch it for some minutes, without the console's token.
    pub(super) async fn recording_url(&self, sid: &CallSid) -> PortResult<Response> {
        let call = self.store.call(sid).await?;
        let name = file_name(sid, call.as_ref());
        let mut url = self.recordings.recording_url(sid, &name).await?;
        if url.is_none() && self.mend(call).await? {
            url = self.recordings.recording_url(sid, &name).await?;
        }
        Ok(url.map_or_else(Response::not_found, |url| self.link(&url, &name)))
    }

    fn link(&self, url: &Url, name: &str) -> Response {
        let lasts_ms = u64::try_from(LINKS_LAST.as_millis()).unwrap_or_default();
        let expires_at = rfc3339::format(self.clock.unix_ms().saturating_add(lasts_ms));
        let link = Response::json(&RecordingUrl { url: url.clone(), expires_at, file_name: name.to_owned() });
        link.header(header::CACHE_CONTROL, "no-store")
    }

    /// Whether there is a recording now that its relay did not live to join.
    async fn mend(&self, call: Option<Call>) -> PortResult<bool> {
        match call.filter(|call| call.status.ended().is_some()) {
            Some(call) => self.recordings.mend_recording(&call.recorded()).await,
            None => Ok(false),
        }
    }

    pub(super) async fn pause_recording(&self, sid: &CallSid) -> PortResult<Response> {
        let (call, relays) = join(self.store.call(sid), self.store.relays()).await;
        let call = call?;
        if call.as_ref().is_some_and(|call| !call.agent.recording.may_pause) {
            return Ok(Response::problem(StatusCode::CONFLICT, "the agent says that its recordings are not paused"));
        }
        let command = Control::Operator { sid: sid.clone(), asks: OperatorCommand::PauseRecording };
        self.command(call, relays?, &command, Response::empty(StatusCode::ACCEPTED)).await
    }
}

/// Says when, and of which call; no number is in it.
fn file_name(sid: &CallSid, call: Option<&Call>) -> String {
    let began = call.map(|call| rfc3339::format(call.began_at_ms)).unwrap_or_default();
    let began: String = began.chars().take_while(|letter| *letter != '.').filter(|letter| *letter != ':').collect();
    let began = began.trim_end_matches('Z');
    if began.is_empty() { format!("call-{sid}.wav") } else { format!("call-{began}Z-{sid}.wav") }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;
    use shared::calls::CallStatus;

    #[test]
    fn a_file_is_named_for_the_hour_and_the_call() {
        let call = testing::call(CallStatus::Ringing);
        assert_eq!(file_name(&call.sid, Some(&call)), format!("call-2026-11-18T110640Z-{}.wav", testing::CALL));
        assert_eq!(file_name(&call.sid, None), format!("call-{}.wav", testing::CALL));
    }
}
