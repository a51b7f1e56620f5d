//! Letters on disk: one file to which letters and their ends are appended, rewritten when most of it is over.
//!
//! Nothing is flushed to the device: the file protects from the end of the process, not from that of the machine.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    lanes::Limits,
    letter::{Envelope, Letter},
};

const FILE: &str = "letters.jsonl";
const NEXT_FILE: &str = "letters.new";
const LOCK: &str = "lock";
/// Bytes that may be over before a file is rewritten.
const GARBAGE: u64 = 1 << 20;
/// A line that tells the end of a letter.
const END: &[u8] = b"end ";

/// A letter that was there when the journal was opened.
pub struct Restored {
    /// Its number.
    pub id: u64,
    /// Its length in bytes.
    pub bytes: usize,
    /// For whom it is.
    pub envelope: Envelope,
}

/// The letters that wait, by number.
pub struct Journal {
    next: u64,
    place: Place,
}

enum Place {
    Memory(HashMap<u64, Vec<u8>>),
    Disk(Disk),
}

struct Disk {
    folder: PathBuf,
    file: File,
    end: u64,
    /// Where letters are: offset and length.
    letters: HashMap<u64, (u64, usize)>,
    /// Held as long as the process lives.
    lock: File,
}

impl Journal {
    /// Opens the journal in a folder, or one in memory where that fails.
    pub fn open(folder: &Path) -> (Self, Vec<Restored>) {
        if folder.as_os_str().is_empty() {
            return (Self::in_memory(), Vec::new());
        }
        match Disk::open(folder) {
            Ok((disk, letters)) => {
                let next = letters.last().map_or(0, |letter| letter.id + 1);
                (Self { next, place: Place::Disk(disk) }, letters)
            }
            Err(error) => {
                let folder = folder.display();
                tracing::warn!(%error, %folder, "the outbox is kept in memory, and lost at the end, because its folder cannot be used");
                (Self::in_memory(), Vec::new())
            }
        }
    }

    fn in_memory() -> Self {
        Self { next: 0, place: Place::Memory(HashMap::new()) }
    }

    /// How much may wait.
    pub fn limits(&self) -> Limits {
        match &self.place {
            Place::Memory(_) => Limits { letters: 20_000, lane_bytes: 16 << 20, bytes: 48 << 20 },
            Place::Disk(_) => Limits { letters: 20_000, lane_bytes: 128 << 20, bytes: 512 << 20 },
        }
    }

    /// Keeps a letter, in memory if the disk refuses it.
    pub fn append(&mut self, body: Vec<u8>) -> u64 {
        let id = self.next;
        self.next += 1;
        match &mut self.place {
            Place::Memory(letters) => {
                letters.insert(id, body);
            }
            Place::Disk(disk) => {
                if let Err(error) = disk.append(id, &body) {
                    tracing::error!(%error, "the outbox's disk failed: alerts are kept in memory from now on");
                    self.leave_disk();
                    if let Place::Memory(letters) = &mut self.place {
                        letters.insert(id, body);
                    }
                }
            }
        }
        id
    }

    /// Reads a letter; `None` if it is gone or damaged.
    pub fn read(&self, id: u64) -> Option<Vec<u8>> {
        match &self.place {
            Place::Memory(letters) => letters.get(&id).cloned(),
            Place::Disk(disk) => disk.read(id),
        }
    }

    /// Forgets a letter.
    pub fn remove(&mut self, id: u64) {
        match &mut self.place {
            Place::Memory(letters) => {
                letters.remove(&id);
                letters.shrink_to(64);
            }
            Place::Disk(disk) => {
                if let Err(error) = disk.remove(id) {
                    tracing::error!(%error, "the outbox's disk failed: alerts are kept in memory from now on");
                    self.leave_disk();
                }
            }
        }
    }

    /// Goes on in memory with what can still be read.
    fn leave_disk(&mut self) {
        let Place::Disk(disk) = &self.place else { return };
        let letters = disk.letters.keys().filter_map(|id| Some((*id, disk.read(*id)?)));
        self.place = Place::Memory(letters.collect());
    }
}

impl Disk {
    fn open(folder: &Path) -> io::Result<(Self, Vec<Restored>)> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        lock.try_lock().map_err(|_| io::Error::other("another process uses it"))?;
        let path = folder.join(FILE);
        let (known, end) = match File::open(&path) {
            Ok(file) => scan(file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (HashMap::new(), 0),
            Err(error) => return Err(error),
        };
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        // What follows the last whole line was being written when the process ended.
        file.set_len(end)?;
        let mut disk = Self { folder: folder.to_owned(), file, end, letters: known, lock };
        disk.file.seek(SeekFrom::End(0))?;
        let mut restored: Vec<Restored> = Vec::with_capacity(disk.letters.len());
        for (id, (_, bytes)) in &disk.letters {
            // One at a time: together they may be more than memory holds.
            if let Some(letter) = disk.read(*id).and_then(|body| Letter::decode(&body)) {
                restored.push(Restored { id: *id, bytes: *bytes, envelope: letter.envelope() });
            }
        }
        restored.sort_by_key(|letter| letter.id);
        disk.letters.retain(|id, _| restored.binary_search_by_key(id, |letter| letter.id).is_ok());
        disk.rewrite()?;
        Ok((disk, restored))
    }

    fn append(&mut self, id: u64, body: &[u8]) -> io::Result<()> {
        let head = format!("{id} ");
        let mut line = Vec::with_capacity(head.len() + body.len() + 1);
        line.extend_from_slice(head.as_bytes());
        line.extend_from_slice(body);
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.letters.insert(id, (self.end + head.len() as u64, body.len()));
        self.end += line.len() as u64;
        Ok(())
    }

    fn read(&self, id: u64) -> Option<Vec<u8>> {
        let (offset, length) = *self.letters.get(&id)?;
        let mut body = vec![0; length];
        self.file.read_exact_at(&mut body, offset).ok()?;
        Some(body)
    }

    fn remove(&mut self, id: u64) -> io::Result<()> {
        if self.letters.remove(&id).is_none() {
            return Ok(());
        }
        if self.letters.is_empty() {
            self.letters.shrink_to(64);
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.end = 0;
            return Ok(());
        }
        let mut ended = END.to_vec();
        ended.extend_from_slice(format!("{id}\n").as_bytes());
        self.file.write_all(&ended)?;
        self.end += ended.len() as u64;
        let live: u64 = self.letters.values().map(|(_, length)| *length as u64).sum();
        if self.end > 2 * live + GARBAGE {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Writes what is left to a new file, which replaces the old one at once.
    fn rewrite(&mut self) -> io::Result<()> {
        let path = self.folder.join(NEXT_FILE);
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
        let mut next = Self {
            folder: self.folder.clone(),
            file,
            end: 0,
            letters: HashMap::new(),
            lock: self.lock.try_clone()?,
        };
        let mut ids: Vec<u64> = self.letters.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(body) = self.read(id) {
                next.append(id, &body)?;
            }
        }
        fs::rename(&path, self.folder.join(FILE))?;
        *self = next;
        Ok(())
    }
}

/// Where letters are: offset and length of each, in bytes.
type Letters = HashMap<u64, (u64, usize)>;

/// Finds the letters of a file that have not ended, and where its last whole line does.
fn scan(file: File) -> io::Result<(Letters, u64)> {
    let mut letters = HashMap::new();
    let mut reader = BufReader::new(file);
    let (mut line, mut at) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok((letters, at));
        }
        if let Some(id) = line.strip_prefix(END).and_then(|rest| number(&rest[..rest.len() - 1])) {
            letters.remove(&id);
        } else if let Some(space) = line.iter().position(|byte| *byte == b' ')
            && let Some(id) = number(&line[..space])
        {
            letters.insert(id, (at + space as u64 + 1, read - space - 2));
        }
        at += read as u64;
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use sluice_notify::Event;
    use sluice_runtime::ObjectKey;

    use super::*;

    fn letter(message: &str) -> Vec<u8> {
        let letter = Letter {
            alert: ObjectKey::new("ns", "a"),
            alert_uid: String::new(),
            provider: ObjectKey::new("ns", "p"),
            event: Event { message: message.to_owned(), ..Event::default() },
            posted: std::time::SystemTime::now(),
        };
        letter.encode()
    }

    fn messages(opened: &(Journal, Vec<Restored>)) -> Vec<String> {
        let read =
            |letter: &Restored| opened.0.read(letter.id).and_then(|body| Letter::decode(&body)).unwrap();
        opened.1.iter().map(|letter| read(letter).event.message).collect()
    }

    #[test]
    fn letters_that_have_not_ended_are_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, before) = Journal::open(folder.path());
        assert!(before.is_empty());
        let ids: Vec<_> = ["a", "b", "c"].map(|m| journal.append(letter(m))).into();
        journal.remove(ids[1]);
        drop(journal);
        let mut opened = Journal::open(folder.path());
        assert_eq!(messages(&opened), ["a", "c"]);
        let new = opened.0.append(letter("d"));
        assert!(new > ids[2]);
        assert_eq!(messages(&opened), ["a", "c"]);
    }

    #[test]
    fn a_line_that_was_being_written_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path());
        journal.append(letter("a"));
        drop(journal);
        let path = folder.path().join(FILE);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"1 {\"namespace\":\"n").unwrap();
        drop(file);
        let mut opened = Journal::open(folder.path());
        assert_eq!(messages(&opened), ["a"]);
        opened.0.append(letter("b"));
        drop(opened);
        assert_eq!(messages(&Journal::open(folder.path())), ["a", "b"]);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path());
        let kept = journal.append(letter("kept"));
        for _ in 0..40 {
            let id = journal.append(letter(&"x".repeat(100_000)));
            journal.remove(id);
        }
        let size = || fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(size() < 2 << 20, "{}", size());
        assert!(journal.read(kept).is_some());
        journal.remove(kept);
        assert_eq!(size(), 0);
    }

    #[test]
    fn a_folder_that_another_process_uses_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, _) = Journal::open(folder.path());
        first.append(letter("a"));
        let (mut second, restored) = Journal::open(folder.path());
        assert!(restored.is_empty());
        let id = second.append(letter("b"));
        assert!(second.read(id).is_some());
        drop((first, second));
        assert_eq!(messages(&Journal::open(folder.path())), ["a"]);
    }
}
