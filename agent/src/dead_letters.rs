//! Dead letters: what could not be sent or was refused, with the reason, for people to look at.
//!
//! In: a document and why nobody wanted it. Out: a file of JSON lines. Always: what was put is on disk; two files of
//! 16 MiB are kept, the older one goes first; where the file system can, a little room is kept for the next letters, so
//! that findings which filled the disk can still be given up. Not here: deciding what is a dead letter.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::timestamp::Timestamp;
use muster_disk::fs::{self, File, OpenOptions, sync_folder};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

/// A file is put aside when it has grown past this.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Room on the disk for letters to come.
const ROOM_BYTES: u64 = 256 << 10;

/// Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters {
    files: Arc<Mutex<Files>>,
    /// How many letters are kept.
    count: watch::Sender<u64>,
}

struct Files {
    path: PathBuf,
    current: File,
    bytes: u64,
    /// Letters in the files.
    kept: u64,
    /// Those of them that stand in the current file.
    in_current: u64,
}

/// One letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    #[serde(serialize_with = "in_words")]
    pub time: Timestamp,
    /// Such as `guardduty`, `drop-folder`, or `admin` for what the admin refused.
    pub source: String,
    /// As the Security Hub API names it.
    pub code: String,
    pub reason: String,
    /// The document as text; what was no text has its bad bytes replaced.
    pub document: String,
}

impl DeadLetters {
    /// Opens the files in a folder, new ones if there are none.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("dead-letters.jsonl");
        let (in_current, whole) = lines(&path)?;
        let kept = in_current + lines(&older(&path))?.0;
        let current = append_to(&path)?;
        // A letter that a power cut tore was not kept, and must not spoil the next one.
        if current.metadata()?.len() > whole {
            current.set_len(whole)?;
        }
        sync_folder(folder)?;
        let files = Files {
            bytes: current.metadata()?.len(),
            current,
            path,
            kept,
            in_current,
        };
        files.keep_room();
        Ok(Self {
            files: Arc::new(Mutex::new(files)),
            count: watch::Sender::new(kept),
        })
    }

    /// How many letters are kept.
    #[must_use]
    pub fn count(&self) -> u64 {
        *self.count.borrow()
    }

    /// Follows the count.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.files.lock().path.clone()
    }

    /// Keeps letters, and waits for the disk.
    ///
    /// # Errors
    /// The disk refuses; nothing is kept then, as far as it tells.
    pub async fn put(&self, letters: Vec<Letter>) -> io::Result<()> {
        if letters.is_empty() {
            return Ok(());
        }
        let files = Arc::clone(&self.files);
        let put = muster_disk::work(move || files.lock().put(&letters));
        let kept = put.await.map_err(io::Error::other)??;
        self.count.send_replace(kept);
        Ok(())
    }
}

impl Files {
    /// The answer is how many letters are kept.
    fn put(&mut self, letters: &[Letter]) -> io::Result<u64> {
        let mut text = Vec::new();
        for letter in letters {
            serde_json::to_writer(&mut text, letter)?;
            text.push(b'\n');
        }
        if self.bytes > 0 && self.bytes + text.len() as u64 > FILE_BYTES_MAX {
            fs::rename(&self.path, older(&self.path))?;
            self.current = append_to(&self.path)?;
            self.path.parent().map_or(Ok(()), sync_folder)?;
            self.kept = self.in_current;
            (self.bytes, self.in_current) = (0, 0);
        }
        if let Err(error) = self
            .current
            .write_all(&text)
            .and_then(|()| self.current.sync_data())
        {
            // Half a line must not spoil the next one.
            let _ = self.current.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += text.len() as u64;
        self.keep_room();
        self.kept += letters.len() as u64;
        self.in_current += letters.len() as u64;
        Ok(self.kept)
    }

    /// Takes room behind the end of the file. Without it, a full disk refuses letters.
    fn keep_room(&self) {
        fs::reserve(&self.current, self.bytes, ROOM_BYTES);
    }
}

fn in_words<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("older.jsonl")
}

fn append_to(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// How many whole lines a file has, and their bytes.
fn lines(path: &Path) -> io::Result<(u64, u64)> {
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    let (mut count, mut bytes) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok((count, bytes));
        }
        count += 1;
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(bytes: usize) -> Letter {
        Letter {
            time: Timestamp::from_millis(0),
            source: "admin".to_owned(),
            code: "InvalidInput".to_owned(),
            reason: "too \"odd\"\n".to_owned(),
            document: "x".repeat(bytes),
        }
    }

    #[tokio::test]
    async fn letters_are_counted_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(folder.path()).unwrap();
        letters.put(vec![letter(1), letter(2)]).await.unwrap();
        drop(letters);
        let letters = DeadLetters::open(folder.path()).unwrap();
        letters.put(vec![letter(3)]).await.unwrap();
        assert_eq!(letters.count(), 3);
        let text = std::fs::read_to_string(letters.path()).unwrap();
        insta::assert_snapshot!(text.lines().next().unwrap(), @r#"{"time":"1970-01-01T00:00:00.000Z","source":"admin","code":"InvalidInput","reason":"too \"odd\"\n","document":"x"}"#);
    }

    #[tokio::test]
    async fn a_torn_letter_does_not_spoil_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(folder.path()).unwrap();
        letters.put(vec![letter(1)]).await.unwrap();
        let path = letters.path();
        drop(letters);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text += r#"{"time":"1970-01-01T00:"#;
        std::fs::write(&path, text).unwrap();
        let letters = DeadLetters::open(folder.path()).unwrap();
        letters.put(vec![letter(2)]).await.unwrap();
        assert_eq!(letters.count(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[tokio::test]
    async fn the_older_file_goes_when_the_newer_one_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(folder.path()).unwrap();
        for _ in 0..4 {
            letters.put(vec![letter(10 << 20)]).await.unwrap();
        }
        assert_eq!(letters.count(), 2);
        assert_eq!(DeadLetters::open(folder.path()).unwrap().count(), 2);
    }
}
