//! `voicebridge serve`: the cloud on this laptop until somebody stops it.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use shared::calls::MediaPath;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use crate::call::exchange::PhoneNumbers;
use crate::cloud::{CONSOLE, Cloud, Data, Faults, Jitter, Options};
use crate::dotenv;
use crate::model::{self, Script, ScriptedModel};

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where everything is to be found; 0 takes a free port; PORT if not given, or 8787
    #[arg(long)]
    port: Option<u16>,
    /// Keeps tables, recordings and logs
    #[arg(long, value_name = "FOLDER", default_value = ".voicebridge")]
    data: PathBuf,
    /// Keep nothing
    #[arg(long, conflicts_with = "data")]
    temporary: bool,
    /// Settings; what is set in the environment goes before them
    #[arg(long, value_name = "FILE", default_value = ".env")]
    env_file: PathBuf,
    /// How the caller's audio reaches the relay: gateway or direct; MEDIA_PATH if not given
    #[arg(long, value_parser = media_path)]
    media_path: Option<MediaPath>,
    /// A model at another address than OpenAI's
    #[arg(long, value_name = "URL")]
    model_url: Option<Url>,
    /// What the scripted model says when there is no key
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// How many relays
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    relays: usize,
    /// Seconds that calls may go on after a Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    drain: u64,
    /// Most processes of a function: ws-default=8
    #[arg(long, value_name = "FUNCTION=COUNT", value_parser = environments)]
    environments: Vec<(String, usize)>,
    /// Processes of a function that are there from the beginning: ws-default=3
    #[arg(long, value_name = "FUNCTION=COUNT", value_parser = environments)]
    warm: Vec<(String, usize)>,
    /// Where the other binaries are, if not beside this one
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// A Twilio account of its own, with numbers to try what the console does with them; calls are not made by it
    #[arg(long)]
    numbers: bool,
    /// The built console
    #[arg(long, value_name = "FOLDER", default_value = CONSOLE)]
    console: PathBuf,
    /// Delay each of a caller's frames by up to so many milliseconds, which puts them out of order
    #[arg(long, value_name = "MILLISECONDS")]
    jitter: Option<u64>,
    /// The same seed makes the same delays
    #[arg(long, default_value_t = 1, requires = "jitter")]
    seed: u64,
}

pub async fn run(args: Args) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let mut stop = Stop::listen()?;
    let script = args.script.clone();
    let mut options = args.options(std::env::vars())?;
    let speaker = speaker(&options);
    // Lives as long as the cloud that talks to it.
    let scripted = if speaker == Speaker::Script { Some(scripted_model(script).await?) } else { None };
    if let Some(model) = &scripted {
        options.model_url = Some(Url::parse(&model.url())?);
    }
    let has_numbers = options.phone_numbers.is_some();
    let Some(cloud) = stop.or(Cloud::start(options)).await else { return Ok(ExitCode::SUCCESS) };
    let cloud = cloud?;
    println!("{}", welcome(&cloud, &speaker));
    if has_numbers {
        println!("  Its numbers are at {}, as Twilio's are at https://api.twilio.com.", cloud.lambda_url());
    }
    stop.asked().await;
    println!("Stopping. Once more to stop at once.");
    // Dropped in the middle, the cloud kills what is left.
    let _ = stop.or(cloud.stop()).await;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// What the flags, the environment and the `.env` say together.
    fn options(
        self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Options, Box<dyn Error + Send + Sync>> {
        let mut env = dotenv::load(&self.env_file)?;
        env.extend(environment);
        let defaults = Options::default();
        let set = |key: &str| env.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
        let media_path = match (self.media_path, set("MEDIA_PATH")) {
            (Some(path), _) => path,
            (None, Some(text)) => media_path(text)?,
            (None, None) => defaults.media_path,
        };
        let port = match (self.port, set("PORT")) {
            (Some(port), _) => port,
            (None, Some(text)) => text.parse().map_err(|_| "PORT is not a port")?,
            (None, None) => defaults.port,
        };
        Ok(Options {
            port,
            data: if self.temporary { Data::Temporary } else { Data::Folder(self.data) },
            media_path,
            env,
            model_url: self.model_url,
            relays: self.relays,
            drain: Duration::from_secs(self.drain),
            environments: self.environments.into_iter().collect(),
            warm: self.warm.into_iter().collect(),
            faults: Faults {
                jitter: self.jitter.map(|ms| Jitter { up_to: Duration::from_millis(ms), seed: self.seed }),
                ..Faults::default()
            },
            program_folder: self.programs,
            console: self.console,
            phone_numbers: self.numbers.then(PhoneNumbers::to_try),
            ..defaults
        })
    }
}

pub(crate) fn media_path(text: &str) -> Result<MediaPath, String> {
    match text {
        "gateway" => Ok(MediaPath::Gateway),
        "direct" => Ok(MediaPath::Direct),
        _ => Err("gateway or direct is expected".to_owned()),
    }
}

fn environments(text: &str) -> Result<(String, usize), String> {
    let (name, count) = text.split_once('=').ok_or("FUNCTION=COUNT is expected")?;
    let count = count.parse().map_err(|_| "the count is not a number")?;
    Ok((name.to_owned(), count))
}

/// Who does the talking.
#[derive(Debug, PartialEq, Eq)]
enum Speaker {
    OpenAi,
    At(String),
    Script,
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenAi => f.write_str("OpenAI"),
            Self::At(url) => write!(f, "the model at {url}"),
            Self::Script => f.write_str("the scripted model, because OPENAI_API_KEY is not set"),
        }
    }
}

fn speaker(options: &Options) -> Speaker {
    let set = |key: &str| options.env.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
    match (&options.model_url, set("OPENAI_REALTIME_URL"), set("OPENAI_API_KEY")) {
        (Some(url), _, _) => Speaker::At(url.to_string()),
        (None, Some(url), Some(_)) => Speaker::At(url.to_owned()),
        (None, None, Some(_)) => Speaker::OpenAi,
        (None, _, None) => Speaker::Script,
    }
}

async fn scripted_model(script: Option<PathBuf>) -> Result<model::Handle, Box<dyn Error + Send + Sync>> {
    let script = script.map_or_else(|| Ok(Script::pharmacy()), |file| Script::load(&file))?;
    Ok(ScriptedModel::start(script, SocketAddr::from(([127, 0, 0, 1], 0))).await?)
}

fn welcome(cloud: &Cloud, speaker: &Speaker) -> String {
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let (origin, public, logs) = (bare(cloud.origin()), bare(cloud.public_url()), cloud.logs().display());
    let tunnel = if origin == public {
        "Call it from a real phone: put a tunnel before this address, set PUBLIC_URL and TWILIO_AUTH_TOKEN in .env,\n  \
         start again, and give your Twilio number PUBLIC_URL/twiml as its voice webhook."
            .to_owned()
    } else {
        format!("Twilio's voice webhook is {public}/twiml")
    };
    format!(
        "voicebridge is at {origin}, and so is its console.\n  \
         Callers speak with {speaker}.\n  \
         Call it from here: voicebridge call --url {origin}/twiml\n  \
         {tunnel}\n  \
         Logs are in {logs}. Stop with Ctrl-C."
    )
}

/// The ways to be told to stop.
struct Stop {
    signals: [Signal; 3],
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self { signals: [interrupt?, terminate?, hangup?] })
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// The work's result, unless we are asked to stop before.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            result = work => Some(result),
            () = self.asked() => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(line: &str, env: &[(&str, &str)]) -> Options {
        let args = Line::try_parse_from(line.split(' ')).unwrap().args;
        let env = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        args.options(env.into_iter()).unwrap()
    }

    #[test]
    fn flags_go_before_the_environment() {
        let env = [("MEDIA_PATH", "direct"), ("PORT", "1234"), ("REALTIME_VOICE", "marin")];
        let chosen = options("serve --env-file none", &env);
        assert_eq!((chosen.media_path, chosen.port), (MediaPath::Direct, 1234));
        let chosen = options("serve --env-file none --media-path gateway --port 5678", &env);
        assert_eq!((chosen.media_path, chosen.port), (MediaPath::Gateway, 5678));
        assert_eq!(chosen.env["REALTIME_VOICE"], "marin");
    }

    #[test]
    fn without_a_key_the_script_speaks() {
        let speaker = |env: &[(&str, &str)]| speaker(&options("serve --env-file none", env));
        let (key, url) = (("OPENAI_API_KEY", "sk-1"), ("OPENAI_REALTIME_URL", "wss://proxy.example/"));
        assert_eq!(speaker(&[]), Speaker::Script);
        assert_eq!(speaker(&[("OPENAI_API_KEY", " ")]), Speaker::Script);
        assert_eq!(speaker(&[key]), Speaker::OpenAi);
        assert_eq!(speaker(&[key, url]), Speaker::At("wss://proxy.example/".to_owned()));
    }

    #[test]
    fn every_option_has_its_flag() {
        let line = "serve --port 0 --temporary --env-file none --relays 2 --drain 3 --jitter 60 --seed 7 \
                    --environments ws-default=9 --warm api=2 --programs elsewhere --console built --model-url ws://localhost:1/v1/realtime";
        let options = options(line, &[]);
        assert_eq!((options.port, options.relays, options.data), (0, 2, Data::Temporary));
        assert_eq!(options.drain, Duration::from_secs(3));
        assert_eq!(options.environments["ws-default"], 9);
        assert_eq!(options.warm["api"], 2);
        assert_eq!(options.program_folder.unwrap(), PathBuf::from("elsewhere"));
        assert_eq!(options.console, PathBuf::from("built"));
        let jitter = options.faults.jitter.unwrap();
        assert_eq!((jitter.up_to, jitter.seed), (Duration::from_millis(60), 7));
        assert_eq!(options.model_url.unwrap().as_str(), "ws://localhost:1/v1/realtime");
    }
}
