//! Access to files as the natives of several modules need it: errors that name the path, bounded
//! reading, whole files written so that a reader never sees half of one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Cx;
use super::args::string_limit;
use crate::error::{Error, Kind, Result};
use crate::heap::LARGE;
use crate::limits;
use crate::permissions::{Last, resolve};
use crate::semantics::arith::check_memory;

/// What the operating system said, without its error number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Whoever reads or writes, for errors.
pub(super) trait Blame {
    /// The name of the native.
    fn name(&self) -> &'static str;

    /// `NAME: what went wrong`.
    #[cold]
    fn because(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("{}: {what}", self.name()))
    }

    /// `NAME: 'PATH': REASON`.
    #[cold]
    fn because_of(&self, path: impl AsRef<Path>, error: &io::Error) -> Error {
        let reason = reason(error);
        self.because(Kind::IoError, &format!("'{}': {reason}", path.as_ref().display()))
    }
}

impl Blame for Cx<'_> {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// A native that goes on without its call.
#[derive(Clone, Copy)]
pub(super) struct Named(pub &'static str);

impl Blame for Named {
    fn name(&self) -> &'static str {
        self.0
    }
}

impl Cx<'_> {
    /// `NAME: 'PATH': REASON`.
    #[cold]
    pub(super) fn io_error(&self, path: impl AsRef<Path>, error: &io::Error) -> Error {
        self.because_of(path, error)
    }

    /// `NAME: 'PATH': REASON` for a reason of our own.
    #[cold]
    pub(super) fn path_error(&self, path: impl AsRef<Path>, reason: &str) -> Error {
        self.failure(Kind::IoError, format!("'{}': {reason}", path.as_ref().display()))
    }

    /// The path that an argument means.
    ///
    /// # Errors
    /// ValueError if it contains NUL.
    pub(super) fn path<'a>(&self, param: &str, text: impl Into<&'a str>) -> Result<&'a Path> {
        let text = text.into();
        if text.contains('\0') {
            return Err(self.bad_value(param, "a path without NUL", text));
        }
        Ok(Path::new(text))
    }
}

/// Bytes that are read between looks at other things.
const PIECE: u64 = 16 << 20;

/// All of a file, if it is not longer than a value may be.
pub(super) fn read_all(cx: &impl Blame, path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| cx.because_of(path, &e))?;
    let size = file.metadata().map_err(|e| cx.because_of(path, &e))?.len();
    if size > limits::STRING_BYTES as u64 {
        return Err(string_limit());
    }
    check_memory(size as usize)?;
    let mut data = Vec::with_capacity(size as usize);
    read_up_to(cx, path, &file, limits::STRING_BYTES as u64 + 1, &mut data)?;
    if data.len() > limits::STRING_BYTES {
        return Err(string_limit());
    }
    Ok(data)
}

/// Reads until `count` bytes or the end.
pub(super) fn read_up_to(
    cx: &impl Blame,
    path: &Path,
    file: &File,
    count: u64,
    data: &mut Vec<u8>,
) -> Result<()> {
    let mut left = count;
    loop {
        let wanted = left.min(PIECE);
        let n = file.take(wanted).read_to_end(data).map_err(|e| cx.because_of(path, &e))? as u64;
        left -= n;
        if n < wanted || left == 0 {
            return Ok(());
        }
        // The buffer may double.
        check_memory(data.len().max(LARGE))?;
    }
}

/// Copies a file to its end, unless the program is stopped.
pub(super) fn copy(cx: &mut Cx<'_>, from: &File, to: &mut File) -> io::Result<()> {
    while io::copy(&mut from.take(PIECE), to)? == PIECE {
        if cx.host.isolate().interrupt.stop_was_requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(())
}

/// All of a file as text.
pub(super) fn read_text(cx: &impl Blame, path: &Path) -> Result<String> {
    String::from_utf8(read_all(cx, path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let what = format!("'{}': invalid UTF-8 at byte {at}", path.display());
        cx.because(Kind::ParseError, &what)
    })
}

/// Makes `data` the content of a file; with `overwrite` false the file must not exist.
///
/// The content goes to a file beside it, which then takes its place.
pub(super) fn write_all(cx: &impl Blame, path: &Path, data: &[u8], overwrite: bool) -> Result<()> {
    if !overwrite {
        return write_new(path, data).map_err(|e| cx.because_of(path, &e));
    }
    replace_file(path, |file| file.write_all(data)).map_err(|e| cx.because_of(path, &e))
}

/// Makes a file that must not exist yet. It appears with all of its content.
fn write_new(path: &Path, data: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(rustix::io::Errno::EXIST.into());
    }
    let draft = draft_of(path);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
    let written = file.write_all(data);
    drop(file);
    let placed = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without links: nobody else may make the file now.
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(&draft, path)
        }
        linked => linked,
    });
    // After a rename there is none.
    let _ = fs::remove_file(&draft);
    placed
}

/// Makes what `fill` writes the content of a file.
pub(super) fn replace_file(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut draft = Draft::of(path)?;
    fill(&mut draft.file)?;
    draft.finish()
}

/// The coming content of a file, which takes its place when it is finished. Dropped before, it
/// leaves nothing behind.
pub(super) struct Draft {
    pub file: File,
    /// `None` if what is there is written itself.
    place: Option<Place>,
}

struct Place {
    draft: PathBuf,
    target: PathBuf,
    permissions: Option<Permissions>,
}

impl Draft {
    pub(super) fn of(path: &Path) -> io::Result<Draft> {
        // A link stays a link; what it points to is replaced.
        let target = resolve(path, Last::Followed).unwrap_or_else(|| path.to_owned());
        let present = fs::metadata(&target).ok();
        if present.as_ref().is_some_and(|meta| !meta.is_file()) {
            // Devices and pipes are written, directories refused by the operating system.
            let file = OpenOptions::new().write(true).open(&target)?;
            return Ok(Draft { file, place: None });
        }
        if present.as_ref().is_some_and(|meta| meta.permissions().readonly()) {
            OpenOptions::new().write(true).open(&target)?;
        }
        let draft = draft_of(&target);
        match (OpenOptions::new().write(true).create_new(true).open(&draft), present) {
            (Ok(file), present) => {
                let permissions = present.map(|meta| meta.permissions());
                Ok(Draft { file, place: Some(Place { draft, target, permissions }) })
            }
            (Err(error), Some(_)) if error.kind() == io::ErrorKind::PermissionDenied => {
                // The folder takes no new files, but the file itself may be writable.
                let file = OpenOptions::new().write(true).truncate(true).open(&target)?;
                Ok(Draft { file, place: None })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Where it is written.
    #[cfg(feature = "archives")]
    pub(super) fn path(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| &*place.draft)
    }

    /// Puts it into its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(place) = &self.place {
            if let Some(permissions) = &place.permissions {
                self.file.set_permissions(permissions.clone())?;
            }
            fs::rename(&place.draft, &place.target)?;
            self.place = None;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            // The error that matters is the one before.
            let _ = fs::remove_file(&place.draft);
        }
    }
}

/// Appends to a file, creating it if needed. What cannot be written whole leaves it as it was.
pub(super) fn append_to(cx: &impl Blame, path: &Path, data: &[u8]) -> Result<()> {
    let opened = match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().append(true).create(true).open(path).map(|file| (file, true))
        }
        opened => opened.map(|file| (file, false)),
    };
    let appended = opened.and_then(|(mut file, is_new)| {
        let before = length(&file)?;
        extend(&mut file, before, data).inspect_err(|_| {
            if is_new && length(&file).is_ok_and(|length| length == Some(0)) {
                // The error that matters is the one before.
                let _ = fs::remove_file(path);
            }
        })
    });
    appended.map_err(|e| cx.because_of(path, &e))
}

/// The length of a file; `None` for devices and pipes.
fn length(file: &File) -> io::Result<Option<u64>> {
    let meta = file.metadata()?;
    Ok(meta.is_file().then_some(meta.len()))
}

/// Writes at the end of a file that had the length `before`, or gives it that length again.
fn extend(file: &mut File, before: Option<u64>, data: &[u8]) -> io::Result<()> {
    let mut n_written = 0;
    while n_written < data.len() {
        let error = match file.write(&data[n_written..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(n) => {
                n_written += n;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        // What somebody else has appended in the meantime stays.
        let end = before.map(|before| before + n_written as u64);
        if n_written > 0 && end.is_some() && length(file).is_ok_and(|length| length == end) {
            file.set_len(before.unwrap_or(0))?;
        }
        return Err(error);
    }
    Ok(())
}

/// Overwrites from an offset. What goes beyond the end is written first: only that needs room.
pub(super) fn write_at(file: &mut File, offset: u64, data: &[u8]) -> io::Result<()> {
    let before = length(file)?;
    let inside = before.map_or(0, |length| length.saturating_sub(offset));
    let (head, tail) = data.split_at(usize::try_from(inside).unwrap_or(usize::MAX).min(data.len()));
    if !tail.is_empty() {
        file.seek(SeekFrom::Start(offset.saturating_add(head.len() as u64)))?;
        if let Err(error) = file.write_all(tail) {
            if let Some(before) = before {
                file.set_len(before)?;
            }
            return Err(error);
        }
    }
    if head.is_empty() {
        return Ok(());
    }
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(head)
}

/// A name beside `target` that no other write uses.
fn draft_of(target: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!(".ruff-{}-{number}.tmp", std::process::id());
    target.with_file_name(name)
}
