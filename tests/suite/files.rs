//! Finding and rewriting the files that tests are made of.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A path inside the repository.
pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether expectations are to be rewritten instead of compared.
pub(crate) fn bless() -> bool {
    env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// All files below a folder of the repository with the given extension, sorted.
pub(crate) fn below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root(folder)];
    while let Some(dir) = open.pop() {
        // A folder that was moved must not make its checks pass.
        let entries = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The path below `folder` without its extension, with `/` between the parts.
pub(crate) fn name(path: &Path, folder: &str) -> String {
    let relative = path.strip_prefix(root(folder)).expect("found below the folder");
    relative.with_extension("").to_string_lossy().replace('\\', "/")
}

/// The path below the root of the repository.
pub(crate) fn shown(path: &Path) -> String {
    let relative = path.strip_prefix(root("")).unwrap_or(path);
    relative.to_string_lossy().replace('\\', "/")
}

/// The contents of a text file of the repository.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A new empty directory that is removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("ruff-suite-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("the temporary directory is writable");
        Scratch(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with its folders.
    pub(crate) fn write(&self, name: &str, text: &[u8]) {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("the temporary directory is writable");
        }
        fs::write(path, text).expect("the temporary directory is writable");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover directory in the temporary folder is no failure of the test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
