//! What is to be done for one pull request, whoever hosts it.

use crate::Error;

/// A pull request as it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The branch with the change, by its short name.
    pub branch: &'a str,
    /// The branch to merge it into.
    pub target: &'a str,
    /// The title, in one line.
    pub title: &'a str,
    /// The text, in Markdown.
    pub body: &'a str,
    /// Labels that it must have; it may have others.
    pub labels: &'a [String],
    /// Names what is proposed: a pull request of the same proposal that somebody closed is not opened again.
    pub proposal: &'a str,
}

/// A pull request as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Where people see it.
    pub url: String,
    /// What was done.
    pub outcome: Outcome,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Opened,
    /// Title, text or labels were brought up to date.
    Updated,
    /// It was as it is wanted.
    Unchanged,
    /// Somebody closed it: it stays closed.
    Declined,
}

/// A pull request that a host knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) number: u64,
    pub(crate) url: String,
    pub(crate) state: State,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Open,
    Merged,
    Closed,
}

impl State {
    /// Of what is not open, what was not merged was closed.
    pub(crate) fn of(is_open: bool, is_merged: bool) -> Self {
        match (is_open, is_merged) {
            (true, _) => Self::Open,
            (false, true) => Self::Merged,
            (false, false) => Self::Closed,
        }
    }
}

/// What a host's API offers.
pub(crate) trait Host: Sync {
    /// Whether its pull requests have labels.
    const LABELS: bool = true;
    /// The longest title and text that it takes, in characters.
    const LIMITS: (usize, usize);

    /// The pull requests from the branch to the target, the newest first; some of the closed ones may be missing.
    fn list(&self, wanted: &Wanted<'_>) -> impl Future<Output = Result<Vec<Known>, Error>> + Send;

    /// Opens one, with labels if its host takes them at once.
    fn open(&self, wanted: &Wanted<'_>) -> impl Future<Output = Result<Known, Error>> + Send;

    /// Sets title and text.
    fn update(&self, known: &Known, wanted: &Wanted<'_>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Adds labels, where there are any.
    fn label(&self, _known: &Known, _missing: &[String]) -> impl Future<Output = Result<(), Error>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Refuses labels where there are none.
pub(crate) fn check<H: Host>(labels: &[String]) -> Result<(), Error> {
    if H::LABELS || labels.is_empty() {
        return Ok(());
    }
    Err(Error::Config("pull requests of this host have no labels: leave them out".to_owned()))
}

pub(crate) async fn ensure<H: Host>(host: &H, wanted: &Wanted<'_>) -> Result<PullRequest, Error> {
    check::<H>(wanted.labels)?;
    let title = shorten(wanted.title.lines().next().unwrap_or_default().trim(), H::LIMITS.0);
    let body = shorten(&format!("{}\n\n{}", mark(wanted.proposal), wanted.body.trim()), H::LIMITS.1);
    let wanted = Wanted { title: &title, body: &body, ..*wanted };
    let found = host.list(&wanted).await?;
    let (known, outcome) = match decide(found, wanted.proposal) {
        Step::Open => (host.open(&wanted).await?, Outcome::Opened),
        Step::Leave(known) => (known, Outcome::Declined),
        Step::Keep(known) if differs(&known, &wanted) => {
            host.update(&known, &wanted).await?;
            (known, Outcome::Updated)
        }
        Step::Keep(known) => (known, Outcome::Unchanged),
    };
    let missing = missing(&known, &wanted);
    let mut outcome = outcome;
    if outcome != Outcome::Declined && !missing.is_empty() {
        host.label(&known, &missing).await?;
        if outcome == Outcome::Unchanged {
            outcome = Outcome::Updated;
        }
    }
    Ok(PullRequest { number: known.number, url: known.url, outcome })
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// There is none.
    Open,
    /// It is open.
    Keep(Known),
    /// Somebody said no.
    Leave(Known),
}

fn decide(found: Vec<Known>, proposal: &str) -> Step {
    let mut closed = None;
    for known in found {
        match known.state {
            State::Open => return Step::Keep(known),
            State::Closed if closed.is_none() && known.body.contains(&mark(proposal)) => closed = Some(known),
            State::Closed | State::Merged => {}
        }
    }
    closed.map_or(Step::Open, Step::Leave)
}

/// A link definition that nothing refers to: Markdown does not show it.
fn mark(proposal: &str) -> String {
    format!("[sluice]: # ({proposal})")
}

fn differs(known: &Known, wanted: &Wanted<'_>) -> bool {
    // Hosts keep line ends and blanks at the end as they like.
    let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    known.title.trim() != wanted.title || lines(known.body.trim()) != lines(wanted.body.trim())
}

fn missing(known: &Known, wanted: &Wanted<'_>) -> Vec<String> {
    let has = |label: &String| known.labels.iter().any(|had| had.eq_ignore_ascii_case(label));
    wanted.labels.iter().filter(|label| !has(label)).cloned().collect()
}

fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit.saturating_sub(1)) {
        Some((end, _)) if text.chars().count() > limit => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(number: u64, state: State, proposal: &str) -> Known {
        Known { number, state, body: format!("{}\n\ntext", mark(proposal)), ..Known::default() }
    }

    #[test]
    fn an_open_one_is_kept_and_a_declined_one_left() {
        let number = |found: &[Known], proposal: &str| match decide(found.to_vec(), proposal) {
            Step::Open => None,
            Step::Keep(known) => Some((known.number, true)),
            Step::Leave(known) => Some((known.number, false)),
        };
        let (declined, merged) = (known(1, State::Closed, "a"), known(2, State::Merged, "a"));
        assert_eq!(number(&[], "a"), None);
        assert_eq!(number(std::slice::from_ref(&merged), "a"), None);
        assert_eq!(number(&[merged, declined.clone()], "a"), Some((1, false)));
        // What is proposed now is something else.
        assert_eq!(number(std::slice::from_ref(&declined), "b"), None);
        assert_eq!(number(&[declined, known(3, State::Open, "a")], "b"), Some((3, true)));
    }

    #[test]
    fn blanks_and_line_ends_are_no_difference() {
        let wanted = Wanted {
            branch: "b",
            target: "main",
            title: "t",
            body: "a\nb\n",
            labels: &["x".to_owned(), "Y".to_owned()],
            proposal: "p",
        };
        let mut known = Known { title: "t ".into(), body: "a \r\nb".into(), ..Known::default() };
        assert!(!differs(&known, &wanted));
        known.labels = vec!["y".to_owned()];
        assert_eq!(missing(&known, &wanted), ["x"]);
        known.body = "a\n\nb".into();
        assert!(differs(&known, &wanted));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äö…");
    }
}
