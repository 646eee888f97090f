//! The spellings of time that AWS uses and no library here speaks: an access log's, a signature's, an answer's.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_PER_DAY: u64 = 86_400;

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// As in `requestContext.requestTime`: `21/Nov/2026:08:00:00 +0000`.
pub(crate) fn log_time(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / SECONDS_PER_DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month = MONTHS[month as usize - 1];
    format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// As in an answer of `GetConnection`: `2026-11-21T08:00:00Z`.
pub(crate) fn iso_time(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / SECONDS_PER_DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads an `X-Amz-Date`: `20261121T080000Z`.
pub(crate) fn parse_amz_date(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let well_formed = text.len() == 16 && text.get(8..9) == Some("T") && text.ends_with('Z');
    let (month, day) = (number(4..6)?, number(6..8)?);
    if !well_formed || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = number(9..11)? * 3600 + number(11..13)? * 60 + number(13..15)?;
    let days = days_since_1970(number(0..4)?, month, day)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * SECONDS_PER_DAY + seconds))
}

/// Year, month and day of a day counted from 1970. Years begin in March here, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_logs_spelling() {
        assert_eq!(log_time(0), "01/Jan/1970:00:00:00 +0000");
        assert_eq!(log_time(951_782_400_000), "29/Feb/2000:00:00:00 +0000");
        assert_eq!(log_time(1_795_248_000_123), "21/Nov/2026:08:00:00 +0000");
    }

    #[test]
    fn the_signatures_spelling() {
        let parsed = parse_amz_date("20261121T080000Z").unwrap();
        assert_eq!(parsed, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_248_000));
        for broken in ["", "20261121T080000", "20261321T080000Z", "20261121 080000Z", "2026112éT08000Z"] {
            assert_eq!(parse_amz_date(broken), None, "{broken}");
        }
    }

    #[test]
    fn both_spellings_agree_on_every_day() {
        for days in (0..80_000).step_by(13) {
            let (year, month, day) = civil(days);
            assert_eq!(days_since_1970(year, month, day), Some(days));
        }
    }
}
