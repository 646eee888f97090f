//! What can be chosen about a cloud before it starts. The defaults are those of `voicebridge serve`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use shared::calls::MediaPath;
use url::Url;

use super::websocket_api::{Jitter, SocketLimits};
use crate::call::exchange::{Exchange, PhoneNumbers};

/// Where `make web` builds the console.
pub const CONSOLE: &str = "web/dist";

#[derive(Debug, Clone)]
pub struct Options {
    /// Of the origin; 0 takes a free one.
    pub port: u16,
    pub data: Data,
    pub media_path: MediaPath,
    /// The keys a person sets: those of the `.env`. Others than the project's are not passed on.
    pub env: BTreeMap<String, String>,
    /// Instead of the vendor's: `ws://127.0.0.1:port/v1/realtime`.
    pub model_url: Option<Url>,
    /// None is allowed: then there is a gateway and nobody to answer calls.
    pub relays: usize,
    /// How long calls may go on when the cloud stops.
    pub drain: Duration,
    /// After that a relay may put its things away for so long, and is killed.
    pub farewell: Duration,
    /// Most processes of a function at a time, if not as many as usual. By the function's name.
    pub environments: BTreeMap<String, usize>,
    /// Processes of a function that are there before anybody calls, if not as many as usual.
    pub warm: BTreeMap<String, usize>,
    /// How long an invocation of a function may take, if not as long as usual. By the function's name.
    pub timeouts: BTreeMap<String, Duration>,
    /// What runs instead of the project's own binaries. By the function's name.
    pub programs: BTreeMap<String, Program>,
    /// Where the project's binaries are, if not beside the running program.
    pub program_folder: Option<PathBuf>,
    /// The built console; what is not there is not served.
    pub console: PathBuf,
    /// How long the HTTP API waits for a function.
    pub http_integration: Duration,
    pub sockets: SocketLimits,
    /// Whose REST API the relays use, unless the settings name an account of a person's own. It knows the callers that
    /// are entered in it, and no others.
    pub exchange: Option<Exchange>,
    /// Of an account that functions see, unless the settings name one of a person's own.
    pub phone_numbers: Option<PhoneNumbers>,
    pub faults: Faults,
}

/// Where tables, objects and logs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Kept: `.voicebridge/`.
    Folder(PathBuf),
    /// In memory and in a folder that goes away with the cloud.
    Temporary,
}

#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    pub args: Vec<String>,
}

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Callers' frames reach the functions late and out of order.
    pub jitter: Option<Jitter>,
    /// A relay that has died is started again after so long, whatever it died of and however often.
    pub restart_after: Option<Duration>,
    /// Notes who posts to callers, and when: [`Cloud::posts`](super::Cloud::posts).
    pub witness: bool,
    /// Puts a layer before DynamoDB and S3 that can be told to fail: [`Cloud::weather`](super::Cloud::weather).
    pub weather: bool,
    /// What single relays have that others have not.
    pub relays: BTreeMap<usize, Peculiar>,
}

/// A relay that is not like the others.
#[derive(Debug, Clone, Default)]
pub struct Peculiar {
    pub env: BTreeMap<String, String>,
    /// Runs the relay, whose path is its last argument, in the same process.
    pub under: Option<Program>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 8787,
            data: Data::Folder(PathBuf::from(".voicebridge")),
            media_path: MediaPath::Gateway,
            env: BTreeMap::new(),
            model_url: None,
            relays: 1,
            drain: Duration::from_secs(2),
            farewell: Duration::from_secs(10),
            environments: BTreeMap::new(),
            warm: BTreeMap::new(),
            timeouts: BTreeMap::new(),
            programs: BTreeMap::new(),
            program_folder: None,
            console: PathBuf::from(CONSOLE),
            http_integration: Duration::from_secs(30),
            sockets: SocketLimits::default(),
            exchange: None,
            phone_numbers: None,
            faults: Faults::default(),
        }
    }
}

impl Options {
    /// For a test: any port, nothing kept.
    pub fn temporary() -> Self {
        Self { port: 0, data: Data::Temporary, ..Self::default() }
    }
}
