//! Fetches a branch and reads all its files: `cargo run --example fetch -- URL BRANCH STORE [KEY KNOWN_HOSTS]`.
//! Prints how long each step took, and the peak of resident memory.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sluice_git::{Auth, Error, Kind, Options, Reference, Remote, Walk, fetch};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, branch, store, keys @ ..] = &args[..] else {
        return Err("usage: fetch URL BRANCH STORE [KEY KNOWN_HOSTS]".into());
    };
    let mut remote = Remote::new(url)?;
    if let [key, known_hosts] = keys {
        remote.auth = Auth::Ssh {
            identity: std::fs::read(key)?,
            password: None,
            known_hosts: std::fs::read(known_hosts)?,
        };
    }
    let store = PathBuf::from(store);
    for attempt in ["cold", "again"] {
        let started = Instant::now();
        let options = Options::timeout(Duration::from_mins(5));
        let commit = fetch(&remote, &Reference::Branch(branch.clone()), &store, &options).await?;
        let fetched = started.elapsed();
        let (mut files, mut bytes) = (0_u64, 0);
        tokio::task::block_in_place(|| {
            commit.walk(|entry| {
                if matches!(entry.kind, Kind::File | Kind::Executable) {
                    files += 1;
                    bytes += io::copy(&mut entry.reader()?, &mut io::sink()).unwrap_or_default();
                }
                Ok::<_, Error>(Walk::Continue)
            })
        })?;
        println!(
            "{attempt}: {} fetched in {fetched:.2?}, {files} files ({bytes} bytes) read in {:.2?}",
            commit.revision,
            started.elapsed().saturating_sub(fetched)
        );
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("Rss"))
        .for_each(|line| println!("{line}"));
    Ok(())
}
