//! First answers and first words: from a webhook with no process warm to its TwiML, and from a stream's `start` to the
//! greeting's first frame.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use local::call::{Caller, Config};
use local::cloud::{Cloud, Options};
use local::model::{Script, ScriptedModel};
use shared::calls::MediaPath;
use shared::twilio::signature::{HEADER, Signer};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) twiml: Duration,
    pub(crate) ws_connect: Duration,
}

/// With no environment warm: what a webhook and a handshake take, process start and emulator included.
pub(crate) async fn starts() -> Result<Cold> {
    let model = ScriptedModel::start(Script::pharmacy(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let mut options = Options::temporary();
    options.model_url = Some(model.url().parse()?);
    options.warm.insert("twiml".to_owned(), 0);
    options.warm.insert("ws-connect".to_owned(), 0);
    let cloud = Cloud::start(options).await?;
    let signer = Signer::new(cloud.twilio_auth_token());
    let cold = Cold { twiml: webhook(&cloud, &signer).await?, ws_connect: handshake(&cloud, &signer).await? };
    cloud.stop().await;
    model.stop().await;
    Ok(cold)
}

async fn webhook(cloud: &Cloud, signer: &Signer) -> Result<Duration> {
    let url = cloud.origin().join("/twiml")?;
    let form = [("CallSid", "CA0123456789abcdef0123456789abcdef"), ("From", "+15005550006"), ("To", "+15005550001")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let signature = signer.sign(url.as_str(), &form);
    let request = reqwest::Client::new().post(url).header(HEADER, signature).form(&form);
    let begun = Instant::now();
    request.send().await?.error_for_status()?.text().await?;
    Ok(begun.elapsed())
}

/// The relay's control socket went through the same function before: this one is warm.
async fn handshake(cloud: &Cloud, signer: &Signer) -> Result<Duration> {
    let url = cloud.public_wss_url();
    let mut request = url.as_str().into_client_request()?;
    request.headers_mut().insert(HEADER, signer.sign(url.as_str(), &[]).parse()?);
    let begun = Instant::now();
    let (socket, _) = tokio_tungstenite::connect_async(request).await?;
    let took = begun.elapsed();
    drop(socket);
    Ok(took)
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
