//! What each route takes and answers. That it is all of them, and no more, is what the handlers' tests check with every request
//! they make.

use http::Method;
use schemars::JsonSchema;
use serde_json::{Value, json};
use shared::agent::Agent;
use shared::hold_music::MusicFile;
use shared::twilio::setup::Setup;

use super::super::{answers, operator, transfer};
use super::schemas::Schemas;

pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// Name, type, and what it does.
    pub(super) query: Vec<(&'static str, &'static str, &'static str)>,
    pub(super) sends: Option<Sends>,
    pub(super) answers: Vec<Answer>,
}

/// By content type.
type Content = Vec<(&'static str, Value)>;

pub(super) struct Sends {
    pub(super) required: bool,
    pub(super) content: Content,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) content: Content,
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const WAV: &str = "audio/wav";
const LIMIT: (&str, &str, &str) = ("limit", "integer", "How many, 1 to 200; 50 unless said");
const AFTER: (&str, &str, &str) = ("after", "string", "What the page before called `next`");

fn operation(
    method: Method,
    path: &'static str,
    (id, tag): (&'static str, &'static str),
    summary: &'static str,
) -> Operation {
    Operation { method, path, id, tag, summary, query: Vec::new(), sends: None, answers: Vec::new() }
}

impl Operation {
    fn get(path: &'static str, name: (&'static str, &'static str), summary: &'static str) -> Self {
        operation(Method::GET, path, name, summary)
    }

    fn post(path: &'static str, name: (&'static str, &'static str), summary: &'static str) -> Self {
        operation(Method::POST, path, name, summary)
    }

    fn put(path: &'static str, name: (&'static str, &'static str), summary: &'static str) -> Self {
        operation(Method::PUT, path, name, summary)
    }

    fn delete(path: &'static str, name: (&'static str, &'static str), summary: &'static str) -> Self {
        operation(Method::DELETE, path, name, summary)
    }

    fn query(mut self, parameter: (&'static str, &'static str, &'static str)) -> Self {
        self.query.push(parameter);
        self
    }

    fn sends<T: JsonSchema>(self, schemas: &mut Schemas) -> Self {
        let schema = schemas.sent::<T>();
        self.sends_any(vec![(JSON, schema)])
    }

    fn sends_any(mut self, content: Content) -> Self {
        self.sends = Some(Sends { required: true, content });
        self
    }

    fn answers<T: JsonSchema>(self, status: u16, schemas: &mut Schemas) -> Self {
        let schema = schemas.answer::<T>();
        self.answers_any(status, "as asked", vec![(JSON, schema)])
    }

    fn answers_any(mut self, status: u16, description: &'static str, content: Content) -> Self {
        self.answers.push(Answer { status, description, content });
        self
    }

    fn accepted(self) -> Self {
        self.answers_any(202, "the relay that has the call was told", Vec::new())
    }

    fn done(self) -> Self {
        self.answers_any(204, "done", Vec::new())
    }

    fn sound(self) -> Self {
        let file = json!({ "type": "string", "contentMediaType": WAV });
        self.answers_any(200, "the sound", vec![(WAV, file)]).answers_any(
            307,
            "where it may be had: it is too large for an answer",
            Vec::new(),
        )
    }
}

pub(super) fn all(schemas: &mut Schemas) -> Vec<Operation> {
    [
        service(schemas),
        people(schemas),
        calls(schemas),
        commands(schemas),
        left(schemas),
        agents(schemas),
        rest(schemas),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn service(of: &mut Schemas) -> Vec<Operation> {
    let tag = "service";
    let text = json!({ "type": "string" });
    vec![
        Operation::get("/health", ("health", tag), "Whether it answers").answers_any(
            200,
            "OK",
            vec![("text/plain; charset=utf-8", text)],
        ),
        Operation::get("/status", ("status", tag), "How the whole is").answers::<answers::Status>(200, of),
        Operation::get("/stream", ("stream", tag), "For those who come without an upgrade").answers_any(
            426,
            "this is a WebSocket",
            vec![("application/problem+json", of.answer::<answers::Problem>())],
        ),
        Operation::get("/public-url", ("publicUrl", tag), "Where Twilio finds the webhooks")
            .answers::<answers::PublicUrl>(200, of),
        Operation::get("/tools", ("tools", tag), "The tools that an agent can be given")
            .answers::<answers::Tools>(200, of),
        Operation::get("/streams", ("streams", tag), "Callers' streams that are open")
            .answers::<answers::Streams>(200, of),
        Operation::get(
            "/realtime/sessions",
            ("sessions", tag),
            "Sessions with the model, and the relays that hold them",
        )
        .answers::<answers::Sessions>(200, of),
        Operation::get("/api/twilio", ("twilio", tag), "What Twilio knows of us, what is wrong with it, and its mend")
            .answers::<Setup>(200, of),
    ]
}

fn people(of: &mut Schemas) -> Vec<Operation> {
    let tag = "people";
    vec![
        Operation::get("/api/session", ("me", tag), "Who I am to the console").answers::<answers::Me>(200, of),
        Operation::post(
            "/api/session",
            ("signIn", tag),
            "A session for the token that the request carries, or a longer one",
        )
        .answers::<answers::Me>(201, of)
        .answers::<answers::Me>(200, of),
        Operation::post("/api/passes", ("givePass", tag), "A pass for somebody else, or for a script")
            .sends::<answers::WantedPass>(of)
            .answers::<answers::Given>(201, of),
        Operation::get("/api/audit", ("audit", tag), "Who did what")
            .query(LIMIT)
            .query(AFTER)
            .answers::<answers::Acts>(200, of),
        Operation::delete("/api/callers/{number}", ("eraseCaller", tag), "Everything about a caller is erased")
            .answers::<answers::Erased>(200, of)
            .answers::<answers::Erased>(202, of)
            .answers::<answers::Erased>(409, of),
    ]
}

fn calls(of: &mut Schemas) -> Vec<Operation> {
    let tag = "calls";
    vec![
        Operation::get("/calls", ("calls", tag), "Calls, newest first")
            .query(LIMIT)
            .query(AFTER)
            .answers::<answers::Calls>(200, of),
        Operation::get("/api/search", ("search", tag), "Calls that all of this is true of, once they are over")
            .query(("q", "string", "Words that were said; all of them, in any order"))
            .query(("number", "string", "Of either side"))
            .query(("agent", "string", "That answered"))
            .query(("ending", "string", "How it ended"))
            .query(("from", "string", "RFC 3339: it began then or later"))
            .query(("to", "string", "RFC 3339: it began then or before"))
            .query(("limit", "integer", "How many, 1 to 25; 10 unless said"))
            .query(AFTER)
            .answers::<answers::FoundCalls>(200, of),
        Operation::get("/api/insights", ("insights", tag), "How many calls there were, and how they went")
            .query(("from", "string", "RFC 3339; a day before `to` unless said"))
            .query(("to", "string", "RFC 3339; now unless said"))
            .answers::<answers::InsightsOf>(200, of),
        Operation::get("/calls/{sid}", ("call", tag), "A call, its transcript and what happened in it")
            .answers::<answers::CallDetail>(200, of),
        Operation::get("/calls/{sid}/recording", ("recording", tag), "Caller left, agent right").sound(),
        Operation::get(
            "/api/calls/{sid}/recording/url",
            ("recordingUrl", tag),
            "Where anybody may fetch it for some minutes",
        )
        .answers::<answers::RecordingUrl>(200, of),
        Operation::get("/api/calls/{sid}/messages", ("messagesOf", tag), "What this caller has left")
            .answers::<answers::Messages>(200, of),
        Operation::get("/api/calls/{sid}/tools", ("toolRuns", tag), "The tools that were called, and how it went")
            .answers::<answers::ToolRuns>(200, of),
    ]
}

fn commands(of: &mut Schemas) -> Vec<Operation> {
    let tag = "commands";
    let choice = json!({
        "type": "object",
        "properties": {
            "agent": { "type": "string", "description": "The call's own unless said" },
            "version": { "type": "integer", "description": "The one that counts unless said" },
            "instructions": {
                "type": "string",
                "description": "In place of its own, in this call alone; with neither agent nor version, of whoever answers now",
            },
        },
    });
    vec![
        Operation::post("/calls/{sid}/hangup", ("hangUp", tag), "Ends the call").accepted(),
        Operation::post("/api/calls/{sid}/hold", ("hold", tag), "The caller hears music until resumed").accepted(),
        Operation::post("/api/calls/{sid}/resume", ("resume", tag), "The caller is spoken to again").accepted(),
        Operation::post("/api/calls/{sid}/recording/pause", ("pauseRecording", tag), "Nothing is kept until resumed")
            .accepted(),
        Operation::post("/api/calls/{sid}/recording/resume", ("resumeRecording", tag), "What is said is kept again")
            .accepted(),
        Operation::post("/api/calls/{sid}/transfer", ("transfer", tag), "Puts the caller through")
            .sends::<transfer::Wanted>(of)
            .accepted(),
        Operation::post(
            "/api/calls/{sid}/whisper",
            ("whisper", tag),
            "Tells the agent something that the caller does not hear",
        )
        .sends::<operator::Words>(of)
        .accepted(),
        Operation::post(
            "/api/calls/{sid}/say",
            ("say", tag),
            "The agent says it, word for word, when nobody else speaks",
        )
        .sends::<operator::Words>(of)
        .accepted(),
        Operation::post("/api/calls/{sid}/agent", ("changeAgent", tag), "Another agent, or version, goes on")
            .sends_any(vec![(JSON, choice)])
            .answers::<answers::ChosenAgent>(202, of),
    ]
}

fn left(of: &mut Schemas) -> Vec<Operation> {
    let tag = "mailbox";
    vec![
        Operation::get("/api/messages", ("messages", tag), "What callers have left")
            .query(LIMIT)
            .answers::<answers::Messages>(200, of),
        Operation::get("/api/callbacks", ("callbacks", tag), "Who wants to be called back")
            .query(LIMIT)
            .answers::<answers::Callbacks>(200, of),
        Operation::delete("/api/callbacks/{sid}/{id}", ("cancelCallback", tag), "It is not due any more").done(),
    ]
}

fn agents(of: &mut Schemas) -> Vec<Operation> {
    let tag = "agents";
    let yaml = || json!({ "type": "string", "description": "The same document, in YAML" });
    let sent = of.sent::<Agent>();
    let document = || vec![(JSON, sent.clone()), (YAML, yaml())];
    let answer = of.answer::<Agent>();
    let agent = || vec![(JSON, answer.clone()), (YAML, yaml())];
    let version = json!({
        "type": "object",
        "properties": { "version": { "type": "integer" } },
        "required": ["version"],
    });
    vec![
        Operation::get("/api/agents", ("agents", tag), "All agents").answers::<answers::Agents>(200, of),
        Operation::post("/api/agents", ("createAgent", tag), "Another agent").sends_any(document()).answers_any(
            201,
            "its first version",
            agent(),
        ),
        Operation::post("/api/agents/validate", ("validateAgent", tag), "What is wrong with it, without saving it")
            .sends_any(document())
            .answers::<answers::Valid>(200, of),
        Operation::get("/api/agents/{id}", ("agent", tag), "The version that counts; its number is the ETag")
            .answers_any(200, "as it answers now", agent()),
        Operation::put("/api/agents/{id}", ("saveAgent", tag), "Another version; If-Match says which one was seen")
            .sends_any(document())
            .answers_any(200, "that version", agent())
            .answers_any(201, "its first version", agent()),
        Operation::delete("/api/agents/{id}", ("deleteAgent", tag), "It answers no more; its versions stay").done(),
        Operation::get("/api/agents/{id}/versions", ("agentVersions", tag), "All of them, newest first")
            .answers::<answers::Versions>(200, of),
        Operation::get("/api/agents/{id}/versions/{version}", ("agentVersion", tag), "One of them").answers_any(
            200,
            "as it was",
            agent(),
        ),
        Operation::post("/api/agents/{id}/restore", ("restoreAgent", tag), "An earlier version becomes the next")
            .sends_any(vec![(JSON, version)])
            .answers_any(200, "that version", agent())
            .answers_any(201, "an agent again", agent()),
        Operation::post("/api/tools/try", ("tryTool", tag), "Runs a tool of one's own as a call would")
            .sends::<answers::Trial>(of)
            .answers::<answers::Tried>(200, of),
    ]
}

fn rest(of: &mut Schemas) -> Vec<Operation> {
    let (numbers, music) = ("numbers", "music");
    let choice = json!({
        "type": "object",
        "properties": { "agent": { "type": "string" } },
        "required": ["agent"],
    });
    let file = json!({ "type": "string", "description": "WAV, MP3, FLAC or OGG", "contentMediaType": "audio/*" });
    let put = of.sent::<answers::FromUpload>();
    vec![
        Operation::get("/api/numbers", ("numbers", numbers), "Which agent answers which number")
            .answers::<answers::Numbers>(200, of),
        Operation::get("/api/numbers/{number}", ("number", numbers), "Which agent answers it")
            .answers::<answers::Assignment>(200, of),
        Operation::put("/api/numbers/{number}", ("assignNumber", numbers), "This agent answers it")
            .sends_any(vec![(JSON, choice)])
            .answers::<answers::Assignment>(200, of),
        Operation::delete("/api/numbers/{number}", ("releaseNumber", numbers), "The default agent answers it").done(),
        Operation::get("/hold-music/built-in", ("builtInMusic", music), "The piece that is always there").sound(),
        Operation::get("/hold-music/status", ("musicStatus", music), "How much there is, and what may be added")
            .answers::<answers::MusicStatus>(200, of),
        Operation::get("/hold-music/files", ("musicFiles", music), "What was uploaded")
            .answers::<answers::MusicFiles>(200, of),
        Operation::post("/hold-music/files", ("addMusic", music), "A file, or one that was put where /uploads says")
            .query(("title", "string", "Of a file that comes as the body"))
            .sends_any(vec![(JSON, put), ("audio/*", file)])
            .answers::<MusicFile>(201, of),
        Operation::get("/hold-music/files/{file}", ("listenToMusic", music), "As callers hear it").sound(),
        Operation::delete("/hold-music/files/{file}", ("deleteMusic", music), "Nobody hears it any more").done(),
        Operation::post("/hold-music/uploads", ("uploadMusic", music), "Where to put a large file")
            .sends::<answers::WantsUpload>(of)
            .answers::<answers::Upload>(201, of),
    ]
}
