//! Opening hours: weekly spans of time in the agent's own zone, and the days on which they are others.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Zoned, civil};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When somebody answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpeningHours {
    /// A day that is not named is closed.
    pub weekly: BTreeMap<Weekday, Vec<Span>>,
    /// Days that are not as every week: `2026-12-24: ["09:00-12:00"]`, or closed with none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<Day, Vec<Span>>,
    /// Said outside them, before hanging up.
    pub closed: String,
}

impl Default for OpeningHours {
    fn default() -> Self {
        Self {
            weekly: BTreeMap::new(),
            exceptions: BTreeMap::new(),
            closed: "We are closed at the moment. Please call again during our opening hours. Goodbye.".to_owned(),
        }
    }
}

impl OpeningHours {
    pub fn is_open(&self, local: &Zoned) -> bool {
        let weekday = Weekday::from(local.weekday());
        let spans = self.exceptions.get(&Day(local.date())).or_else(|| self.weekly.get(&weekday));
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        spans.is_some_and(|spans| spans.iter().any(|span| span.contains(minute)))
    }

    /// All days that are named, by the place in the document where their spans are.
    pub(super) fn days(&self) -> impl Iterator<Item = (String, &[Span])> {
        let weekly = self.weekly.iter().map(|(day, spans)| (format!("weekly/{}", day.name()), spans.as_slice()));
        let others = self.exceptions.iter().map(|(day, spans)| (format!("exceptions/{day}"), spans.as_slice()));
        weekly.chain(others)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day of the week is monday, tuesday, wednesday, thursday, friday, saturday or sunday")]
pub struct NotAWeekday;

impl TryFrom<String> for Weekday {
    type Error = NotAWeekday;

    fn try_from(name: String) -> Result<Self, NotAWeekday> {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let mut week = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday].into_iter();
        week.find(|day| day.name() == name).ok_or(NotAWeekday)
    }
}

impl From<Weekday> for String {
    fn from(day: Weekday) -> Self {
        day.name().to_owned()
    }
}

impl Weekday {
    fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

impl From<civil::Weekday> for Weekday {
    fn from(day: civil::Weekday) -> Self {
        match day {
            civil::Weekday::Monday => Self::Monday,
            civil::Weekday::Tuesday => Self::Tuesday,
            civil::Weekday::Wednesday => Self::Wednesday,
            civil::Weekday::Thursday => Self::Thursday,
            civil::Weekday::Friday => Self::Friday,
            civil::Weekday::Saturday => Self::Saturday,
            civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

/// A date of the calendar: `2026-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Day(civil::Date);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a date is written as 2026-12-24")]
pub struct NotADay;

impl TryFrom<String> for Day {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Self, NotADay> {
        let day = Self(civil::Date::from_str(&text).map_err(|_| NotADay)?);
        if day.to_string() == text { Ok(day) } else { Err(NotADay) }
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(date) = self;
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
    }
}

/// `09:00-12:30`: from the first minute up to the second, within one day; `24:00` is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    from: i32,
    to: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "hours are written as 09:00-12:30, the end after the beginning and at most 24:00; a night is two spans, one a day"
)]
pub struct NotASpan;

impl Span {
    fn contains(self, minute: i32) -> bool {
        (self.from..self.to).contains(&minute)
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl TryFrom<String> for Span {
    type Error = NotASpan;

    fn try_from(text: String) -> Result<Self, NotASpan> {
        let (from, to) = text.split_once('-').ok_or(NotASpan)?;
        let span = Self { from: minute(from.trim())?, to: minute(to.trim())? };
        if span.from < span.to { Ok(span) } else { Err(NotASpan) }
    }
}

fn minute(text: &str) -> Result<i32, NotASpan> {
    let (hour, minute) = text.split_once(':').ok_or(NotASpan)?;
    let digits = |part: &str| match part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<i32>().map_err(|_| NotASpan),
        false => Err(NotASpan),
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    if minute < 60 && hour * 60 + minute <= 24 * 60 { Ok(hour * 60 + minute) } else { Err(NotASpan) }
}

impl From<Span> for String {
    fn from(Span { from, to }: Span) -> Self {
        format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// A zone by its IANA name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// What the clock on the wall shows there. An instant that no calendar has is the first.
pub(super) fn local(zone: TimeZone, unix_ms: u64) -> Zoned {
    let instant = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(json: serde_json::Value) -> OpeningHours {
        serde_json::from_value(json).unwrap()
    }

    fn open(hours: &OpeningHours, zone_name: &str, instant: &str) -> bool {
        let ms = jiff::Timestamp::from_str(instant).unwrap().as_millisecond();
        hours.is_open(&local(zone(zone_name).unwrap(), ms.try_into().unwrap()))
    }

    #[test]
    fn a_day_is_open_in_its_own_zone_and_closed_at_the_last_minute() {
        let hours = hours(serde_json::json!({ "weekly": { "monday": ["09:00-12:30", "14:00-24:00"] } }));
        // Monday the 23rd of November 2026, in winter; Berlin is an hour ahead.
        for (instant, expected) in [
            ("2026-11-23T07:59:59Z", false),
            ("2026-11-23T08:00:00Z", true),
            ("2026-11-23T11:29:59Z", true),
            ("2026-11-23T11:30:00Z", false),
            ("2026-11-23T22:59:00Z", true),
            ("2026-11-23T23:00:00Z", false),
            ("2026-11-24T08:00:00Z", false),
        ] {
            assert_eq!(open(&hours, "Europe/Berlin", instant), expected, "{instant}");
        }
    }

    #[test]
    fn summer_time_moves_the_hours_with_it() {
        let hours = hours(serde_json::json!({ "weekly": { "monday": ["09:00-10:00"] } }));
        assert!(open(&hours, "Europe/Berlin", "2026-07-06T07:30:00Z"));
        assert!(!open(&hours, "Europe/Berlin", "2026-07-06T08:30:00Z"));
    }

    #[test]
    fn an_exception_stands_instead_of_the_week() {
        let hours = hours(serde_json::json!({
            "weekly": { "thursday": ["09:00-18:00"] },
            "exceptions": { "2026-12-24": ["09:00-12:00"], "2026-12-31": [], "2026-12-27": ["10:00-11:00"] },
        }));
        for (instant, expected) in [
            ("2026-12-24T11:00:00Z", true),
            ("2026-12-24T13:00:00Z", false),
            ("2026-12-31T11:00:00Z", false),
            ("2026-12-27T10:30:00Z", true),
            ("2026-12-17T13:00:00Z", true),
        ] {
            assert_eq!(open(&hours, "UTC", instant), expected, "{instant}");
        }
    }

    #[test]
    fn what_is_no_span_and_no_day_is_refused() {
        for bad in [
            "",
            "9-12",
            "9:00-12:00",
            "09:00",
            "09:00-09:00",
            "22:00-06:00",
            "09:60-10:00",
            "09:00-24:01",
            "-1:00-02:00",
        ] {
            assert_eq!(Span::try_from(bad.to_owned()), Err(NotASpan), "{bad}");
        }
        for bad in ["", "2026-2-1", "2026-02-30", "tomorrow", "20261224", "2026-12-24T00:00"] {
            assert_eq!(Day::try_from(bad.to_owned()), Err(NotADay), "{bad}");
        }
        assert_eq!(String::from(Span::try_from("00:00 - 24:00".to_owned()).unwrap()), "00:00-24:00");
    }
}
