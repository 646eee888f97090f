//! Would the caller have noticed? Each call is judged word for word from both ends: what the caller said and heard,
//! what the store says of it, which process spoke.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use shared::calls::MediaPath;
use shared::session::{Line, Speaker};

use super::plan::Fault;
use crate::call::interview::{Asked, InterviewReport};
use crate::call::{CallReport, Ended};
use crate::cloud::Post;

/// A recording begins with the webhook that gave the caller a stream, and ends a little after the last word.
const RECORDING_TOLERANCE: Duration = Duration::from_secs(6);
/// How much longer a recording is when a relay waits in vain.
const UNHEARD: Duration = Duration::from_secs(18);
/// What a relay that dies had posted may arrive so much later, and is not its successor's.
const IN_FLIGHT: Duration = Duration::from_millis(100);
/// A question is undisturbed if nothing happens from so long before it until so long after it.
const BEFORE: Duration = Duration::from_millis(500);
const AFTER: Duration = Duration::from_secs(2);

/// Everything that is known of one call.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub began: Instant,
    pub over: Instant,
    pub report: CallReport,
    /// `None`: the API does not know the call.
    pub transcript: Option<Vec<Line>>,
    pub recording: Option<Duration>,
    /// Twilio's word that it was over was lost with a process: the relay waited for the caller to come back.
    pub end_unheard: bool,
    /// How often each tool ran.
    pub tools: BTreeMap<String, u32>,
    /// How often a relay went on with it where another, or the same, had left it.
    pub take_overs: usize,
    /// What relays posted to it, in order.
    pub posts: Vec<Post>,
}

/// A fault that was carried out.
#[derive(Debug, Clone)]
pub struct Hit {
    pub at: Instant,
    pub fault: Fault,
    /// The calls that the relay had. `None`: it may have met any call.
    pub calls: Option<Vec<String>>,
}

/// What must be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    Alive,
    Silence,
    GapP50,
    GapP99,
    Transcript,
    ToolsOnce,
    OneVoice,
    Recording,
    Memory,
    Faults,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alive => "every call lives to its scripted end",
            Self::Silence => "nobody who waits hears nothing for long",
            Self::GapP50 => "gap from a fault to music or voice, p50",
            Self::GapP99 => "gap from a fault to music or voice, p99",
            Self::Transcript => "what was spoken to its end is in the transcript, once",
            Self::ToolsOnce => "no tool runs twice for a question",
            Self::OneVoice => "no two relays speak to one caller",
            Self::Recording => "every recording is there and as long as its call",
            Self::Memory => "memory and file handles are back to where they were",
            Self::Faults => "every planned fault was carried out",
        })
    }
}

/// A claim that does not hold for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub claim: Claim,
    /// `None`: the run's.
    pub call: Option<String>,
    pub what: String,
}

/// How much is borne.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub gap_p50: Duration,
    pub gap_p99: Duration,
    /// An answer takes a second when all is well; the gap comes on top.
    pub silence: Duration,
}

impl Limits {
    pub fn of(path: MediaPath, rolling: bool) -> Self {
        let ms = Duration::from_millis;
        match (path, rolling) {
            (_, true) => Self { gap_p50: ms(700), gap_p99: ms(700), silence: ms(3_000) },
            (MediaPath::Gateway, false) => Self { gap_p50: ms(700), gap_p99: ms(2_000), silence: ms(4_000) },
            (MediaPath::Direct, false) => Self { gap_p50: ms(4_000), gap_p99: ms(4_000), silence: ms(6_000) },
        }
    }
}

/// Judges one call by itself. `texts` are the words of each tone.
pub fn judge(call: &Evidence, texts: &[String], hits: &[Hit], limits: Limits) -> Vec<Failure> {
    let claims = [
        (Claim::Alive, alive(call)),
        (Claim::Silence, silence(call, limits)),
        (Claim::Transcript, transcript(call, texts, hits)),
        (Claim::ToolsOnce, tools(call)),
        (Claim::OneVoice, one_voice(call)),
        (Claim::Recording, recording(call)),
    ];
    let failed = claims.into_iter().flat_map(|(claim, faults)| faults.into_iter().map(move |what| (claim, what)));
    failed.map(|(claim, what)| Failure { claim, call: Some(call.report.sid.clone()), what }).collect()
}

fn alive(call: &Evidence) -> Vec<String> {
    let answered = call.report.interview.as_ref().map_or((0, 0), |interview| (interview.answered, interview.questions));
    let done = format!("{} of {} questions answered", answered.0, answered.1);
    match &call.report.ended {
        Ended::CallerHungUp if answered.0 == answered.1 => Vec::new(),
        Ended::CallerHungUp => vec![done],
        Ended::ServerHungUp => vec![format!("hung up on, {done}")],
        Ended::CallerGaveUp(why) | Ended::Failed(why) => vec![format!("{why}; {done}")],
    }
}

fn silence(call: &Evidence, limits: Limits) -> Vec<String> {
    let longest = call.report.interview.as_ref().map_or(Duration::ZERO, |interview| interview.longest_silence);
    if longest <= limits.silence { Vec::new() } else { vec![format!("{} ms of nothing", longest.as_millis())] }
}

fn transcript(call: &Evidence, texts: &[String], hits: &[Hit]) -> Vec<String> {
    let Some(lines) = &call.transcript else { return vec!["the API does not know the call".to_owned()] };
    let Some(interview) = &call.report.interview else { return Vec::new() };
    let tones = (0..).zip(texts);
    tones.flat_map(|(tone, text)| line(call, interview, hits, lines, tone, text)).collect()
}

/// One sentence: as often in the transcript as it was spoken, within what can be known.
fn line(
    call: &Evidence,
    interview: &InterviewReport,
    hits: &[Hit],
    lines: &[Line],
    tone: u8,
    text: &str,
) -> Vec<String> {
    let asked: Vec<&Asked> = interview.asked.iter().filter(|asked| asked.tone == tone).collect();
    let written = |speaker| {
        lines
            .iter()
            .filter(move |line| line.speaker == speaker && line.text.as_ref().is_some_and(|t| t.reveal() == text))
    };
    if asked.is_empty() {
        let (begun, ended) =
            [&interview.begun, &interview.ended].map(|count| count.get(&tone).copied().unwrap_or(0)).into();
        let (all, whole) = (
            written(Speaker::Agent).count(),
            written(Speaker::Agent).filter(|line| line.interrupted.is_none()).count(),
        );
        return compare(text, "the caller heard out", all, ended as usize, whole, begun.max(ended) as usize);
    }
    let whole = asked.iter().filter(|asked| asked.ended.is_some()).count();
    let undisturbed = asked.iter().filter(|asked| is_undisturbed(call, asked, hits)).count();
    let least = undisturbed.max(whole.min(1));
    let count = written(Speaker::Caller).count();
    compare(text, "the caller asked", count, least, count, asked.len())
}

fn compare(text: &str, how: &str, all: usize, least: usize, whole: usize, most: usize) -> Vec<String> {
    if all < least {
        return vec![format!("«{text}», which {how} {least} times, is there {all} times")];
    }
    if whole > most {
        return vec![format!("«{text}», which {how} {most} times, is there {whole} times")];
    }
    Vec::new()
}

fn is_undisturbed(call: &Evidence, asked: &Asked, hits: &[Hit]) -> bool {
    let Some(ended) = asked.ended else { return false };
    let (from, to) = (asked.began - BEFORE, ended + AFTER);
    let meets = |hit: &Hit| hit.calls.as_ref().is_none_or(|calls| calls.contains(&call.report.sid));
    !hits.iter().any(|hit| meets(hit) && (from..=to).contains(&(hit.at)) || lasts_into(hit, from) && meets(hit))
}

/// A fault with a length that began before and is not over.
fn lasts_into(hit: &Hit, from: Instant) -> bool {
    let length = match hit.fault {
        Fault::Freeze { length, .. }
        | Fault::StallModel { length, .. }
        | Fault::DynamoDb { length, .. }
        | Fault::S3 { length, .. } => length,
        // Until somebody else has the call.
        Fault::Kill { .. } | Fault::Roll { .. } | Fault::DropModel { .. } => Duration::from_secs(5),
        Fault::EndProcess { .. } | Fault::Jump { .. } => Duration::ZERO,
    };
    hit.at <= from && hit.at + length + AFTER >= from
}

fn tools(call: &Evidence) -> Vec<String> {
    let twice = call.tools.iter().filter(|(_, runs)| **runs > 1);
    twice.map(|(tool, runs)| format!("{tool} ran {runs} times")).collect()
}

/// A relay that has been followed by another must not come back, unless it was given the call again: then somebody went on
/// with it as often as the voice changed.
fn one_voice(call: &Evidence) -> Vec<String> {
    let mut voices: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    for post in call.posts.iter().filter(|post| post.media) {
        if voices.last() == Some(&post.by.as_str()) {
            continue;
        }
        if voices.contains(&post.by.as_str()) {
            let after = post.at.saturating_duration_since(call.began).as_millis();
            faults.push(format!("{} speaks again {after} ms into the call, after {}", name(&post.by), joined(&voices)));
        }
        voices.push(&post.by);
    }
    if voices.len() <= call.take_overs + 1 {
        faults.clear();
    }
    faults
}

fn joined(voices: &[&str]) -> String {
    voices.iter().map(|by| name(by)).collect::<Vec<_>>().join(", ")
}

/// `R1S2` of a key's id: the second life of relay 1.
fn name(by: &str) -> String {
    let life = by.rsplit_once('R').and_then(|(_, rest)| rest.split_once('S'));
    life.map_or_else(|| by.to_owned(), |(relay, life)| format!("relay {relay} (life {life})"))
}

fn recording(call: &Evidence) -> Vec<String> {
    let lasted = Duration::from_millis(call.report.lasted_ms.saturating_sub(call.report.waited_ms));
    match call.recording {
        None => vec!["there is none".to_owned()],
        Some(length) if call.end_unheard && (lasted..lasted + UNHEARD).contains(&length) => Vec::new(),
        Some(length) if length.abs_diff(lasted) > RECORDING_TOLERANCE => {
            vec![format!("it lasts {:.1} s, the call {:.1} s", length.as_secs_f64(), lasted.as_secs_f64())]
        }
        Some(_) => Vec::new(),
    }
}

/// How long this caller, who was owed something when it happened, heard nothing of it until a relay spoke again, or until
/// they had it: then there was nothing for a relay to say. Sound that the carrier still had counts as sound.
pub fn gap(call: &Evidence, at: Instant) -> Option<Duration> {
    let interview = call.report.interview.as_ref()?;
    let &(_, had) = interview.owed.iter().find(|(from, to)| (*from..=*to).contains(&at))?;
    let back = interview.arrivals.iter().copied().find(|arrival| *arrival >= at + IN_FLIGHT).unwrap_or(call.over);
    let end = back.min(had);
    let mut heard = Duration::ZERO;
    let mut until = at;
    for stretch in &interview.heard {
        heard += overlap((stretch.from.max(until), stretch.to), (at, end));
        until = until.max(stretch.to);
    }
    Some(end.saturating_duration_since(at).saturating_sub(heard))
}

fn overlap(a: (Instant, Instant), b: (Instant, Instant)) -> Duration {
    a.1.min(b.1).saturating_duration_since(a.0.max(b.0))
}

/// The gaps of every caller whose relay was hit, and who was owed something.
pub fn gaps<'a>(calls: &'a [Evidence], hits: &'a [Hit]) -> Vec<(Duration, &'a str, &'a Hit)> {
    let of_relays =
        hits.iter().filter(|hit| matches!(hit.fault, Fault::Kill { .. } | Fault::Roll { .. } | Fault::Freeze { .. }));
    let met = of_relays.flat_map(|hit| {
        let sids = hit.calls.as_deref().unwrap_or_default();
        sids.iter().filter_map(move |sid| Some((calls.iter().find(|call| call.report.sid == *sid)?, hit)))
    });
    let mut gaps: Vec<_> =
        met.filter_map(|(call, hit)| Some((gap(call, hit.at)?, call.report.sid.as_str(), hit))).collect();
    gaps.sort_by_key(|(gap, ..)| *gap);
    gaps
}

/// The smallest value that so many percent do not exceed.
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied()
}

#[cfg(test)]
mod tests;
