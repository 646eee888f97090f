//! `voicebridge demo`: the cloud on this laptop, one simulated call through it, and a verdict.
//!
//! Everything is real but its ends: the caller and the model keep to scripts. What it shows comes from the public API
//! while the call runs; what it judges comes from all three: the API, the caller's report, the model's.
#![allow(clippy::print_stdout, reason = "the demo is for somebody who watches")]

mod conference;
mod hold_music;
mod scenario;
mod slow_weather;
mod tape;
mod transfer;
mod verdict;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::calls::MediaPath;

use crate::api::{Api, Record};
use crate::call::exchange::Exchange;
use crate::call::{CallReport, Caller, Config};
use crate::cloud::{Cloud, Data, Options};
use crate::model::{Handle, ScriptedModel};
use scenario::Scenario;
use tape::Tape;
use verdict::Evidence;

const POLL: Duration = Duration::from_millis(250);
/// After the call: how long the record and the recording may take to be complete.
const AFTERMATH: Duration = Duration::from_secs(20);

/// One simulated call that shows something; succeeds if all of it worked
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How the caller's audio reaches the relay: gateway or direct
    #[arg(long, env = "MEDIA_PATH", default_value = "gateway", value_parser = crate::serve::media_path)]
    media_path: MediaPath,
    /// What is shown
    #[arg(long, env = "SCENARIO", value_enum, default_value_t)]
    scenario: Scenario,
    /// Where the recording goes
    #[arg(long, value_name = "FOLDER", default_value = ".voicebridge/demo")]
    folder: PathBuf,
}

/// Runs the demo; the exit code says whether it worked.
pub async fn run(args: Args) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let model = ScriptedModel::start(args.scenario.model()?, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    println!("Starting the cloud on this machine ({} path) …", path_name(args.media_path));
    let mut options = options(&args, &model)?;
    args.scenario.prepare(&mut options).await?;
    let exchange = options.exchange.clone();
    let cloud = Cloud::start(options).await?;
    args.scenario.furnish(&cloud).await?;
    println!("It is at {}. A simulated caller rings; the scripted model answers.\n", cloud.origin());
    let evidence = Box::pin(call(&cloud, &model, exchange, &args)).await;
    let logs = cloud.logs().to_owned();
    let verdict = evidence.map(|evidence| args.scenario.judge(&evidence));
    if verdict.as_ref().is_ok_and(verdict::Verdict::is_good) {
        cloud.stop().await;
        model.stop().await;
    } else {
        keep_logs(&logs, &args.folder);
    }
    let verdict = verdict?;
    println!("{verdict}");
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(args: &Args, model: &Handle) -> Result<Options, url::ParseError> {
    Ok(Options {
        port: 0,
        data: Data::Temporary,
        media_path: args.media_path,
        env: args.scenario.env(),
        model_url: Some(model.url().parse()?),
        ..Options::default()
    })
}

fn path_name(path: MediaPath) -> &'static str {
    match path {
        MediaPath::Gateway => "gateway",
        MediaPath::Direct => "direct",
    }
}

/// Places the call, shows it as it goes, and gathers what is known of it afterwards.
async fn call(
    cloud: &Cloud,
    model: &Handle,
    exchange: Option<Exchange>,
    args: &Args,
) -> Result<Evidence, Box<dyn Error + Send + Sync>> {
    let config = Config::new(cloud.origin().join("twiml")?, cloud.twilio_auth_token().clone());
    let config = Config { script: Arc::new(args.scenario.caller()?), exchange: exchange.clone(), ..config };
    let api = Api::new(cloud.origin(), &config.call_sid)?;
    let began = Instant::now();
    let caller = tokio::spawn(Caller::new(config).run());
    let mut tape = Tape::new();
    while !caller.is_finished() {
        show(&api, &mut tape).await;
        tokio::time::sleep(POLL).await;
    }
    let report: CallReport = caller.await?;
    let (record, recording) = aftermath(&api).await;
    tape.take(record.as_ref(), true).iter().for_each(|line| println!("{line}"));
    println!("\n  {:.0} s, {} TwiML documents\n", began.elapsed().as_secs_f64(), report.documents);
    let file = recording.as_deref().map(|wav| save(&args.folder, &report.sid, wav)).transpose()?;
    Ok(Evidence {
        record,
        recording,
        file,
        session: model.sessions().into_iter().next(),
        tool_processes: cloud.functions().get("tool-call").map_or(0, |function| function.environments()),
        talks: exchange.as_ref().map(Exchange::talks).unwrap_or_default(),
        carrier_warnings: exchange.map(|exchange| exchange.warnings()).unwrap_or_default(),
        report,
    })
}

async fn show(api: &Api, tape: &mut Tape) {
    // What cannot be read now is read a moment later.
    if let Ok(Some(record)) = api.record().await {
        tape.take(Some(&record), false).iter().for_each(|line| println!("{line}"));
    }
}

/// Waits until the call is told as ended and its recording can be had, and no longer than the deadline.
async fn aftermath(api: &Api) -> (Option<Record>, Option<Vec<u8>>) {
    let deadline = Instant::now() + AFTERMATH;
    loop {
        let record = api.record().await.ok().flatten();
        let recording = api.recording().await.ok().flatten();
        let ended = record.as_ref().is_some_and(Record::has_ended);
        if (ended && recording.is_some()) || Instant::now() >= deadline {
            return (record, recording);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn save(folder: &Path, sid: &str, wav: &[u8]) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(sid).with_extension("wav");
    std::fs::write(&file, wav)?;
    Ok(file)
}

/// A failed demo's logs outlive its temporary folder.
fn keep_logs(logs: &Path, folder: &Path) {
    let kept = folder.join("logs");
    let copied = copy_logs(logs, &kept);
    match copied {
        Ok(()) => println!("The logs of every process are in {}.", kept.display()),
        Err(error) => println!("The logs could not be kept: {error}"),
    }
}

pub(crate) fn copy_logs(logs: &Path, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(logs)? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(())
}
