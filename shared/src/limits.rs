//! Who is let in, and how often: the rules. Who counts, and where, is the drivers' affair.
//!
//! Nobody is ever refused for what a stranger does: a caller is counted once Twilio's signature has vouched for the number,
//! an address only for requests that nobody vouches for.

use std::collections::BTreeMap;
use std::time::Duration;

use core::net::IpAddr;
use core::str::FromStr;
use ipnet::IpNet;

/// So many within a minute, by the clock: the count begins anew with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// `None`: no limit.
    most: Option<u32>,
}

/// A minute in which something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Window(u64);

const WINDOW: Duration = Duration::from_secs(60);

impl Rate {
    /// 0 is no limit.
    pub const fn per_minute(most: u32) -> Self {
        Self { most: if most > 0 { Some(most) } else { None } }
    }

    pub fn is_limited(self) -> bool {
        self.most.is_some()
    }

    /// Whether this was one too many. Counts begin with 1.
    pub fn exceeded_by(self, count: u32) -> bool {
        self.most.is_some_and(|most| count > most)
    }
}

impl Window {
    pub fn at(now_ms: u64) -> Self {
        Self(now_ms / WINDOW_MS)
    }

    pub fn number(self) -> u64 {
        self.0
    }

    pub fn ends_at_ms(self) -> u64 {
        self.0.saturating_add(1).saturating_mul(WINDOW_MS)
    }
}

const WINDOW_MS: u64 = WINDOW.as_secs() * 1000;

/// Counts of one process, of the minute that it is.
#[derive(Debug, Default)]
pub struct Counts {
    window: Window,
    counts: BTreeMap<String, u32>,
}

impl Counts {
    /// More are not told apart: whoever comes from so many addresses is not stopped by counting them.
    const MOST: usize = 10_000;

    /// Once more; returns how often that makes.
    pub fn count(&mut self, whom: &str, now_ms: u64) -> u32 {
        let Some(count) = self.slot(whom, now_ms) else { return 0 };
        *count = count.saturating_add(1);
        *count
    }

    /// What another has counted.
    pub fn note(&mut self, whom: &str, count: u32, now_ms: u64) {
        if let Some(known) = self.slot(whom, now_ms) {
            *known = count.max(*known);
        }
    }

    pub fn of(&self, whom: &str, now_ms: u64) -> u32 {
        if self.window != Window::at(now_ms) {
            return 0;
        }
        self.counts.get(whom).copied().unwrap_or_default()
    }

    fn slot(&mut self, whom: &str, now_ms: u64) -> Option<&mut u32> {
        let window = Window::at(now_ms);
        if self.window != window {
            self.counts.clear();
            self.window = window;
        }
        if self.counts.len() >= Self::MOST && !self.counts.contains_key(whom) {
            return None;
        }
        Some(self.counts.entry(whom.to_owned()).or_default())
    }
}

/// By what an address is counted. Who has one address of IPv6 has the 2⁶⁴ beside it.
pub fn origin(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// By what a caller is counted; `None` of one who does not say who it is: all of those would be one.
///
/// The numbers are words on a keypad, by which Twilio says that there is no number: ANONYMOUS, RESTRICTED, UNKNOWN,
/// BLOCKED, UNAVAILABLE.
pub fn caller(number: &str) -> Option<&str> {
    const NOBODY: [&str; 5] = ["266696687", "7378742833", "8656696", "2562533", "86282452253"];
    let digits = number.trim_start_matches('+');
    let says = number.contains(':') || digits.bytes().any(|letter| letter.is_ascii_digit());
    let says = says && !NOBODY.contains(&digits);
    says.then_some(number)
}

/// From where requests are taken. Empty: from everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowed(Vec<IpNet>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of addresses and networks")]
pub struct NotNetworks;

impl Allowed {
    pub fn is_everybody(&self) -> bool {
        self.0.is_empty()
    }

    /// `None` is an address that nobody knows.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let inside = |address: IpAddr| self.0.iter().any(|network| network.contains(&address.to_canonical()));
        self.is_everybody() || address.is_some_and(inside)
    }
}

/// `203.0.113.7, 198.51.100.0/24, 2001:db8::/32`. Strict: a network whose address has more bits than its prefix is a slip
/// of the pen, and nobody knows which way.
impl FromStr for Allowed {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        text.split(',').map(str::trim).map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(text: &str) -> Result<IpNet, NotNetworks> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    text.parse::<IpNet>().ok().filter(|network| network.trunc() == *network).ok_or(NotNetworks)
}

/// What all doors have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    pub allowed: Allowed,
    /// Requests without a good signature, from one address: above it they are refused without a look.
    pub strangers: Rate,
}

impl Default for Gate {
    fn default() -> Self {
        Self { allowed: Allowed::default(), strangers: Rate::per_minute(60) }
    }
}

/// How many calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// From one number.
    pub of_a_caller: Rate,
    /// At once, of all callers together.
    pub at_once: Option<u32>,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { of_a_caller: Rate::per_minute(30), at_once: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_020_000;

    #[test]
    fn a_rate_lets_so_many_through_and_no_more() {
        let rate = Rate::per_minute(2);
        assert_eq!([1, 2, 3].map(|count| rate.exceeded_by(count)), [false, false, true]);
        assert!(!Rate::per_minute(0).exceeded_by(u32::MAX) && !Rate::per_minute(0).is_limited());
    }

    #[test]
    fn a_window_is_a_minute_by_the_clock() {
        let window = Window::at(NOW);
        assert!(window.ends_at_ms() > NOW && window.ends_at_ms() - NOW <= 60_000);
        assert_eq!(Window::at(window.ends_at_ms() - 1), window);
        assert_eq!(Window::at(window.ends_at_ms()).number(), window.number() + 1);
        assert!(Window::at(u64::MAX).ends_at_ms() > 0);
    }

    #[test]
    fn counts_begin_anew_with_the_minute_and_each_for_itself() {
        let mut counts = Counts::default();
        assert_eq!([counts.count("a", NOW), counts.count("a", NOW), counts.count("b", NOW)], [1, 2, 1]);
        counts.note("a", 7, NOW);
        counts.note("a", 3, NOW);
        assert_eq!((counts.of("a", NOW), counts.of("c", NOW)), (7, 0));
        let later = Window::at(NOW).ends_at_ms();
        assert_eq!(counts.of("a", later), 0);
        assert_eq!(counts.count("a", later), 1);
    }

    #[test]
    fn counting_has_a_bound_and_above_it_nobody_is_limited() {
        let mut counts = Counts::default();
        for number in 0..Counts::MOST {
            counts.count(&number.to_string(), NOW);
        }
        assert_eq!([counts.count("one more", NOW), counts.count("0", NOW)], [0, 2]);
        assert_eq!(counts.counts.len(), Counts::MOST);
    }

    #[test]
    fn an_address_is_counted_with_those_that_its_owner_has_anyway() {
        for (address, counted) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(origin(address.parse().unwrap()), counted);
        }
    }

    #[test]
    fn callers_who_withhold_their_number_are_not_taken_for_one() {
        for nobody in ["", "anonymous", "Restricted", "+266696687", "266696687", "+7378742833", "+86282452253"] {
            assert_eq!(caller(nobody), None, "{nobody}");
        }
        for somebody in ["+15551234567", "sip:+4930123@example.com", "client:alice"] {
            assert_eq!(caller(somebody), Some(somebody));
        }
    }

    #[test]
    fn without_a_list_everybody_is_let_in_and_with_one_those_on_it() {
        assert!(Allowed::default().admits(None));
        let allowed: Allowed = "203.0.113.7, 198.51.100.0/24 ,2001:db8::/32".parse().unwrap();
        let admits = |address: &str| allowed.admits(Some(address.parse().unwrap()));
        for inside in ["203.0.113.7", "::ffff:203.0.113.7", "198.51.100.200", "2001:db8:ffff::1"] {
            assert!(admits(inside), "{inside}");
        }
        for outside in ["203.0.113.8", "198.51.101.1", "2001:db9::1", "127.0.0.1"] {
            assert!(!admits(outside), "{outside}");
        }
        assert!(!allowed.admits(None));
    }

    #[test]
    fn a_list_with_a_slip_in_it_is_no_list() {
        for text in ["", "203.0.113.7,", "203.0.113.0/33", "10.0.0.1/8", "example.com", "10.0.0.0/8;10.1.0.0/16"] {
            assert_eq!(text.parse::<Allowed>(), Err(NotNetworks), "{text:?}");
        }
    }
}
