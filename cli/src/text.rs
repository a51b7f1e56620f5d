//! Small texts.

use std::time::Duration;

/// Hexadecimal words this long are digests.
const DIGEST_LENGTHS: std::ops::RangeInclusive<usize> = 40..=128;

/// Shortens every digest in a text to its first 8 characters.
pub(crate) fn truncate_hex(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let is_digest = DIGEST_LENGTHS.contains(&word.len()) && word.chars().all(is_hex);
        result.push_str(if is_digest { &word[..8] } else { word });
        rest = &rest[word.len()..];
        let between = &rest[..rest.find(is_word).unwrap_or(rest.len())];
        result.push_str(between);
        rest = &rest[between.len()..];
    }
    result
}

/// An error and its causes as one line. Many layers repeat what their source says: once is enough.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.contains(&cause) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause);
    }
    line
}

/// `True` or `False`.
pub(crate) fn title(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// How long ago something was, as kubectl writes it: `42s`, `5m3s`, `17m`, `3h4m`, `2d5h`, `30d`.
pub(crate) fn human_duration(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let seconds = duration.as_secs();
    let pair = |large: u64, large_unit: char, small: u64, small_unit: char| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit}{small}{small_unit}")
        }
    };
    match seconds {
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => pair(seconds / MINUTE, 'm', seconds % MINUTE, 's'),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => pair(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => pair(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => pair(seconds / YEAR, 'y', seconds % YEAR / DAY, 'd'),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_shortened_where_they_are_words() {
        let sha1 = "696f056df216eea4f9401adbee0ff744d4df390f";
        let sha256 = "a".repeat(64);
        assert_eq!(truncate_hex(&format!("main@sha1:{sha1}")), "main@sha1:696f056d");
        assert_eq!(
            truncate_hex(&format!("stored '{sha1}', sha256:{sha256}.")),
            "stored '696f056d', sha256:aaaaaaaa."
        );
        for text in ["", "v1.2.3", &sha1[..39], &format!("{sha1}_x"), &format!("{sha1}g"), &"a".repeat(129)] {
            assert_eq!(truncate_hex(text), *text);
        }
        assert_eq!(truncate_hex(&format!("é{sha1}é")), "é696f056dé");
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no such file").context("read a: no such file").context("load");
        assert_eq!(chain(&error), "load: read a: no such file");
    }

    #[test]
    fn durations_read_as_kubectls() {
        let cases: &[(u64, &str)] = &[
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (123, "2m3s"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(Duration::from_secs(*seconds)), *text);
        }
    }
}
