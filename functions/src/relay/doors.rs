//! The doors a relay has to the world. The composition root opens them; everything inside takes the narrowest one.

use std::fmt::Debug;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use shared::ports::{
    CallerSocket, Chronicle, Clock, CountSpending, Holdings, IndexCalls, ListWatchers, LookAtTokens, Peers, Placements,
    PortResult, Pulses, ReadCall, ReadHistory, ReadMusic, Recordings, Relays, RunTools, Telephony, Tokens,
    WatcherSocket, WriteCall,
};

/// What a relay is made of in one world: the cloud, or a test.
pub trait Doors: Debug + Send + Sync + 'static {
    type Store: ReadCall
        + ReadHistory
        + WriteCall
        + Chronicle
        + CountSpending
        + Holdings
        + IndexCalls
        + ListWatchers
        + LookAtTokens
        + Placements
        + Pulses
        + Tokens
        + Relays
        + Debug
        + 'static;
    type Peers: Peers + Debug + 'static;
    type Callers: CallerSocket + Debug + 'static;
    type Watchers: WatcherSocket + Debug + 'static;
    type Tools: RunTools + Debug + 'static;
    type Recordings: Recordings + Debug + 'static;
    type Music: ReadMusic + Debug + 'static;
    type Telephony: Telephony + Debug + 'static;
    type Signer: SignHandshake + Debug + 'static;
    type Clock: Clock + Debug + 'static;
}

/// One of each.
#[derive(Debug)]
pub struct Ports<D: Doors> {
    pub store: Arc<D::Store>,
    pub peers: Arc<D::Peers>,
    pub callers: Arc<D::Callers>,
    pub watchers: Arc<D::Watchers>,
    pub tools: Arc<D::Tools>,
    pub recordings: Arc<D::Recordings>,
    pub music: Arc<D::Music>,
    /// Without it a call is ended by closing its stream, and the TwiML that follows hangs up.
    pub telephony: Option<Arc<D::Telephony>>,
    pub signer: Arc<D::Signer>,
    pub clock: Arc<D::Clock>,
}

impl<D: Doors> Clone for Ports<D> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            peers: Arc::clone(&self.peers),
            callers: Arc::clone(&self.callers),
            watchers: Arc::clone(&self.watchers),
            tools: Arc::clone(&self.tools),
            recordings: Arc::clone(&self.recordings),
            music: Arc::clone(&self.music),
            telephony: self.telephony.clone(),
            signer: Arc::clone(&self.signer),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// `execute-api:Invoke` on the control API: signs the upgrade request by which a relay joins it.
pub trait SignHandshake: Send + Sync {
    /// The headers that make a GET of `url` with these `headers` acceptable.
    fn sign(
        &self,
        url: &url::Url,
        headers: &[(&'static str, String)],
    ) -> impl Future<Output = PortResult<Vec<(HeaderName, HeaderValue)>>> + Send;
}
