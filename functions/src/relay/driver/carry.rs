//! From what the session wants done to the hands that do it. Nothing here waits.

use std::sync::Arc;

use shared::calls::CallStatus;
use shared::ids::SocketNumber;
use shared::model::{ModelCommand, Severity};
use shared::session::{Event, Input, ModelLoss, Output, ToCaller};
use shared::time::CallTime;

use super::{Cause, Driver, End};
use crate::relay::caller_link::Parcel;
use crate::relay::doors::Doors;
use crate::relay::metrics::label;
use crate::relay::model_socket::Slow;

impl<D: Doors> Driver<D> {
    pub(super) fn carry(&mut self, now: CallTime, cause: Cause, output: Output) {
        match output {
            Output::Caller(message) => self.tell_caller(cause, message),
            Output::Model(socket, command) => self.tell_model(cause, socket, command),
            Output::DialModel(socket) => {
                self.models.open(socket, self.common.dialler.dial(&self.sid, self.session.agent(), self.dialect));
            }
            Output::CloseModel(socket) => self.models.close(socket),
            Output::RunTool(request) => {
                self.tools.run(self.scribe.written(), Arc::clone(&self.common.ports.tools), request);
            }
            Output::CancelTool(call) => self.tools.cancel(&call),
            Output::Carrier(errand) => {
                if let Some((number, outcome)) = self.errands.run(self.scribe.written(), errand) {
                    self.aftermath.push_back(Input::Carried { number, outcome });
                }
            }
            Output::Record(op) => {
                self.showing.sound(&op);
                if let Some(recorder) = &self.recorder {
                    recorder.record(op);
                }
            }
            Output::Transcript(line) => {
                self.showing.line(&line);
                self.scribe.line(line);
            }
            Output::Speaking(line) => self.showing.spoken_so_far(line),
            Output::Quality(quality) => self.showing.quality(now, quality),
            Output::ToolWords(words) => self.showing.tool(words),
            Output::Event(event) => self.note(now, event),
            // How a call ended is written down by `finish`, which has to know whether that was still ours to say.
            Output::Status(CallStatus::Ended(_)) => {}
            Output::Status(status) => {
                self.showing.status(status);
                self.scribe.status(status);
            }
            Output::Agent(agent) => {
                self.showing.agent(&agent);
                self.scribe.agent(agent);
            }
            Output::HangUp(ending) => self.end = Some(End::HungUp(ending)),
            Output::Journal(journal) => self.scribe.journal(journal),
            Output::KeepSpeech { from, mulaw } => self.scribe.speech(from, mulaw),
            Output::CountSpent(amount) => self.purse.count(amount),
            Output::LetGo(journal) => self.end = Some(End::LetGo(journal)),
        }
    }

    fn tell_caller(&mut self, cause: Cause, message: ToCaller) {
        if !self.links.send(Parcel { at: cause.at, barge_in: cause.barge_in, message }) {
            self.common.metrics.frames_dropped.get_or_create(&label("no_caller")).inc();
        }
    }

    fn tell_model(&mut self, cause: Cause, socket: SocketNumber, command: ModelCommand) {
        match self.models.send(socket, cause.at, command) {
            Some(Ok(())) => {}
            Some(Err(Slow)) => {
                self.models.close(socket);
                let cause = ModelLoss { code: "slow".to_owned(), severity: Severity::Retry };
                self.aftermath.push_back(Input::ModelDisconnected { socket, cause });
            }
            None => _ = self.common.metrics.frames_dropped.get_or_create(&label("no_model")).inc(),
        }
    }

    fn note(&mut self, now: CallTime, event: Event) {
        tracing::info!(call = %self.sid, at_ms = now.as_millis(), ?event);
        self.told.note(&event, &self.common.metrics, &self.session.agent().tools);
        let number = self.scribe.event(now, event.clone());
        self.showing.event(number, now, event);
    }
}
