//! Child processes that end with their handle.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A running program whose error output goes to a log file.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command; its error output, and its output unless `piped`, are appended to `log`.
    pub(crate) fn start(mut command: Command, log: &Path, piped: bool) -> Result<Self> {
        let file: File = OpenOptions::new().create(true).append(true).open(log)?;
        let output = if piped { Stdio::piped() } else { file.try_clone()?.into() };
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {}", Path::new(command.get_program()).display()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was logged so far; bytes that are not UTF-8 are replaced.
    pub(crate) fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to end and waits; kills it after ten seconds.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < GRACE {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Signals it unless it has ended already, when its id may belong to somebody else.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), Pid::from_raw(self.child.id() as i32)) {
            // The only failure left is that it ended in between.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
