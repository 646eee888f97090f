//! `voicebridge model`: the scripted model on its own, for any client of the Realtime API.
#![allow(clippy::print_stdout, reason = "what it prints is for the person who started it")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use super::script::Script;
use super::server::ScriptedModel;

/// Run the scripted model: a Realtime API that says what a file tells it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The script; without one the demo's pharmacy
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Send back every byte instead
    #[arg(long, conflicts_with = "script")]
    echo: bool,
    /// Where to listen, on this machine only
    #[arg(long, default_value_t = 8790)]
    port: u16,
}

/// Serves until interrupted.
pub async fn run(args: Args) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let script = match &args.script {
        _ if args.echo => Script::echo(),
        Some(path) => Script::load(path)?,
        None => Script::pharmacy(),
    };
    let model = ScriptedModel::start(script, SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
    println!("The scripted model listens. For a bridge:\n\n  OPENAI_REALTIME_URL={} OPENAI_API_KEY=any", model.url());
    tokio::select! {
        served = model.forever() => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}
