//! When a request is made again.

use std::time::Duration;

use reqwest::StatusCode;

use crate::Error;

/// Waits between attempts.
const DELAYS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];
/// The longest wait that a registry can ask for within one operation; beyond it the operation fails, so that
/// its caller can do something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);

/// Attempts at one request.
pub(crate) struct Attempts {
    failed: usize,
    allowed: usize,
}

impl Attempts {
    /// One attempt, and up to two more when something passing is in the way.
    pub(crate) fn several() -> Self {
        Self { failed: 0, allowed: DELAYS.len() }
    }

    /// One attempt: the caller knows another way.
    pub(crate) fn one() -> Self {
        Self { failed: 0, allowed: 0 }
    }

    /// How long to wait before another attempt; None when there shall be none.
    pub(crate) fn after(&mut self, error: &Error) -> Option<Duration> {
        let delay = DELAYS.get(self.failed).copied().filter(|_| self.failed < self.allowed)?;
        self.failed += 1;
        match error {
            Error::Status(status) if is_passing(status.status) => match status.retry_after {
                Some(asked) if asked > PATIENCE => None,
                Some(asked) => Some(asked.max(delay)),
                None => Some(delay),
            },
            error if error.is_interruption() => Some(delay),
            _ => None,
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use url::Url;

    use super::*;
    use crate::StatusError;

    fn status(code: u16, retry_after: Option<u64>) -> Error {
        Error::Status(Box::new(StatusError {
            method: Method::GET,
            url: Url::parse("https://r.io/v2/").unwrap(),
            status: StatusCode::from_u16(code).unwrap(),
            diagnostics: Vec::new(),
            body: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }))
    }

    #[test]
    fn passing_errors_are_tried_again_a_few_times() {
        let mut attempts = Attempts::several();
        assert_eq!(attempts.after(&status(503, None)), Some(DELAYS[0]));
        assert_eq!(attempts.after(&status(500, Some(2))), Some(Duration::from_secs(2)));
        assert_eq!(attempts.after(&status(503, None)), None);
        assert_eq!(Attempts::one().after(&status(503, None)), None);
    }

    #[test]
    fn lasting_errors_and_long_pauses_are_not() {
        for error in
            [status(404, None), status(401, None), status(429, Some(60)), Error::Token(String::new())]
        {
            assert_eq!(Attempts::several().after(&error), None, "{error}");
        }
    }
}
