//! ZIP archives: writing, listing, and extracting with limits.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Cx;
use super::access::{Guard, ReadPath, WritePath};
use super::args::string_value;
use super::disk::{Draft, reason, replace_file};
use super::handles::{Kept, New, Res};
use super::library_args::Options;
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::objects::resource::ResourceBody;
use crate::permissions::Class;
use crate::value::Value;

natives! {
    module "compression";

    /// Creates or replaces an archive and returns its writer.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     a := zip_create(path)
    ///     print(a, a.close(), zip_list(path), delete_file(path))   # expect: <ziparchive> true [] true
    fn zip_create(path: WritePath<'_>) -> "ziparchive" [Other, "fs-write"; cx];

    /// Adds a file under its last path component or another name.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path + "-a", "hi")
    ///     a := zip_create(path)
    ///     zip_add_file(a, path + "-a", "x.txt")
    ///     zip_close(a)
    ///     print(zip_list(path), delete_file(path), delete_file(path + "-a"))   # expect: [x.txt] true true
    fn zip_add_file(archive: Res<'_, Archive>, path: ReadPath<'_>, name: Option<&str>)
        -> "bool" [Other, "fs-read, fs-write"; cx];

    /// Adds the content of a directory with relative names.
    ///
    ///     print(type(zip_add_dir))   # expect: function
    fn zip_add_dir(archive: Res<'_, Archive>, path: ReadPath<'_>)
        -> "bool" [Other, "fs-read, fs-write"; cx];

    /// Finishes an archive.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(zip_close(zip_create(path)), delete_file(path))   # expect: true true
    fn zip_close(archive: Res<'_, Archive>) -> "bool" [Other, "fs-write"; cx];

    /// The names of an archive's entries.
    ///
    ///     print(assert_throws(func() { zip_list("no/such") }).kind)   # expect: IoError
    fn zip_list(path: ReadPath<'_>) -> "array<string>" [Other, "fs-read"; cx];

    /// Extracts everything and returns the paths of the files.
    ///
    ///     print(assert_throws(func() { unzip("no/such", "x") }).kind)   # expect: IoError
    fn unzip(path: ReadPath<'_>, output_dir: WritePath<'_>, options: Option<&Dict>)
        -> "array<string>" [Other, "fs-read, fs-write"; cx];
}

methods! {
    static METHODS of [Resource] as "ziparchive";

    /// As zip_add_file.
    ///
    ///     print(type(zip_add_file))   # expect: function
    fn zip_add_file as add_file(archive: Res<'_, Archive>, path: ReadPath<'_>, name: Option<&str>)
        -> "bool" [cx; "fs-read, fs-write"];

    /// As zip_add_dir.
    ///
    ///     print(type(zip_add_dir))   # expect: function
    fn zip_add_dir as add_dir(archive: Res<'_, Archive>, path: ReadPath<'_>)
        -> "bool" [cx; "fs-read, fs-write"];

    /// As zip_close.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(zip_create(path).close(), delete_file(path))   # expect: true true
    fn zip_close as close(archive: Res<'_, Archive>) -> "bool" [cx; "fs-write"];
}

/// A writer; the file takes its place when it is closed or the last copy of the handle goes.
struct Archive {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

struct Open {
    writer: ZipWriter<Sink>,
    /// The file that is written until then.
    draft: Option<PathBuf>,
    names: HashSet<String>,
}

/// The file of an archive. Once a write has failed, all that follows goes nowhere: the error has
/// been told, and the writer would tell it again on standard error.
struct Sink {
    draft: Draft,
    is_lost: bool,
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.is_lost {
            return Ok(data.len());
        }
        let written = self.draft.file.write(data);
        self.is_lost = written.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_lost { Ok(()) } else { self.draft.file.flush() }
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.draft.file.seek(to)
    }
}

impl ResourceBody for Archive {
    fn type_name(&self) -> &'static str {
        "ziparchive"
    }
}

impl Kept for Archive {
    const WORD: &'static str = "ziparchive";
    const STAYS_OPEN: bool = true;
}

impl Archive {
    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of an archive file.
#[cold]
fn zip_error(cx: &Cx<'_>, path: &Path, error: &ZipError) -> Error {
    match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
            cx.io_error(path, error)
        }
        ZipError::Io(error) => broken(cx, path, &reason(error)),
        other => broken(cx, path, &other.to_string()),
    }
}

#[cold]
fn broken(cx: &Cx<'_>, path: &Path, what: &str) -> Error {
    cx.failure(Kind::ParseError, format!("'{}': {what}", path.display()))
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true)
}

fn zip_create(cx: &mut Cx<'_>, path: WritePath<'_>) -> Result<New<Archive>> {
    let path = cx.path("path", path)?;
    let file = Draft::of(path).map_err(|e| cx.io_error(path, &e))?;
    let draft = file.path().map(Path::to_owned);
    let sink = Sink { draft: file, is_lost: false };
    let open = Open { writer: ZipWriter::new(sink), draft, names: HashSet::new() };
    Ok(New(Archive { path: path.to_owned(), open: Mutex::new(Some(open)) }))
}

#[cold]
fn closed(cx: &Cx<'_>) -> Error {
    cx.failure(Kind::IoError, "ziparchive is closed")
}

impl Drop for Archive {
    fn drop(&mut self) {
        let open = self.lock().take();
        if let Some(open) = open.filter(|open| !open.is_lost()) {
            // Nobody is left to be told.
            let _ = open.finish();
        }
    }
}

impl Open {
    /// Whether a write has failed.
    fn is_lost(&self) -> bool {
        self.writer.get_ref().is_some_and(|sink| sink.is_lost)
    }

    /// Writes the directory of the archive and puts it into its place.
    fn finish(self) -> std::result::Result<(), ZipError> {
        Ok(self.writer.finish()?.draft.finish()?)
    }

    /// Reserves the name of an entry.
    fn name(&mut self, cx: &Cx<'_>, name: &str) -> Result<()> {
        if name.is_empty() || name.contains('\0') || name.len() > usize::from(u16::MAX) {
            return Err(cx.bad_value("name", "the name of an entry", name));
        }
        if !self.names.insert(name.to_owned()) {
            let what = format!("entry '{name}' exists already");
            return Err(cx.failure(Kind::ValueError, what));
        }
        Ok(())
    }

    fn file(&mut self, cx: &Cx<'_>, archive: &Path, source: &Path, name: &str) -> Result<()> {
        let mut file = File::open(source).map_err(|e| cx.io_error(source, &e))?;
        let meta = file.metadata().map_err(|e| cx.io_error(source, &e))?;
        if meta.is_dir() {
            return Err(cx.path_error(source, "Is a directory"));
        }
        self.name(cx, name)?;
        self.writer.start_file(name, options()).map_err(|e| zip_error(cx, archive, &e))?;
        if let Err(error) = io::copy(&mut file, &mut self.writer) {
            if self.is_lost() {
                return Err(cx.io_error(archive, &error));
            }
            // An entry that could not be read to its end is none.
            self.names.remove(name);
            self.writer.abort_file().map_err(|e| zip_error(cx, archive, &e))?;
            return Err(cx.io_error(source, &error));
        }
        Ok(())
    }

    /// Adds what is in a directory, sorted by name; `parents` are the directories around it.
    fn dir(&mut self, (cx, guard): (&Cx<'_>, &Guard), archive: &Path, root: &Path) -> Result<()> {
        let mut waiting = vec![(root.to_owned(), String::new())];
        // A directory is entered once, however many links lead to it.
        let mut seen = HashSet::new();
        // The archive itself and what will replace it are not part of it.
        let own = [Some(archive), self.draft.as_deref()];
        let own = own.map(|path| path.and_then(|path| fs::canonicalize(path).ok()));
        while let Some((dir, prefix)) = waiting.pop() {
            let real = fs::canonicalize(&dir).map_err(|e| cx.io_error(&dir, &e))?;
            if !seen.insert(real) {
                continue;
            }
            let mut names = Vec::new();
            for entry in fs::read_dir(&dir).map_err(|e| cx.io_error(&dir, &e))? {
                let entry = entry.map_err(|e| cx.io_error(&dir, &e))?;
                names.push(entry.file_name());
            }
            names.sort_unstable();
            let mut below = Vec::new();
            for name in names {
                let path = dir.join(&name);
                // A link may lead anywhere.
                guard.path(Class::FsRead, &path)?;
                let entry = format!("{prefix}{}", name.to_string_lossy());
                let meta = fs::metadata(&path).map_err(|e| cx.io_error(&path, &e))?;
                if meta.is_dir() {
                    let entry = entry + "/";
                    self.name(cx, &entry)?;
                    self.writer
                        .add_directory(&*entry, SimpleFileOptions::default())
                        .map_err(|e| zip_error(cx, archive, &e))?;
                    below.push((path, entry));
                } else if !fs::canonicalize(&path).is_ok_and(|path| own.contains(&Some(path))) {
                    self.file(cx, archive, &path, &entry)?;
                }
            }
            waiting.extend(below.into_iter().rev());
        }
        Ok(())
    }
}

fn zip_add_file(
    cx: &mut Cx<'_>,
    archive: Res<'_, Archive>,
    path: ReadPath<'_>,
    name: Option<&str>,
) -> Result<bool> {
    let source = cx.path("path", path)?;
    let own_name = source.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.map(str::to_owned).or(own_name).unwrap_or_default();
    let mut open = archive.lock();
    let open = open.as_mut().ok_or_else(|| closed(cx))?;
    open.file(cx, &archive.path, source, &name)?;
    Ok(true)
}

fn zip_add_dir(cx: &mut Cx<'_>, archive: Res<'_, Archive>, path: ReadPath<'_>) -> Result<bool> {
    let source = cx.path("path", path)?;
    let guard = cx.guard();
    let mut open = archive.lock();
    let open = open.as_mut().ok_or_else(|| closed(cx))?;
    open.dir((cx, &guard), &archive.path, source)?;
    Ok(true)
}

fn zip_close(cx: &mut Cx<'_>, archive: Res<'_, Archive>) -> Result<bool> {
    let open = archive.lock().take().ok_or_else(|| closed(cx))?;
    archive.release();
    if open.is_lost() {
        return Err(cx.path_error(&archive.path, "the archive is incomplete"));
    }
    open.finish().map_err(|e| zip_error(cx, &archive.path, &e))?;
    Ok(true)
}

fn open(cx: &Cx<'_>, path: &Path) -> Result<ZipArchive<File>> {
    let file = File::open(path).map_err(|e| cx.io_error(path, &e))?;
    ZipArchive::new(file).map_err(|e| zip_error(cx, path, &e))
}

fn zip_list(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<Vec<Value>> {
    let path = cx.path("path", path)?;
    let mut archive = open(cx, path)?;
    let mut names = Vec::with_capacity(archive.len());
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(|e| zip_error(cx, path, &e))?;
        names.push(Value::str(&name_of(cx, path, &entry)?));
    }
    Ok(names)
}

fn name_of<R: Read + Seek>(
    cx: &Cx<'_>,
    path: &Path,
    entry: &zip::read::ZipFile<'_, R>,
) -> Result<String> {
    Ok(entry.name().map_err(|e| zip_error(cx, path, &e))?.into_owned())
}

/// What an archive may hold.
struct Limits {
    entries: u64,
    entry_bytes: u64,
    total_bytes: u64,
}

const GIB: i64 = 1 << 30;

fn limits(cx: &Cx<'_>, options: Option<&Dict>) -> Result<Limits> {
    let known = ["max_entries", "max_entry_bytes", "max_total_bytes"];
    let options = Options::new(cx, "options", options, &known)?;
    let limit = |name: &str, default: i64| -> Result<u64> {
        Ok(options.whole(cx, name, 0)?.unwrap_or(default) as u64)
    };
    Ok(Limits {
        entries: limit("max_entries", 100_000)?,
        entry_bytes: limit("max_entry_bytes", GIB)?,
        total_bytes: limit("max_total_bytes", 4 * GIB)?,
    })
}

#[cold]
fn unsafe_entry(cx: &Cx<'_>, name: &str, what: &str) -> Error {
    cx.failure(Kind::ValueError, format!("entry '{}' {what}", name.escape_debug()))
}

#[cold]
fn too_large(cx: &Cx<'_>, archive: &Path) -> Error {
    cx.failure(Kind::ValueError, format!("'{}': more bytes than allowed", archive.display()))
}

/// Where an entry goes, below the output directory.
fn target(cx: &Cx<'_>, root: &Path, name: &str) -> Result<PathBuf> {
    if name.contains('\0') {
        return Err(unsafe_entry(cx, name, "has a name with NUL"));
    }
    // A backslash separates on some systems.
    let parts = name.split(['/', '\\']);
    let has_drive = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with(['/', '\\']) || has_drive || parts.clone().any(|part| part == "..") {
        return Err(unsafe_entry(cx, name, "leads out of the output directory"));
    }
    let inner = Path::new(name);
    let mut path = root.to_owned();
    for part in inner.components() {
        let Component::Normal(part) = part else { continue };
        path.push(part);
        if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            return Err(unsafe_entry(cx, name, "would be written through a link"));
        }
    }
    Ok(path)
}

fn unzip(
    cx: &mut Cx<'_>,
    path: ReadPath<'_>,
    output_dir: WritePath<'_>,
    options: Option<&Dict>,
) -> Result<Vec<Value>> {
    let limits = limits(cx, options)?;
    let (path, root) = (cx.path("path", path)?, cx.path("output_dir", output_dir)?);
    let guard = cx.guard();
    let mut archive = open(cx, path)?;
    if archive.len() as u64 > limits.entries {
        let what = format!("more than {} entries", limits.entries);
        return Err(cx.failure(Kind::ValueError, what));
    }
    let mut targets = Vec::with_capacity(archive.len());
    let mut declared = 0u64;
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(|e| zip_error(cx, path, &e))?;
        let name = name_of(cx, path, &entry)?;
        // What an archive admits is refused before anything is written.
        declared = declared.saturating_add(entry.size());
        if entry.size() > limits.entry_bytes || declared > limits.total_bytes {
            return Err(too_large(cx, path));
        }
        if entry.is_symlink() {
            return Err(unsafe_entry(cx, &name, "is a link"));
        }
        let target = target(cx, root, &name)?;
        guard.path(Class::FsWrite, &target)?;
        targets.push((target, entry.is_dir()));
    }
    fs::create_dir_all(root).map_err(|e| cx.io_error(root, &e))?;
    let mut total_left = limits.total_bytes;
    let mut files = Vec::new();
    for (i, (target, is_dir)) in targets.iter().enumerate() {
        if *is_dir {
            fs::create_dir_all(target).map_err(|e| cx.io_error(target, &e))?;
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|e| cx.io_error(parent, &e))?;
        }
        let mut entry = archive.by_index(i).map_err(|e| zip_error(cx, path, &e))?;
        let limit = limits.entry_bytes.min(total_left);
        let written = extract(cx, path, &mut entry, target, limit)?;
        total_left -= written;
        files.push(string_value(target.to_string_lossy().into_owned()));
    }
    Ok(files)
}

/// Writes an entry of at most `limit` bytes; their number.
fn extract(
    cx: &Cx<'_>,
    archive: &Path,
    entry: &mut impl Read,
    target: &Path,
    limit: u64,
) -> Result<u64> {
    let mut n_written = 0;
    let mut broken_by = None;
    let mut buffer = vec![0; 64 * 1024];
    let written = replace_file(target, |file| {
        loop {
            let n = match entry.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(error) => {
                    broken_by = Some(broken(cx, archive, &reason(&error)));
                    return Err(error);
                }
            };
            n_written += n as u64;
            if n_written > limit {
                broken_by = Some(too_large(cx, archive));
                return Err(io::ErrorKind::InvalidData.into());
            }
            file.write_all(&buffer[..n])?;
        }
    });
    match (written, broken_by) {
        (Ok(()), _) => Ok(n_written),
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) => Err(cx.io_error(target, &error)),
    }
}
