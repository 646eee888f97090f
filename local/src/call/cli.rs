//! `voicebridge call`: one simulated phone call, or many at once.
#![allow(clippy::print_stdout, reason = "what it prints is for the person who called")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use shared::redact::Secret;
use tokio::task::JoinSet;
use url::Url;

use super::dial::{Caller, Config};
use super::faults::Faults;
use super::report::{CallReport, Ended, StreamReport};
use super::timeline::Script;
use crate::cloud::{LOCAL_ACCOUNT_SID, LOCAL_AUTH_TOKEN};

/// Place a simulated phone call: behaves as Twilio does, and says what a file tells it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number's voice webhook
    #[arg(long, default_value = "http://localhost:8787/twiml")]
    url: Url,
    /// Signs what is posted; must be the bridge's
    #[arg(long, env = "TWILIO_AUTH_TOKEN", default_value = LOCAL_AUTH_TOKEN, hide_env_values = true)]
    auth_token: String,
    #[arg(long, env = "TWILIO_ACCOUNT_SID", default_value = LOCAL_ACCOUNT_SID)]
    account_sid: String,
    /// The caller's number
    #[arg(long, default_value = "+15005550006")]
    from: String,
    /// The number that is called
    #[arg(long, default_value = "+15005550001")]
    to: String,
    /// What the caller does; without one the demo's conversation
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// What the network does: lost=R, duplicated=R, reordered=R, late=R (shares from 0 to 1), seed=N, abrupt,
    /// break=SECONDS
    #[arg(long, value_name = "FAULTS", default_value = "")]
    faults: Faults,
    /// So many calls at once, begun 50 ms apart
    #[arg(long, default_value_t = 1)]
    count: u32,
}

/// Calls, and succeeds if every call went as its script and Twilio want it.
pub async fn run(args: Args) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let script = Arc::new(args.script.as_deref().map(Script::load).transpose()?.unwrap_or_else(Script::pharmacy));
    let client = Client::builder().timeout(Duration::from_secs(15)).build()?;
    let mut calls = JoinSet::new();
    for number in 0..args.count {
        let caller = Caller::with_client(args.config(&script, number), client.clone());
        calls.spawn(async move {
            tokio::time::sleep(Duration::from_millis(50) * number).await;
            caller.run().await
        });
    }
    let mut failed = 0;
    while let Some(report) = calls.join_next().await {
        let report = report?;
        failed += u32::from(!report.ok());
        println!("{}", summary(&report));
    }
    if args.count > 1 {
        println!("{} calls, {failed} of them not as they should be", args.count);
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    fn config(&self, script: &Arc<Script>, number: u32) -> Config {
        let config = Config::new(self.url.clone(), Secret::new(self.auth_token.as_str()));
        Config {
            account_sid: self.account_sid.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            script: Arc::clone(script),
            faults: Faults { seed: self.faults.seed + u64::from(number), ..self.faults },
            ..config
        }
    }
}

fn summary(report: &CallReport) -> String {
    let ended = match &report.ended {
        Ended::CallerHungUp => "the caller hung up".to_owned(),
        Ended::ServerHungUp if report.script_played => "the other side hung up".to_owned(),
        Ended::ServerHungUp => "the other side hung up before the script was played".to_owned(),
        Ended::CallerGaveUp(why) => format!("the caller gave up: {why}"),
        Ended::Failed(why) => format!("failed: {why}"),
    };
    let head = format!("{}  {:.1} s, {ended}", report.sid, seconds(report.lasted_ms));
    let streams = report.streams.iter().map(stream_line);
    let said = report.said.iter().map(|text| format!("  <Say> {text}"));
    let warnings = report.warnings.iter().map(|warning| format!("  warning {}: {}", warning.code, warning.what));
    std::iter::once(head).chain(streams).chain(said).chain(warnings).collect::<Vec<_>>().join("\n")
}

fn stream_line(stream: &StreamReport) -> String {
    let first = stream.first_audio_ms.map_or("nothing heard".to_owned(), |ms| format!("first heard after {ms} ms"));
    let cut_in: Vec<String> = stream
        .barge_ins
        .iter()
        .map(|barge_in| match barge_in.cleared_after_ms {
            Some(ms) => format!("; cut in at {:.1} s, silenced after {ms} ms", seconds(barge_in.at_ms)),
            None => format!("; cut in at {:.1} s, not silenced", seconds(barge_in.at_ms)),
        })
        .collect();
    let received = seconds(stream.received_bytes / 8);
    format!("  {}  {:?}: {first}, {received:.1} s received{}", stream.sid, stream.end, cut_in.concat())
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
