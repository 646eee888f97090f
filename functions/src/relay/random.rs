//! Chance, where it is useful: names that nobody else has, and waits that differ between processes.

use std::time::Duration;

use rustls::crypto::aws_lc_rs;

/// 128 random bits as hex.
pub fn name() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Somewhere between the two.
pub fn between(least: Duration, most: Duration) -> Duration {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    let share = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
    least + most.saturating_sub(least).mul_f64(share)
}

fn fill(bytes: &mut [u8]) {
    if aws_lc_rs::default_provider().secure_random.fill(bytes).is_err() {
        // The system's randomness is broken, and TLS with it: nothing will connect, and that will be noticed.
        tracing::error!("no randomness to be had");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_the_same() {
        assert_ne!(name(), name());
        assert_eq!(name().len(), 32);
    }

    #[test]
    fn a_wait_stays_within_its_bounds() {
        let (least, most) = (Duration::from_millis(50), Duration::from_millis(100));
        for _ in 0..100 {
            assert!((least..=most).contains(&between(least, most)));
        }
    }
}
