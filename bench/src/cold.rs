//! First answers and first words: from a process's start to its first answer, and from a stream's `start` to the
//! greeting's first frame.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use local::call::{Caller, Config};
use local::cloud::functions::ColdStart;
use local::cloud::{Cloud, Options};
use local::model::{Script, ScriptedModel};
use shared::calls::MediaPath;
use shared::twilio::signature::{HEADER, Signer};

/// They stand between a caller and the first word.
const FUNCTIONS: [&str; 2] = ["ws-connect", "twiml"];

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The first answer of a process that was started for it.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) function: &'static str,
    pub(crate) cold_start: ColdStart,
}

/// With no environment warm, an incoming call: its webhook, and the handshake of the relay's control socket before it.
/// What the two functions take is read where their processes ask for work; DynamoDB's share is in it.
pub(crate) async fn starts() -> Result<Vec<Cold>> {
    let mut options = Options::temporary();
    for function in FUNCTIONS {
        options.warm.insert(function.to_owned(), 0);
    }
    let model = ScriptedModel::start(Script::pharmacy(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    options.model_url = Some(model.url().parse()?);
    let cloud = Cloud::start(options).await?;
    webhook(&cloud).await?;
    let first = |function| cloud.functions().get(function)?.cold_starts().first().copied();
    let starts = FUNCTIONS
        .into_iter()
        .map(|function| Some(Cold { function, cold_start: first(function)? }))
        .collect::<Option<Vec<_>>>()
        .ok_or("both functions were called")?;
    cloud.stop().await;
    model.stop().await;
    Ok(starts)
}

async fn webhook(cloud: &Cloud) -> Result<()> {
    let url = cloud.origin().join("/twiml")?;
    let form = [("CallSid", "CA0123456789abcdef0123456789abcdef"), ("From", "+15005550006"), ("To", "+15005550001")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let signature = Signer::new(cloud.twilio_auth_token()).sign(url.as_str(), &form);
    let request = reqwest::Client::new().post(url).header(HEADER, signature).form(&form);
    request.send().await?.error_for_status()?.text().await?;
    Ok(())
}

#[derive(Debug)]
pub(crate) struct FirstWords {
    pub(crate) path: MediaPath,
    /// `start` to the first frame of the greeting, the scripted model's thinking included.
    pub(crate) greeting: Duration,
    /// The model's `speech_started` to `clear` on the wire: the bucket's upper bound.
    pub(crate) barge_in: Duration,
}

pub(crate) async fn first_words(path: MediaPath) -> Result<FirstWords> {
    const MODEL: &str = "think 0ms\npace 8\ngreeting\n  say agent-greeting \"Hello.\"";
    const CALLER: &str = "patience 10s\nwait for 1000ms of agent\nsay caller-goodbye \"Stop.\"\nhang up";
    let model = ScriptedModel::start(MODEL.parse()?, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let mut options = Options::temporary();
    options.media_path = path;
    options.model_url = Some(model.url().parse()?);
    let cloud = Cloud::start(options).await?;
    let mut config = Config::new(cloud.origin().join("/twiml")?, cloud.twilio_auth_token().clone());
    config.script = std::sync::Arc::new(CALLER.parse()?);
    let report = Caller::new(config).run().await;
    let greeting = report.streams.first().and_then(|stream| stream.first_audio_ms).ok_or("a greeting")?;
    let metrics = crate::load::metrics(&cloud).await?;
    let barge_in = crate::load::added(&metrics, "barge_in_seconds").p99;
    cloud.stop().await;
    model.stop().await;
    Ok(FirstWords { path, greeting: Duration::from_millis(greeting), barge_in })
}
