//! `make bench`: prints what a frame costs and what a relay carries, and writes it to `bench/RESULTS.md` with the machine it
//! was measured on.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod cold;
mod heart;
mod load;
mod machine;

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use clap::Parser;
use shared::calls::MediaPath;

#[derive(Debug, Parser)]
#[command(about = "What a frame costs and what a relay carries")]
struct Args {
    /// Concurrent calls in direct mode, one run each
    #[arg(long, value_delimiter = ',', default_value = "10,50,100")]
    direct: Vec<usize>,
    /// Concurrent calls in gateway mode, one run each
    #[arg(long, value_delimiter = ',', default_value = "1,10,20")]
    gateway: Vec<usize>,
    /// How long each run's calls last
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the table goes
    #[arg(long, default_value = "bench/RESULTS.md")]
    out: std::path::PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args = Args::parse();
    let mut page = format!(
        "# Results\n\nMeasured by `make bench` on {}, {} build. Caller, model, emulator and bridge share the machine.\n",
        machine::name(),
        if cfg!(debug_assertions) { "**dev** (not what goes to the cloud)" } else { "release" }
    );
    heart_table(&mut page)?;
    load_table(&mut page, &args).await?;
    first_table(&mut page).await?;
    println!("{page}");
    std::fs::write(&args.out, page)?;
    Ok(())
}

fn heart_table(page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## A frame in the heart\n\n| way | time | allocations |\n|---|---|---|")?;
    for heart::Row { what, per_frame, allocations_per_frame } in heart::measure() {
        writeln!(page, "| {what} | {} ns | {allocations_per_frame:.3} |", per_frame.as_nanos())?;
    }
    writeln!(
        page,
        "\nBest of nine rounds of 20,000 frames of 20 ms; \"with codecs\" parses the carrier's or the model's JSON and writes the other's."
    )
}

async fn load_table(page: &mut String, args: &Args) -> Result<(), Box<dyn Error + Send + Sync>> {
    writeln!(
        page,
        "\n## Calls at once\n\n| path | calls | echo round trip p50 / p99 | relay adds to model p50 / p99 | relay adds to caller p50 / p99 | frames lost | relay CPU, cores a call | relay memory a call |\n|---|---|---|---|---|---|---|---|"
    )?;
    let runs = args.direct.iter().map(|calls| (MediaPath::Direct, *calls));
    for (path, calls) in runs.chain(args.gateway.iter().map(|calls| (MediaPath::Gateway, *calls))) {
        let load = Box::pin(load::measure(path, calls, args.seconds)).await?;
        writeln!(
            page,
            "| {:?} | {} | {} / {} | ≤ {} / ≤ {} | ≤ {} / ≤ {} | {} | {:.4} | {:.0} KiB |",
            load.path,
            load.calls,
            ms(load.round_trip.p50),
            ms(load.round_trip.p99),
            ms(load.added_to_model.p50),
            ms(load.added_to_model.p99),
            ms(load.added_to_caller.p50),
            ms(load.added_to_caller.p99),
            load.lost,
            load.cpu_per_call_second,
            load.memory_per_call_kib,
        )?;
    }
    writeln!(
        page,
        "\nThe round trip is caller → bridge → model → bridge → caller, emulators included; what the relay itself adds comes from its histograms."
    )?;
    Ok(())
}

async fn first_table(page: &mut String) -> Result<(), Box<dyn Error + Send + Sync>> {
    writeln!(page, "\n## First words\n\n| what | took |\n|---|---|")?;
    for path in [MediaPath::Direct, MediaPath::Gateway] {
        let words = Box::pin(cold::first_words(path)).await?;
        writeln!(page, "| {:?}: `start` to the greeting's first frame | {} |", words.path, ms(words.greeting))?;
        writeln!(page, "| {:?}: `speech_started` to `clear` on the wire | ≤ {} |", words.path, ms(words.barge_in))?;
    }
    writeln!(
        page,
        "\n## Cold starts\n\n| function | process start to its first `next` | first event to its answer | together |\n|---|---|---|---|"
    )?;
    for cold::Cold { function, cold_start } in Box::pin(cold::starts()).await? {
        let (init, first) = (cold_start.init_duration, cold_start.duration);
        writeln!(page, "| `{function}` | {} | {} | {} |", ms(init), ms(first), ms(init + first))?;
    }
    Ok(())
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}
