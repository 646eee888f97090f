//! Makes one of a segment's parts. Each holder of the call wrote what it heard, and silence for the rest.
//!
//! The part of the last holder becomes the whole, and only then do the others go: whatever is interrupted can be done
//! again, and a segment 0 is there until it is removed with the rest.

use shared::audio::mulaw::SILENCE;
use shared::ports::PortResult;

use super::{RecordingStore, SEGMENT, Segment};

impl RecordingStore {
    /// From segments in order, of each number one.
    pub(super) async fn fold(&self, segments: Vec<Segment>, days: u32) -> PortResult<Vec<Segment>> {
        let mut folded: Vec<Segment> = Vec::with_capacity(segments.len());
        for segment in segments {
            match folded.pop() {
                Some(earlier) if earlier.place.0 == segment.place.0 => {
                    folded.push(self.lay(earlier, segment, days).await?)
                }
                earlier => folded.extend(earlier.into_iter().chain([segment])),
            }
        }
        Ok(folded)
    }

    async fn lay(&self, earlier: Segment, later: Segment, days: u32) -> PortResult<Segment> {
        let (Some(into), Some(from)) = (&later.key, &earlier.key) else { return Ok(later) };
        let mut whole = self.segment(&later).await?;
        fill(&mut whole, &self.segment(&earlier).await?);
        let bytes = whole.len() as u64;
        self.put(into, SEGMENT, days, whole).await?;
        self.remove(from).await?;
        Ok(Segment { bytes, ..later })
    }
}

/// Where a part is silent, or has ended, the other counts.
fn fill(part: &mut Vec<u8>, other: &[u8]) {
    for (sample, theirs) in part.iter_mut().zip(other) {
        if *sample == SILENCE {
            *sample = *theirs;
        }
    }
    part.extend(other.get(part.len()..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_is_silent_or_has_ended_the_other_counts() {
        let laid = |part: &[u8], other: &[u8]| {
            let mut part = part.to_vec();
            fill(&mut part, other);
            part
        };
        assert_eq!(laid(&[SILENCE, SILENCE, 3, 4], &[1, 2]), [1, 2, 3, 4]);
        assert_eq!(laid(&[SILENCE, 2], &[1, 9, SILENCE, 4]), [1, 2, SILENCE, 4]);
        assert_eq!(laid(&[], &[1]), [1]);
        assert_eq!(laid(&[1, 2, SILENCE, 4], &[1, SILENCE]), [1, 2, SILENCE, 4], "again");
    }
}
