//! `voicebridge`: the workshop's verbs.

#![allow(clippy::print_stderr, reason = "a person reads it")]

use std::error::Error;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local::{call, chaos, demo, model, serve};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(version, about = "Phone calls for speech-to-speech models, on your own machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the cloud on this machine, with the binaries that go to the real one
    Serve(serve::Args),
    /// One simulated call with greeting, tool call and barge-in; succeeds if all of it worked
    Demo(demo::Args),
    /// Place a simulated phone call: behaves as Twilio does, and says what a file tells it
    Call(call::Args),
    /// Many calls while processes die, stall and fail; succeeds if no caller would have noticed more than a gap
    Chaos(chaos::Args),
    /// Run the scripted model: a Realtime API that says what a file tells it
    Model(model::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    let result = match cli.command {
        Command::Serve(args) => Box::pin(serve::run(args)).await,
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Call(args) => Box::pin(call::run(args)).await,
        Command::Chaos(args) => Box::pin(chaos::run(args)).await,
        Command::Model(args) => Box::pin(model::run(args)).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("voicebridge: {}", causes(&*error));
        ExitCode::FAILURE
    })
}

fn log() {
    // A condition that does not hold is an answer to us and an error to the embedded DynamoDB.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}

/// An error and what lies behind it.
fn causes(error: &(dyn Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
