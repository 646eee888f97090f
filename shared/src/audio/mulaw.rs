//! G.711 µ-law, exactly as ITU-T defines it: 14-bit magnitudes, here in the upper bits of an `i16`.
//!
//! Not on the live path, which carries µ-law from end to end: for files, the hold music, and whoever must listen.

/// What stands for silence.
pub const SILENCE: u8 = 0xFF;

/// Added to a magnitude so that the segments begin at powers of two.
const BIAS: u16 = 33;
const LARGEST: u16 = 0x1FFF;

pub const fn encode(sample: i16) -> u8 {
    let magnitude = (if sample < 0 { !sample } else { sample } as u16 >> 2) + BIAS;
    let magnitude = if magnitude > LARGEST { LARGEST } else { magnitude };
    // BIAS keeps it at 33 or more, so there are at most ten zeros in front and the segment is 0 to 7.
    let segment = 10 - magnitude.leading_zeros() as u16;
    let step = magnitude >> (segment + 1) & 0x0F;
    let code = !((segment << 4 | step) as u8);
    if sample < 0 { code & 0x7F } else { code }
}

pub const fn decode(code: u8) -> i16 {
    TABLE[code as usize]
}

pub fn encode_all(samples: &[i16]) -> Vec<u8> {
    samples.iter().copied().map(encode).collect()
}

pub fn decode_all(codes: &[u8]) -> Vec<i16> {
    codes.iter().copied().map(decode).collect()
}

const TABLE: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand(code as u8);
        code += 1;
    }
    table
};

const fn expand(code: u8) -> i16 {
    let bits = !code;
    let (segment, step) = ((bits >> 4 & 0x07) as i16, (bits & 0x0F) as i16);
    let magnitude = (((2 * step + BIAS as i16) << segment) - BIAS as i16) << 2;
    if code < 0x80 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision values of G.711's table 2a and what each interval reads as: 1 of width 1, 15 of width 2, then
    /// seven segments of 16 intervals, each twice as wide as those before. Magnitudes of 14 bits.
    fn intervals() -> Vec<(std::ops::Range<u16>, u16)> {
        let mut intervals = vec![(0..1, 0)];
        let widths = (0..15).map(|_| 2).chain((1..8).flat_map(|segment| [2 << segment; 16]));
        for width in widths {
            let from = intervals.last().unwrap().0.end;
            intervals.push((from..from + width, from + width / 2));
        }
        intervals
    }

    #[test]
    fn the_table_of_the_standard_is_what_its_printed_values_say() {
        let intervals = intervals();
        assert_eq!(intervals.len(), 128);
        let decisions: Vec<u16> = [1, 16, 32, 48, 64, 80, 96, 112].map(|index| intervals[index].0.start).to_vec();
        assert_eq!(decisions, [1, 31, 95, 223, 479, 991, 2_015, 4_063]);
        assert_eq!(intervals[127], (7_903..8_159, 8_031));
    }

    #[test]
    fn every_sample_falls_into_its_interval() {
        let intervals = intervals();
        for sample in i16::MIN..=i16::MAX {
            let magnitude = (if sample < 0 { !sample } else { sample }) as u16 >> 2;
            let number = intervals.partition_point(|(range, _)| range.end <= magnitude).min(127);
            let sign = if sample < 0 { 0x7F } else { 0xFF };
            assert_eq!(encode(sample), sign - number as u8, "{sample}");
        }
    }

    #[test]
    fn every_code_reads_as_the_middle_of_its_interval() {
        for (number, (_, value)) in intervals().into_iter().enumerate() {
            let value = (value * 4) as i16;
            assert_eq!(decode(0xFF - number as u8), value);
            assert_eq!(decode(0x7F - number as u8), -value);
        }
    }

    #[test]
    fn every_code_survives_the_round_trip() {
        for code in 0..=255 {
            // Minus nothing is nothing.
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(encode(decode(code)), expected, "{code:#x}");
        }
    }

    #[test]
    fn the_ends_and_the_middle_are_where_they_should_be() {
        assert_eq!([0, i16::MAX, i16::MIN, -1].map(encode), [SILENCE, 0x80, 0x00, 0x7F]);
        assert_eq!([SILENCE, 0x80, 0x00].map(decode), [0, 32_124, -32_124]);
        assert_eq!(decode_all(&encode_all(&[0, 1_000, -1_000])), [0, 988, -988]);
    }
}
