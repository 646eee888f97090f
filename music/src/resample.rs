//! To another rate, as the sound comes. The band that the telephone has is kept, what is above is gone and not folded back.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};

/// Samples of the result that one transform makes, at least: enough that the filter's slope is steep.
const BLOCK: usize = 512;

pub(super) struct Resampler {
    /// `None`: the rates are the same, and every sample stays as it is.
    fft: Option<Fft<f32>>,
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
        let fft = if from == to { None } else { Some(transform(from, to)?) };
        let late = fft.as_ref().map_or(0, |fft| fft.output_delay());
        let block = vec![0.0; fft.as_ref().map_or(0, |fft| fft.output_frames_max())];
        let ratio = to as f64 / from as f64;
        Some(Self { fft, ratio, pending: Vec::new(), block, taken: 0, made: Vec::new(), late })
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
        let Some(fft) = &mut self.fft else {
            self.made.append(&mut self.pending);
            return Some(());
        };
        let mut used = 0;
        while self.pending.len() - used >= fft.input_frames_next() {
            let input = self.pending.get(used..)?;
            used += turn(fft, input, None, &mut self.block, &mut self.made)?;
        }
        self.pending.drain(..used);
        Some(())
    }

    pub(super) fn finish(mut self) -> Option<Vec<f32>> {
        let length = (self.taken as f64 * self.ratio).ceil() as usize;
        if let Some(fft) = &mut self.fft {
            while self.made.len() < length + self.late {
                let rest = std::mem::take(&mut self.pending);
                turn(fft, &rest, Some(rest.len()), &mut self.block, &mut self.made)?;
            }
            self.made.drain(..self.late);
        }
        self.made.truncate(length);
        Some(self.made)
    }
}

/// Of whole periods of both rates, and of an even number: the middle of an odd filter lies between two samples, and what
/// comes out would be half of one late.
fn transform(from: usize, to: usize) -> Option<Fft<f32>> {
    let common = gcd(from, to);
    let periods = BLOCK.div_ceil(to / common).next_multiple_of(2);
    let window = WindowFunction::BlackmanHarris2;
    Fft::new_custom(from, to, from / common * periods, 1, 1, window, FixedSync::Both).ok()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One block; `partial`: so much of it is there. Returns how much was used.
fn turn(
    fft: &mut Fft<f32>,
    input: &[f32],
    partial: Option<usize>,
    block: &mut [f32],
    made: &mut Vec<f32>,
) -> Option<usize> {
    let frames = block.len();
    let input = InterleavedSlice::new(input, 1, input.len()).ok()?;
    let mut output = InterleavedSlice::new_mut(block, 1, frames).ok()?;
    let indexing = partial.map(|length| Indexing::new().partial_len(length));
    let (used, given) = fft.process_into_buffer(&input, &mut output, indexing.as_ref()).ok()?;
    made.extend_from_slice(block.get(..given)?);
    Some(used)
}
