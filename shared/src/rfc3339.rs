//! Moments as people and models write them: `2026-11-21T15:30:00+01:00`. The civil calendar, without leap seconds.

const DAY_S: i64 = 24 * 60 * 60;

/// Milliseconds since 1970. `None`: it is no date, or lies before that. An offset or `Z` must be there; a fraction of a
/// second is passed over.
pub fn parse(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let part = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, letters: &[u8]| bytes.get(at).is_some_and(|letter| letters.contains(letter));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let behind = text.get(19..)?;
    let offset_s =
        offset(behind.strip_prefix('.').map_or(behind, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit())))?;
    let local = days_since_1970(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second;
    u64::try_from(local - offset_s).ok()?.checked_mul(1_000)
}

/// In UTC, to the second.
pub fn format(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    let (days, left) = (seconds / DAY_S, seconds % DAY_S);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", left / 3_600, left % 3_600 / 60, left % 60)
}

/// Seconds ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str| -> Option<i64> {
        (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The year is counted from March, so that the day that comes and goes is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let year = (0..).map(|more| 1970 + days / 366 + more).find(|year| days_since_1970(year + 1, 1, 1) > days);
    let year = year.unwrap_or(1970);
    let left = days - days_since_1970(year, 1, 1);
    let mut day = left;
    for month in 1..12 {
        if day < days_of(year, month) {
            return (year, month, day + 1);
        }
        day -= days_of(year, month);
    }
    (year, 12, day + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_in_every_zone() {
        for (text, unix_s) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00z", 951_825_600),
            ("2026-11-21T15:30:00+01:00", 1_795_271_400),
            ("2026-11-21 09:30:00.125-05:00", 1_795_271_400),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(parse(text), Some(unix_s * 1_000), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "tomorrow",
            "2026-11-21",
            "2026-11-21T15:30:00",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T15:60:00Z",
            "2026-11-21T15:30:00+1:00",
            "2026-11-21T15:30:00+24:00",
            "1969-12-31T23:59:59Z",
            "2026-11-2１T15:30:00Z",
            "+026-11-21T15:30:00Z",
            "2026-11-21T15:30:00é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_u64..253_402_300_800) {
            prop_assert_eq!(parse(&format(seconds * 1_000)), Some(seconds * 1_000));
        }

        #[test]
        fn anything_is_read_without_a_panic(text in ".{0,30}") {
            parse(&text);
        }
    }
}
