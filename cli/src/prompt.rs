//! Asking before something is lost.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};

/// Asks a question; anything but yes ends the command. Without a person to answer, the answer is no.
pub(crate) fn confirm(question: &str) -> Result<()> {
    confirm_unless(question, "--silent")
}

/// Asks a question that a flag answers.
pub(crate) fn confirm_unless(question: &str, flag: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        bail!("aborting: {question}? Nobody can answer, so give {flag}");
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        bail!("aborting")
    }
}
