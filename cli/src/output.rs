//! Where output goes and how it looks.

use std::fmt::{Arguments, Display};
use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Result;

/// So many bytes of small pieces are written at once.
const PIECES: usize = 32 << 10;

/// Writes messages to the standard error and data to the standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether messages go to a person's terminal.
    terminal: bool,
    /// Whether their signs have colours.
    colour: bool,
}

impl Output {
    /// As the process's terminal and environment want it.
    pub(crate) fn of_process() -> Self {
        let terminal = io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { terminal, colour: terminal && !plain }
    }

    /// Whether messages go to a person's terminal.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Something is being done.
    pub(crate) fn action(self, message: impl Display) {
        self.line("►", "36", message);
    }

    /// Something is being made up.
    pub(crate) fn generate(self, message: impl Display) {
        self.line("✚", "36", message);
    }

    /// Something is awaited.
    pub(crate) fn waiting(self, message: impl Display) {
        self.line("◎", "33", message);
    }

    /// Something succeeded.
    pub(crate) fn success(self, message: impl Display) {
        self.line("✔", "32", message);
    }

    /// Something deserves attention.
    pub(crate) fn warning(self, message: impl Display) {
        self.line("⚠️", "33", message);
    }

    /// Something failed.
    pub(crate) fn failure(self, message: impl Display) {
        self.line("✗", "31", message);
    }

    fn line(self, sign: &str, colour: &str, message: impl Display) {
        // Nobody can be told that nobody can be told anything.
        let _ = if self.colour {
            writeln!(io::stderr(), "\x1b[{colour}m{sign}\x1b[0m {message}")
        } else {
            writeln!(io::stderr(), "{sign} {message}")
        };
    }

    /// Writes data as it is.
    #[allow(clippy::unused_self)] // where data goes is the output's matter, though there is one place now
    pub(crate) fn data(self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// Where data goes piece by piece; to be flushed at the end.
    #[allow(clippy::unused_self)]
    pub(crate) fn pieces(self) -> impl Write {
        BufWriter::with_capacity(PIECES, io::stdout().lock())
    }

    /// Writes a line of data.
    pub(crate) fn data_line(self, line: Arguments<'_>) -> Result<()> {
        self.data(&format!("{line}\n"))
    }
}

/// Whether the error is that nobody reads the output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
