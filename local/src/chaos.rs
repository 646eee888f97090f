//! `voicebridge chaos`: many calls while processes die, stall and fail, and a verdict on each call.
//!
//! The cloud, its processes and its storage are real; what goes wrong is drawn from a seed ([`plan`]) and carried out on
//! them (`breaker`). Callers and model hum ([`crate::hum`]), so every call is judged word for word ([`verdict`]).
#![allow(clippy::print_stdout, reason = "what it prints is for the person who started it")]

mod breaker;
mod calls;
mod house;
mod machine;
mod outcome;
pub mod plan;
mod soak;
pub mod verdict;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use shared::calls::MediaPath;
use tokio_util::sync::CancellationToken;

use crate::assets::CHAOS_MODEL;
use crate::call::interview::Questions;
use crate::model::Script;
use breaker::{Breaker, Done};
use calls::{Active, Phone, Until};
use house::{House, Wishes};
use machine::Watch;
use outcome::{Outcome, Run};
use plan::{Kind, Kinds, Planned, Wanted};
use soak::Samples;
use verdict::Limits;

/// What a call takes with all its questions, if nothing goes wrong: the plan's length follows from it.
const CALL: Duration = Duration::from_secs(36);
/// Of a rolling restart: a relay that is told to go lets calls end for so long, then hands them over.
const DRAIN: Duration = Duration::from_secs(4);
/// After the last call, before it is asked what is still held.
const REST: Duration = Duration::from_secs(3);

/// Many calls while processes die, stall and fail; succeeds if no caller would have noticed more than a gap
#[derive(Debug, clap::Args)]
pub struct Args {
    /// At least so many calls; they go on while faults do
    #[arg(long, default_value_t = 60)]
    calls: usize,
    /// So many at a time; 5 through the gateway, 16 direct
    #[arg(long)]
    at_once: Option<usize>,
    #[arg(long, default_value_t = 3)]
    relays: usize,
    /// Relays that are killed
    #[arg(long, default_value_t = 30)]
    kills: usize,
    /// What goes wrong is drawn from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the callers' audio reaches the relays: gateway or direct
    #[arg(long, env = "MEDIA_PATH", default_value = "gateway", value_parser = crate::serve::media_path)]
    media_path: MediaPath,
    /// all, none, or of kill,stop,lambda,model,store,frames,clock,disk
    #[arg(long, default_value = "all")]
    faults: Kinds,
    /// Instead of killing relays, replace them one after the other
    #[arg(long, conflicts_with_all = ["kills", "soak"])]
    rolling: bool,
    /// Without faults: calls come and go for so long (30m, 90s), and nothing may grow
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["kills", "faults"])]
    soak: Option<Duration>,
    /// Judge everything but how long it took: for a machine that others are busy on
    #[arg(long)]
    untimed: bool,
    /// Questions that each caller asks, at most 5
    #[arg(long, default_value_t = 5)]
    questions: usize,
    /// Add the run to the tables of this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where the logs go; those of a run that fails are always kept
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Print what would go wrong and when, and do nothing
    #[arg(long)]
    plan: bool,
    /// Where relay and functions are, if not beside this program
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u64 = number.parse().map_err(|_| "a time such as 90s or 30m is expected")?;
    Ok(Duration::from_secs(number * unit))
}

/// Runs it; the exit code says whether every claim holds.
pub async fn run(args: Args) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let plan = args.draw();
    if args.plan {
        plan.iter().for_each(|planned| println!("{:8.2}  {}", planned.at.as_secs_f64(), planned.fault));
        return Ok(ExitCode::SUCCESS);
    }
    let script: Script = CHAOS_MODEL.parse()?;
    println!("Starting a cloud with {} relays ({} path) …", args.relays, args.path_name());
    let house = House::start(&args.wishes(), script.clone()).await?;
    house.left_out.iter().for_each(|what| println!("Left out: {what}"));
    println!("{} calls at a time, {} faults.", args.at_once(), plan.len());
    let outcome = Box::pin(args.calls(&house, &script, &plan)).await?;
    println!("{outcome}");
    if let Some(file) = &args.report {
        outcome.write(file, &machine::description(), &outcome::commit().await)?;
    }
    args.keep_logs(house.cloud.logs(), &outcome);
    house.stop().await;
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    fn at_once(&self) -> usize {
        let usual = match self.media_path {
            MediaPath::Gateway => 5,
            MediaPath::Direct => 16,
        };
        self.at_once.unwrap_or(usual).clamp(1, self.calls.max(1))
    }

    fn path_name(&self) -> &'static str {
        match self.media_path {
            MediaPath::Gateway => "gateway",
            MediaPath::Direct => "direct",
        }
    }

    fn kind(&self) -> &'static str {
        match (self.rolling, self.soak) {
            (true, _) => "rolling",
            (false, Some(_)) => "soak",
            (false, None) => "kills",
        }
    }

    /// The faults that are drawn. A rolling restart is one by itself, and a soak is without.
    fn kinds(&self) -> Kinds {
        let mut kinds = self.faults.clone();
        if self.soak.is_some() || self.rolling {
            kinds.0.clear();
        }
        if self.kills == 0 {
            kinds.0.remove(&Kind::Kill);
            kinds.0.remove(&Kind::Stop);
        }
        kinds
    }

    fn draw(&self) -> Vec<Planned> {
        if self.rolling {
            return plan::roll(self.relays);
        }
        let rounds = u32::try_from(self.calls.div_ceil(self.at_once())).unwrap_or(u32::MAX);
        // The last calls should have time to show what became of the last faults.
        let length = (CALL * rounds).saturating_sub(CALL / 3);
        plan::draw(&Wanted { seed: self.seed, relays: self.relays, kills: self.kills, kinds: self.kinds(), length })
    }

    fn wishes(&self) -> Wishes {
        Wishes {
            path: self.media_path,
            relays: self.relays,
            kinds: self.kinds(),
            seed: self.seed,
            drain: DRAIN,
            programs: self.programs.clone(),
        }
    }

    fn phone(&self, house: &House, script: &Script) -> Result<Phone, Box<dyn Error + Send + Sync>> {
        Ok(Phone {
            webhook: house.cloud.origin().join("twiml")?,
            origin: house.cloud.origin().clone(),
            token: house.cloud.twilio_auth_token().clone(),
            questions: Arc::new(Questions::of(script, self.questions)),
            hurried: Arc::new(Questions::of(script, 1)),
            churn: self.soak.is_some(),
            spoil_frames: self.kinds().has(Kind::Frames) && self.media_path == MediaPath::Gateway,
            seed: self.seed,
            client: Client::builder().timeout(Duration::from_secs(15)).no_proxy().build()?,
        })
    }

    /// Places the calls, carries out the plan meanwhile, and judges.
    async fn calls(
        &self,
        house: &House,
        script: &Script,
        plan: &[Planned],
    ) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
        let phone = self.phone(house, script)?;
        let texts = phone.questions.texts.clone();
        let (active, done) = (Active::default(), CancellationToken::new());
        let until = Until { calls: if self.soak.is_some() { 0 } else { self.calls }, done: done.clone() };
        let (watch, began) = (Watch::start(&processes(house, self.relays)), Instant::now());
        let calling = calls::place(phone, self.at_once(), until, active.clone());
        let breaking = async {
            let broken = Breaker::new(house, active.clone(), self.relays).carry_out(plan, began).await;
            tokio::time::sleep_until((began + self.soak.unwrap_or_default()).into()).await;
            done.cancel();
            broken
        };
        let sampler = CancellationToken::new();
        let sampling = sample(house, self.relays, sampler.clone());
        let work = async {
            let results = tokio::join!(calling, breaking);
            sampler.cancel();
            results
        };
        let ((mut calls, Done { hits, skipped }), mut samples) = tokio::join!(work, sampling);
        let (load, lasted) = (watch.stop(&processes(house, self.relays)), began.elapsed());
        calls::complete(&mut calls, &house.cloud).await;
        tokio::time::sleep(REST).await;
        let courses = if self.soak.is_some() { samples.courses() } else { last(house, self.relays, &mut samples) };
        let mut outcome = Outcome {
            run: Run {
                kind: self.kind(),
                path: self.path_name(),
                seed: self.seed,
                at_once: self.at_once(),
                relays: self.relays,
                kinds: self.kinds(),
                untimed: self.untimed,
                began,
                lasted,
            },
            failures: if self.soak.is_some() { soak::flat(&courses) } else { soak::given_back(&courses) },
            calls,
            hits,
            left_out: house.left_out.clone(),
            courses,
            load,
            limits: Limits::of(self.media_path, self.rolling),
        };
        outcome.judge(&texts, skipped);
        Ok(outcome)
    }

    fn keep_logs(&self, logs: &Path, outcome: &Outcome) {
        let failed = PathBuf::from(".voicebridge/chaos");
        let Some(folder) = self.keep.clone().or((!outcome.is_good()).then_some(failed)) else { return };
        let folder = folder.join(format!("{}-{}-{}", self.kind(), self.path_name(), self.seed));
        match crate::demo::copy_logs(logs, &folder) {
            Ok(()) => println!("The logs of every process are in {}.", folder.display()),
            Err(error) => println!("The logs could not be kept: {error}"),
        }
    }
}

fn pids(house: &House, relays: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
    (0..relays).filter_map(|relay| Some((relay, house.cloud.relay_pid(relay)?)))
}

/// All that run now.
fn processes(house: &House, relays: usize) -> Vec<u32> {
    let functions = house.cloud.functions().pids();
    pids(house, relays).map(|(_, pid)| pid).chain(functions).collect()
}

async fn sample(house: &House, relays: usize, stop: CancellationToken) -> Samples {
    let mut samples = Samples::default();
    loop {
        samples.take(pids(house, relays));
        if stop.run_until_cancelled(tokio::time::sleep(soak::EVERY)).await.is_none() {
            return samples;
        }
    }
}

/// What each relay held at first, and what it holds now that all calls are over.
fn last(house: &House, relays: usize, samples: &mut Samples) -> Vec<soak::Course> {
    samples.take(pids(house, relays));
    samples.ends()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_chaos_is_understood() {
        let script: Script = CHAOS_MODEL.parse().unwrap();
        let questions = Questions::of(&script, 9);
        assert_eq!((questions.exchanges.len(), questions.prompts.len()), (5, 2));
        assert!(questions.greeting.is_some());
        let tools: Vec<&str> = script.turns.iter().filter_map(|turn| turn.tool()).collect();
        assert_eq!(tools, ["lookup_menu", "lookup_prescription"], "each tool belongs to one question");
    }

    #[test]
    fn times_are_read() {
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err());
    }
}
