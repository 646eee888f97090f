//! To another rate, as the sound comes. The band that the telephone has is kept, what is above is gone and not folded back.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
    calculate_cutoff,
};

/// Samples that come out at a time.
const BLOCK: usize = 512;
/// Of the slower rate, under the filter: up to 3.75 kHz are kept, and from 4 kHz on nothing is left.
const FILTER: usize = 128;
const WINDOW: WindowFunction = WindowFunction::BlackmanHarris;
/// Between two samples of the input, at least, and where the rates have little in common. rubato is one of them early.
const STEPS: usize = 128;
/// As many are worth their memory if each sample of the result is on one of them.
const MOST_STEPS: usize = 1_024;

pub(super) struct Resampler {
    /// `None`: the rates are the same, and every sample stays as it is.
    sinc: Option<Async<f32>>,
    /// Of the result to one of the input.
    ratio: f64,
    pending: Vec<f32>,
    block: Vec<f32>,
    taken: u64,
    made: Vec<f32>,
    /// The filter's own silence in front.
    late: usize,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> Option<Self> {
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        let ratio = to as f64 / from as f64;
        let mut made = Self {
            sinc: None,
            ratio,
            pending: Vec::new(),
            block: vec![0.0; BLOCK],
            taken: 0,
            made: Vec::new(),
            late: 0,
        };
        if from != to {
            let filter = filter(from, to);
            let (silence, late) = whole_delay(filter.sinc_len, from, to);
            made.sinc = Some(Async::new_sinc(ratio, 1.0, &filter, BLOCK, 1, FixedAsync::Output).ok()?);
            (made.pending, made.late) = (vec![0.0; silence], late);
        }
        Some(made)
    }

    /// How many samples came in.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// `None`: the resampler refuses, which it has no reason to.
    pub(super) fn take(&mut self, sound: impl Iterator<Item = f32>) -> Option<()> {
        let before = self.pending.len();
        self.pending.extend(sound);
        self.taken += (self.pending.len() - before) as u64;
        let Some(sinc) = &mut self.sinc else {
            self.made.append(&mut self.pending);
            return Some(());
        };
        let mut used = 0;
        while self.pending.len() - used >= sinc.input_frames_next() {
            let input = self.pending.get(used..)?;
            used += turn(sinc, input, None, &mut self.block, &mut self.made)?;
        }
        self.pending.drain(..used);
        Some(())
    }

    pub(super) fn finish(mut self) -> Option<Vec<f32>> {
        let length = (self.taken as f64 * self.ratio).ceil() as usize;
        if let Some(sinc) = &mut self.sinc {
            while self.made.len() < length + self.late {
                let rest = std::mem::take(&mut self.pending);
                turn(sinc, &rest, Some(rest.len()), &mut self.block, &mut self.made)?;
            }
            self.made.drain(..self.late);
        }
        self.made.truncate(length);
        Some(self.made)
    }
}

/// As steep from any rate. Rates that have a common measure need no interpolation between the filter's steps.
fn filter(from: usize, to: usize) -> SincInterpolationParameters {
    let length = (FILTER * from.max(to)).div_ceil(to).next_multiple_of(8);
    let exact = to / gcd(from, to);
    let steps = STEPS.next_multiple_of(exact);
    let (steps, between) = if steps <= MOST_STEPS {
        (steps, SincInterpolationType::Nearest)
    } else {
        (STEPS, SincInterpolationType::Cubic)
    };
    SincInterpolationParameters::new(length, WINDOW)
        .f_cutoff(calculate_cutoff(FILTER, WINDOW))
        .oversampling_factor(steps)
        .interpolation(between)
}

/// The filter is late by half its length, and the first sample of the result is one after the beginning. So much silence
/// in front that together this is so many whole samples of the result.
fn whole_delay(length: usize, from: usize, to: usize) -> (usize, usize) {
    let period = from / gcd(from, to);
    let delay = (length / 2).next_multiple_of(period);
    (delay - length / 2, (delay * to / from).saturating_sub(1))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One block; `partial`: so much of it is there. Returns how much was used.
fn turn(
    sinc: &mut Async<f32>,
    input: &[f32],
    partial: Option<usize>,
    block: &mut [f32],
    made: &mut Vec<f32>,
) -> Option<usize> {
    let frames = block.len();
    let input = InterleavedSlice::new(input, 1, input.len()).ok()?;
    let mut output = InterleavedSlice::new_mut(block, 1, frames).ok()?;
    let indexing = partial.map(|length| Indexing::new().partial_len(length));
    let (used, given) = sinc.process_into_buffer(&input, &mut output, indexing.as_ref()).ok()?;
    made.extend_from_slice(block.get(..given)?);
    Some(used)
}
