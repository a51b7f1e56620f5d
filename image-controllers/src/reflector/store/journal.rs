//! The file of one image: what each scan changed, scan after scan.
//!
//! A scan that finds a new tag adds some bytes to it: making and replacing files would be most of what many scans cost.
//! A scan is a record of lines: `@` and the time in milliseconds since 1970, each new tag, `-` and each tag that is gone,
//! `=` and the CRC-32 of these lines in hexadecimal. No tag begins with one of these signs. What follows the last whole
//! record, as a machine that stopped may leave it, counts as not written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;

use super::files;
use super::seen::Seen;

/// So many lines more than twice the tags, and the file is written anew.
const SLACK: usize = 64;

/// What a file says.
struct Journal<'t> {
    /// The tags, greatest first, with the times in milliseconds since 1970 when they were first seen.
    tags: Vec<(&'t str, i64)>,
    /// Its lines that name tags.
    lines: usize,
    /// Whether it ends with a whole record.
    is_whole: bool,
}

/// The tags, greatest first.
pub(super) fn read(path: &Path) -> io::Result<Vec<String>> {
    let bytes = files::read(path, |file| file)?.unwrap_or_default();
    let journal = Journal::parse(&bytes);
    if !journal.is_whole {
        tracing::warn!(path = %path.display(), "the end of the stored tags is damaged; the next scan mends it");
    }
    Ok(journal.tags.iter().map(|(tag, _)| (*tag).to_owned()).collect())
}

/// When the tags were first seen; `now` if there are none.
pub(super) fn seen(path: &Path, now: Timestamp) -> io::Result<Seen> {
    let bytes = files::read(path, |file| file)?.unwrap_or_default();
    let tags = Journal::parse(&bytes).tags;
    let first = tags.iter().map(|(_, at)| *at).min().unwrap_or(now.as_millisecond());
    let later = tags.into_iter().filter(|(_, at)| *at != first);
    Ok(Seen::new(time(first, now), later.map(|(tag, at)| (tag.to_owned(), time(at, now)))))
}

/// Keeps a list that is sorted greatest first. Whether there were tags before.
pub(super) fn write(path: &Path, list: &[String], now: Timestamp) -> io::Result<bool> {
    let bytes = files::read(path, |file| file)?.unwrap_or_default();
    let known = Journal::parse(&bytes);
    let had_tags = !known.tags.is_empty();
    let (record, lines) = known.change(list, now);
    if lines == 0 && known.is_whole {
        return Ok(had_tags);
    }
    if known.is_whole && !bytes.is_empty() && known.lines + lines <= 2 * list.len() + SLACK {
        // In one write, as far as the system can.
        OpenOptions::new().append(true).open(path)?.write_all(record.as_bytes())?;
    } else {
        files::replace(path, now, |writer| writer.write_all(known.anew(list, now).as_bytes()))?;
    }
    Ok(had_tags)
}

/// Forgets all.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    files::remove(path)
}

fn time(milliseconds: i64, or: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(or)
}

impl<'t> Journal<'t> {
    fn parse(bytes: &'t [u8]) -> Self {
        let valid = bytes.utf8_chunks().next();
        let mut rest = valid.as_ref().map_or("", |chunk| chunk.valid());
        let mut is_whole = rest.len() == bytes.len();
        let mut changes = Vec::new();
        while !rest.is_empty() {
            let Some((at, lines, after)) = record(rest) else {
                is_whole = false;
                break;
            };
            changes.extend(lines.lines().map(|line| match line.strip_prefix('-') {
                Some(gone) => (gone, None),
                None => (line, Some(at)),
            }));
            rest = after;
        }
        let lines = changes.len();
        // Of what is said about a tag, the last counts.
        changes.reverse();
        changes.sort_by(|(one, _), (other, _)| other.cmp(one));
        changes.dedup_by_key(|(tag, _)| *tag);
        let tags = changes.into_iter().filter_map(|(tag, at)| Some((tag, at?))).collect();
        Self { tags, lines, is_whole }
    }

    /// The record of a scan that finds `list`, and how many lines of it name tags.
    fn change(&self, list: &[String], now: Timestamp) -> (String, usize) {
        let (mut lines, mut count) = (String::new(), 0);
        let mut line = |sign: &str, tag: &str| {
            lines.extend([sign, tag, "\n"]);
            count += 1;
        };
        let mut known = self.tags.iter().map(|(tag, _)| *tag).peekable();
        for tag in list {
            while let Some(gone) = known.next_if(|other| *other > tag.as_str()) {
                line("-", gone);
            }
            if known.next_if_eq(&tag.as_str()).is_none() {
                line("", tag);
            }
        }
        known.for_each(|gone| line("-", gone));
        let mut text = String::with_capacity(lines.len() + 32);
        add_record(&mut text, now.as_millisecond(), &lines);
        (text, count)
    }

    /// The text of a new file with `list`, in which tags keep their times.
    fn anew(&self, list: &[String], now: Timestamp) -> String {
        let now = now.as_millisecond();
        let mut by_time: BTreeMap<i64, String> = BTreeMap::new();
        let mut known = self.tags.iter().peekable();
        for tag in list {
            while known.next_if(|(other, _)| *other > tag.as_str()).is_some() {}
            let at = known.next_if(|(other, _)| other == tag).map_or(now, |(_, at)| *at);
            by_time.entry(at).or_default().extend([tag.as_str(), "\n"]);
        }
        let mut text = String::new();
        for (at, lines) in by_time {
            add_record(&mut text, at, &lines);
        }
        text
    }
}

/// The first record of a text: its time, the lines that name tags, and what follows.
fn record(text: &str) -> Option<(i64, &str, &str)> {
    let end = text.find("\n=")? + 1;
    let (sum, rest) = text[end + 1..].split_once('\n')?;
    if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(&text.as_bytes()[..end]) {
        return None;
    }
    let (at, lines) = text[..end].strip_prefix('@')?.split_once('\n')?;
    Some((at.parse().ok()?, lines, rest))
}

fn add_record(text: &mut String, at: i64, lines: &str) {
    let begin = text.len();
    let _ = write!(text, "@{at}\n{lines}");
    let sum = crc32fast::hash(&text.as_bytes()[begin..]);
    let _ = writeln!(text, "={sum:08x}");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_scan_adds_what_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("images/x.txt");
        assert!(!write(&path, &owned(&["b", "a"]), at(1)).unwrap());
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("@1000\nb\na\n="), "{first}");
        assert!(write(&path, &owned(&["c", "b"]), at(2)).unwrap());
        let second = fs::read_to_string(&path).unwrap();
        assert!(second.strip_prefix(&first).unwrap().starts_with("@2000\nc\n-a\n="), "{second}");
        write(&path, &owned(&["c", "b"]), at(3)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), second);
        // A tag that went and comes back may be another image.
        write(&path, &owned(&["c", "b", "a"]), at(4)).unwrap();
        assert_eq!(read(&path).unwrap(), ["c", "b", "a"]);
        let seen = seen(&path, at(9)).unwrap();
        assert_eq!(["a", "b", "c"].map(|tag| seen.of(tag)), [at(4), at(1), at(2)]);
    }

    #[test]
    fn what_a_stopped_machine_leaves_is_mended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        write(&path, &owned(&["a"]), at(1)).unwrap();
        let whole = fs::read(&path).unwrap();
        write(&path, &owned(&["b", "a"]), at(2)).unwrap();
        let both = fs::read(&path).unwrap();
        let zeros = [whole.as_slice(), &[0; 20]].concat();
        let garbage = [whole.as_slice(), b"@2000\nb\xff"].concat();
        let other = [whole.as_slice(), b"@2000\nb\n=00000000\n"].concat();
        let parts = (whole.len() + 1..both.len()).map(|length| both[..length].to_vec());
        for damaged in parts.chain([zeros, garbage, other]) {
            fs::write(&path, &damaged).unwrap();
            assert_eq!(read(&path).unwrap(), ["a"], "{damaged:?}");
            // Even a scan that finds what is known mends it.
            write(&path, &owned(&["a"]), at(3)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        fs::write(&path, &both).unwrap();
        assert_eq!(read(&path).unwrap(), ["b", "a"]);
    }

    #[test]
    fn a_file_stays_small_and_keeps_its_times() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.txt");
        for scan in 0..1000 {
            write(&path, &owned(&[&format!("v{scan:04}"), "a"]), at(scan)).unwrap();
            assert!(fs::metadata(&path).unwrap().len() < 3000, "{scan}");
        }
        assert_eq!(read(&path).unwrap(), ["v0999", "a"]);
        let seen = seen(&path, at(5000)).unwrap();
        assert_eq!(["a", "v0999"].map(|tag| seen.of(tag)), [at(0), at(999)]);
        write(&path, &[], at(2000)).unwrap();
        assert!(read(&path).unwrap().is_empty());
    }
}
