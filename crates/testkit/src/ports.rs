//! Ports for programs that must be told on which one to listen.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Result, bail};

/// Where such ports come from: below those that Linux gives to outgoing connections and to listeners on port 0
/// (`net.ipv4.ip_local_port_range`), which would take a port between its choice and its use.
const FIRST: u16 = 12_000;
const COUNT: u16 = 16_000;

/// How many were looked at in this process, so that none is given twice.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// An address of the loopback interface, `127.0.0.1:PORT`, on which nobody listens.
pub fn free_address() -> Result<String> {
    // Test processes that run side by side begin in different places.
    let start = std::process::id().wrapping_mul(7919);
    for _ in 0..COUNT {
        let step = u32::from(LOOKED_AT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from(start.wrapping_add(step) % u32::from(COUNT))?;
        let address = format!("127.0.0.1:{}", FIRST + offset);
        if TcpListener::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    bail!("every port from {FIRST} to {} is taken", FIRST + COUNT - 1)
}
