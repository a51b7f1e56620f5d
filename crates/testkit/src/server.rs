//! The servers of the e2e binary, which print one JSON line once they serve.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    path::Path,
    process::{ChildStdout, Command},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{binary::e2e_binary, process::Process};

/// One running server and the addresses that it announced.
pub(crate) struct Server {
    process: Process,
    announced: Value,
    /// Kept open: a closed pipe would kill a server that prints again.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a program of the e2e binary and returns once it serves.
    pub(crate) fn start(program: &str, arguments: &[OsString], log: &Path) -> Result<Self> {
        Self::start_from(e2e_binary()?, program, arguments, log)
    }

    /// As [`start`](Self::start), from another binary whose programs announce themselves in the same way.
    pub(crate) fn start_from(
        binary: &Path,
        program: &str,
        arguments: &[OsString],
        log: &Path,
    ) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg(program).args(arguments).arg("--exit-with-parent");
        let mut process = Process::start(command, log, true)?;
        let mut stdout = BufReader::new(process.stdout().context("standard output is not piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        if line.is_empty() {
            let status = process.stop()?;
            bail!("{program} did not start ({status}):\n{}", process.log());
        }
        let announced =
            serde_json::from_str(&line).with_context(|| format!("{program} announced {line:?}"))?;
        Ok(Self { process, announced, _stdout: stdout })
    }

    /// An address that the server announced.
    pub(crate) fn address(&self, key: &str) -> Option<&str> {
        self.announced.get(key)?.as_str()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid() as i32).context("the process has no id")?;
        Ok(kill_process(pid, signal)?)
    }
}

/// Arguments of mixed types, as the operating system takes them.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { vec![$(std::ffi::OsString::from($argument)),*] };
}
pub(crate) use arguments;
