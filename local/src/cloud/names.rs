//! Names as AWS makes them: opaque, unique, and with the `=` that reveals a missing URL encoding.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

/// A source of names. They are hard to mix up, not hard to guess: nothing here is a secret.
#[derive(Debug)]
pub(crate) struct Names {
    seed: u64,
    drawn: AtomicU64,
}

impl Names {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }

    /// As of a connection, a message or a request at API Gateway: `I8mzEc2bPHcCIWQ=`.
    pub(crate) fn short(&self) -> String {
        URL_SAFE.encode(&self.bytes()[..11])
    }

    /// As of an invocation: a UUID.
    pub(crate) fn long(&self) -> String {
        let hex = format!("{:032x}", u128::from_be_bytes(self.bytes()));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    fn bytes(&self) -> [u8; 16] {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(2);
        let (high, low) = (mix(self.seed.wrapping_add(number)), mix(self.seed.wrapping_add(number + 1)));
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

/// Where a source of names begins.
pub(crate) fn seed() -> Result<u64, getrandom::Error> {
    getrandom::u64()
}

/// splitmix64: neighbouring numbers become unrelated ones, and no two become the same.
pub(crate) fn mix(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn connection_ids_look_like_those_of_aws() {
        let name = Names::new(7).short();
        assert_eq!(name.len(), 16);
        assert!(name.ends_with('='));
    }

    #[test]
    fn names_do_not_repeat() {
        let names = Names::new(u64::MAX - 10);
        let drawn: BTreeSet<String> = (0..1000).flat_map(|_| [names.short(), names.long()]).collect();
        assert_eq!(drawn.len(), 2000);
    }
}
