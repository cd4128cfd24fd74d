//! A backup in a folder: one file for each document, replaced in one step.
//!
//! A document is written to `<name>.tmp.<pid>`, synced, and renamed, so that a reader, a crash or a full disk finds the
//! old one or the new one. Files are for their owner only: tokens are secrets. Unleash Edge 20.4 writes in place with
//! the permissions of the umask.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};

use super::{
    document::Document,
    store::{Found, Limits, Store, StoreError},
};

/// Read and write for the owner, nothing for others.
const OWNER_ONLY: u32 = 0o600;

/// A local disk does not take as long; a network share that hangs may.
const LIMITS: Limits = Limits { reading: Duration::from_secs(2), writing: Duration::from_secs(2) };

/// A folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    process: u32,
    /// Leftovers have been removed.
    is_swept: bool,
}

impl Folder {
    /// Touches nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, process: process::id(), is_swept: false }
    }

    fn file(&self, document: Document) -> PathBuf {
        self.path.join(document.file_name())
    }

    /// Creates the folder if it is missing, as Unleash Edge does, and removes what dead writers left behind.
    fn prepare(&mut self) -> Result<(), StoreError> {
        fs::create_dir_all(&self.path).map_err(|cause| fault(&self.path, cause))?;
        if std::mem::replace(&mut self.is_swept, true) {
            return Ok(());
        }
        let entries = fs::read_dir(&self.path).map_err(|cause| fault(&self.path, cause))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| is_leftover(name, self.process, is_alive)) {
                // If it stays, it is in nobody's way but that of a later process with the same number.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

/// Whether this is the temporary file of a writer that is gone. One with our own number is: we have written nothing yet.
fn is_leftover(name: &str, own: u32, is_alive: impl Fn(u32) -> bool) -> bool {
    let parts = Document::ALL.iter().find_map(|document| name.strip_prefix(document.file_name()));
    let writer = parts.and_then(|rest| rest.strip_prefix(".tmp.")).and_then(|id| id.parse().ok());
    writer.is_some_and(|id: u32| id == own || !is_alive(id))
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

impl Store for Folder {
    fn name(&self) -> String {
        format!("folder {}", self.path.display())
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn load(&mut self, document: Document, _deadline: Instant) -> Result<Option<Found>, StoreError> {
        // A folder that cannot be made is a fault of writing: there is nothing to read in it.
        let _ = self.prepare();
        let path = self.file(document);
        match fs::read(&path) {
            Ok(bytes) => {
                let written = fs::metadata(&path).and_then(|file| file.modified()).ok();
                Ok(Some(Found { bytes, written }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(fault(&path, cause)),
        }
    }

    fn save(&mut self, document: Document, bytes: &[u8], _deadline: Instant) -> Result<(), StoreError> {
        self.prepare()?;
        let path = self.file(document);
        let stricter = fs::metadata(&path).map_or(OWNER_ONLY, |old| old.permissions().mode() & OWNER_ONLY);
        let temporary = self.path.join(format!("{}.tmp.{}", document.file_name(), self.process));
        replace(&path, &temporary, Some(stricter), bytes)
    }

    fn keep_bad(
        &mut self,
        document: Document,
        _bytes: &[u8],
        _deadline: Instant,
    ) -> Result<Option<String>, StoreError> {
        let path = self.file(document);
        let bad = self.path.join(format!("{}.bad", document.file_name()));
        if bad.exists() {
            return Ok(None);
        }
        fs::rename(&path, &bad).map_err(|cause| fault(&path, cause))?;
        fs::set_permissions(&bad, Permissions::from_mode(OWNER_ONLY)).map_err(|cause| fault(&bad, cause))?;
        Ok(Some(bad.display().to_string()))
    }
}

/// Puts a file in place in one step, as an ordinary file: with the permissions of the one it replaces, if there is one.
///
/// # Errors
/// The old file is as it was then, and nothing is left over.
pub fn replace_plain(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mode = fs::metadata(path).ok().map(|old| old.permissions().mode() & 0o777);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!("{name}.tmp.{}", process::id()));
    replace(path, &temporary, mode, bytes)
}

fn replace(path: &Path, temporary: &Path, mode: Option<u32>, bytes: &[u8]) -> Result<(), StoreError> {
    let written = write_synced(temporary, mode, bytes).map_err(|cause| fault(temporary, cause));
    let moved = written.and_then(|()| fs::rename(temporary, path).map_err(|cause| fault(path, cause)));
    if let Err(error) = moved {
        let _ = fs::remove_file(temporary);
        return Err(error);
    }
    // The rename itself must survive a loss of power, too; not every file system can say that of a folder.
    if let Some(folder) = path.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

fn write_synced(path: &Path, mode: Option<u32>, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Never into the file of another writer with our number, which another container may have.
    options.write(true).create_new(true);
    if mode.is_some() {
        options.mode(OWNER_ONLY);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    file.sync_all()
}

fn fault(path: &Path, cause: io::Error) -> StoreError {
    StoreError::File { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().expect("a folder");
        let store = Folder::new(root.path().join("a/b"));
        (root, store)
    }

    fn load(store: &mut Folder, document: Document) -> Option<String> {
        let found = store.load(document, Instant::now()).expect("readable");
        found.map(|found| String::from_utf8(found.bytes).expect("text"))
    }

    fn save(store: &mut Folder, document: Document, text: &str) {
        store.save(document, text.as_bytes(), Instant::now()).expect("writable");
    }

    fn names(store: &Folder) -> Vec<String> {
        let entries = fs::read_dir(&store.path).expect("a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
        names.sort_unstable();
        names
    }

    fn mode(store: &Folder, name: &str) -> u32 {
        fs::metadata(store.path.join(name)).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let (_root, mut store) = folder();
        for document in Document::ALL {
            assert_eq!(load(&mut store, document), None);
            for text in ["[1]", "[]"] {
                save(&mut store, document, text);
                assert_eq!(load(&mut store, document).as_deref(), Some(text));
            }
            assert_eq!(mode(&store, document.file_name()), 0o600);
        }
        let mut expected = Document::ALL.map(Document::file_name);
        expected.sort_unstable();
        assert_eq!(names(&store), expected);
    }

    #[test]
    fn a_stricter_mode_stays_and_a_looser_one_does_not() {
        let (_root, mut store) = folder();
        save(&mut store, Document::Tokens, "[]");
        let path = store.file(Document::Tokens);
        for (before, after) in [(0o644, 0o600), (0o400, 0o400), (0o660, 0o600)] {
            fs::set_permissions(&path, Permissions::from_mode(before)).expect("ours");
            save(&mut store, Document::Tokens, "[1]");
            assert_eq!(mode(&store, "unleash_tokens.json"), after, "{before:o}");
        }
    }

    #[test]
    fn leftovers_of_dead_writers_are_removed_and_others_are_not() {
        let cases = [
            ("unleash_tokens.json.tmp.7", true),
            ("unleash_features.json.tmp.1", true),
            ("unleash_features.json.tmp.2", false),
            ("unleash_features.json", false),
            ("unleash_features.json.bad", false),
            ("unleash_features.json.tmp.", false),
            ("unleash_features.json.tmp.7x", false),
            ("other.json.tmp.7", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_leftover(name, 1, |id| id == 2 || id == 1), expected, "{name}");
        }
        let (_root, mut store) = folder();
        save(&mut store, Document::Tokens, "[]");
        let own = format!("unleash_tokens.json.tmp.{}", process::id());
        for name in [own.as_str(), "unleash_tokens.json.tmp.4294967295", "mine.txt"] {
            fs::write(store.path.join(name), "half").expect("writable");
        }
        store.is_swept = false;
        assert_eq!(load(&mut store, Document::Tokens).as_deref(), Some("[]"));
        assert_eq!(names(&store), ["mine.txt", "unleash_tokens.json"]);
    }

    #[test]
    fn the_first_bad_file_is_kept() {
        let (_root, mut store) = folder();
        save(&mut store, Document::Features, "[[");
        let kept = store.keep_bad(Document::Features, b"[[", Instant::now()).expect("kept");
        assert!(kept.is_some_and(|path| path.ends_with("unleash_features.json.bad")));
        save(&mut store, Document::Features, "]]");
        assert_eq!(store.keep_bad(Document::Features, b"]]", Instant::now()).expect("kept"), None);
        assert_eq!(fs::read_to_string(store.path.join("unleash_features.json.bad")).expect("there"), "[[");
        assert_eq!(load(&mut store, Document::Features).as_deref(), Some("]]"));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let (_root, mut store) = folder();
        save(&mut store, Document::Tokens, "[]");
        // In the place of the temporary file stands a folder: not even root can write there.
        fs::create_dir(store.path.join(format!("unleash_tokens.json.tmp.{}", process::id())))
            .expect("writable");
        let error = store.save(Document::Tokens, b"[1]", Instant::now()).expect_err("no room");
        assert!(error.to_string().contains("unleash_tokens.json.tmp."), "{error}");
        assert_eq!(load(&mut store, Document::Tokens).as_deref(), Some("[]"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_holds_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("file"), "").expect("writable");
        let mut store = Folder::new(root.path().join("file/below"));
        assert!(store.save(Document::Tokens, b"[]", Instant::now()).is_err());
        let loaded = store.load(Document::Tokens, Instant::now());
        assert!(loaded.is_err(), "{loaded:?}");
    }

    #[test]
    fn a_plain_file_keeps_its_mode() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("out.json");
        replace_plain(&path, b"{}").expect("writable");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        replace_plain(&path, b"{1}").expect("writable");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&path).expect("there"), b"{1}");
        assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 1);
    }
}
