//! The last line of a terminal while something is awaited.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::output::Output;

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// More would wrap on a narrow terminal, and a wrapped line cannot be cleared.
const WIDTH: usize = 76;

/// A spinner with the latest message; without a terminal nothing at all. Ends when dropped.
pub(crate) struct Progress {
    message: Arc<Mutex<String>>,
    task: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to spin, on a terminal.
    pub(crate) fn start(output: Output) -> Self {
        let message = Arc::new(Mutex::new(String::new()));
        let task = output.is_terminal().then(|| tokio::spawn(spin(Arc::clone(&message))));
        Self { message, task }
    }

    /// Shows this message from now on.
    pub(crate) fn show(&self, message: &str) {
        let line = message.lines().next().unwrap_or("").chars().take(WIDTH).collect();
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

async fn spin(message: Arc<Mutex<String>>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for frame in FRAMES.iter().cycle() {
        ticks.tick().await;
        let text = message.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut stderr = io::stderr();
        let _ = write!(stderr, "\r\x1b[K{frame} {text}");
        let _ = stderr.flush();
    }
}
