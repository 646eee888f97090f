//! N calls at once through the real relay, with a model that sends back what it hears: what the bridge adds on the way
//! there and back, and what it takes for it. Caller, model and bridge share this machine, so its load is theirs too.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use functions::proc::Usage;
use futures_util::future::join_all;
use local::call::{CallReport, Caller, Config};
use local::cloud::{Cloud, Options};
use local::model::{Script, ScriptedModel};
use shared::calls::MediaPath;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) path: MediaPath,
    pub(crate) calls: usize,
    /// There and back, in both directions through the relay.
    pub(crate) round_trip: Percentiles,
    pub(crate) lost: u64,
    /// Seconds of one core for a second of a call.
    pub(crate) cpu_per_call_second: f64,
    pub(crate) memory_per_call_kib: f64,
    /// From the relay's own histograms: caller's frame in to model's frame out, model's in to caller's out.
    pub(crate) added_to_model: Added,
    pub(crate) added_to_caller: Added,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Percentiles {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Upper bounds of the buckets in which the percentiles lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

pub(crate) async fn measure(path: MediaPath, calls: usize, seconds: u64) -> Result<Load> {
    let model = ScriptedModel::start(Script::echo(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let mut options = Options::temporary();
    options.media_path = path;
    options.model_url = Some(model.url().parse()?);
    let cloud = Cloud::start(options).await?;
    let pid = cloud.relay_pid(0).ok_or("the relay runs")?;
    let script: Arc<local::call::timeline::Script> = Arc::new(format!("wait {}ms\nhang up", seconds * 1_000).parse()?);
    let before = Usage::of(pid)?;
    let begun = Instant::now();
    let ringing = join_all((0..calls).map(|_| ring(&cloud, &script)));
    let measured = async {
        tokio::time::sleep(Duration::from_secs(seconds / 2)).await;
        let usage = Usage::of(pid)?;
        let metrics = metrics(&cloud).await?;
        Ok::<_, Box<dyn Error + Send + Sync>>((usage, begun.elapsed(), metrics))
    };
    let (reports, during) = tokio::join!(ringing, measured);
    let (during, elapsed, metrics) = during?;
    let load = Load {
        path,
        calls,
        round_trip: round_trips(&reports),
        lost: reports.iter().filter_map(|report| report.probe.as_ref()).map(|probe| probe.skipped).sum(),
        cpu_per_call_second: (during.cpu - before.cpu).as_secs_f64() / (elapsed.as_secs_f64() * calls as f64),
        memory_per_call_kib: during.memory_bytes.saturating_sub(before.memory_bytes) as f64 / 1024.0 / calls as f64,
        added_to_model: added(&metrics, "added_to_model_seconds"),
        added_to_caller: added(&metrics, "added_to_caller_seconds"),
    };
    cloud.stop().await;
    model.stop().await;
    Ok(load)
}

async fn ring(cloud: &Cloud, script: &Arc<local::call::timeline::Script>) -> CallReport {
    let mut webhook = cloud.origin().clone();
    webhook.set_path("/twiml");
    let mut config = Config::new(webhook, cloud.twilio_auth_token().clone());
    config.script = Arc::clone(script);
    config.probe = true;
    Caller::new(config).run().await
}

pub(crate) async fn metrics(cloud: &Cloud) -> Result<String> {
    let url = format!("{}/metrics", cloud.relay_url(0).ok_or("the relay runs")?);
    Ok(reqwest::get(url).await?.text().await?)
}

fn round_trips(reports: &[CallReport]) -> Percentiles {
    let trips = reports.iter().filter_map(|report| report.probe.as_ref()).flat_map(|probe| probe.round_trips.iter());
    let mut trips: Vec<Duration> = trips.copied().collect();
    trips.sort_unstable();
    let at =
        |share: f64| trips.get(((trips.len() as f64 * share) as usize).min(trips.len().saturating_sub(1))).copied();
    Percentiles { p50: at(0.5).unwrap_or_default(), p99: at(0.99).unwrap_or_default() }
}

/// Reads a histogram of the Prometheus text format.
pub(crate) fn added(metrics: &str, name: &str) -> Added {
    let buckets: Vec<(f64, f64)> = metrics
        .lines()
        .filter(|line| line.contains(&format!("{name}_bucket")))
        .filter_map(|line| {
            let bound = line.split("le=\"").nth(1)?.split('"').next()?;
            let count = line.rsplit(' ').next()?.parse().ok()?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, count))
        })
        .collect();
    let total = buckets.last().map_or(0.0, |(_, count)| *count);
    let at = |share: f64| {
        let bound = buckets.iter().find(|(_, count)| *count >= total * share).map_or(0.0, |(bound, _)| *bound);
        Duration::from_secs_f64(bound.min(3_600.0))
    };
    Added { p50: at(0.5), p99: at(0.99) }
}
