//! The generator of random numbers, for libraries that ask for it by an older trait.

use rand::RngCore as _;
use rsa::rand_core::{CryptoRng, Error, RngCore, impls};

/// This thread's generator, seeded by the system.
pub(super) struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        rand::rng().fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}
