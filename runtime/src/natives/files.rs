//! Files and directories as a whole.

use std::fs;
use std::path::{Path, PathBuf};

use super::Cx;
use super::access::{MovedPath, NewPath, ReadPath, ReadTree, WriteEntry, WritePath};
use super::args::string_value;
use super::disk::{append_to, read_all, read_text, write_all};
use crate::error::Result;
use crate::objects::bytes::Bytes;
use crate::value::Value;

natives! {
    module "files";

    /// The whole file as UTF-8 text.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "a\n")
    ///     print(len(read_file(path)), delete_file(path))   # expect: 2 true
    fn read_file(path: ReadPath<'_>) -> "string" [Other, "fs-read"; cx];

    /// As read_file with invalid bytes replaced by U+FFFD.
    ///
    ///     print(assert_throws(func() { read_file_lossy("no/such") }).kind)   # expect: IoError
    fn read_file_lossy(path: ReadPath<'_>) -> "string" [Other, "fs-read"; cx];

    /// Creates the file or replaces its content at once; with overwrite false it must be new.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(write_file(path, "a"), delete_file(path))   # expect: true true
    fn write_file(path: WritePath<'_>, text: &str, overwrite: Option<bool>)
        -> "bool" [Other, "fs-write"; cx];

    /// Appends, creating the file if needed.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     append_file(path, "a")
    ///     append_file(path, "b")
    ///     print(read_file(path), delete_file(path))   # expect: ab true
    fn append_file(path: WritePath<'_>, text: &str) -> "bool" [Other, "fs-write"; cx];

    /// The lines of a file without their ends.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "a\nb\n")
    ///     print(read_lines(path), delete_file(path))   # expect: [a, b] true
    fn read_lines(path: ReadPath<'_>) -> "array<string>" [Other, "fs-read"; cx];

    /// Whether a path exists, following links.
    ///
    ///     print(file_exists("no/such/file"))   # expect: false
    fn file_exists(path: ReadPath<'_>) -> "bool" [Other, "fs-read"; cx];

    /// The names in a directory, sorted.
    ///
    ///     print(assert_throws(func() { list_dir("no/such") }).kind)   # expect: IoError
    fn list_dir(path: ReadPath<'_>) -> "array<string>" [Other, "fs-read"; cx];

    /// The relative paths of all files below a directory, sorted; links are not followed.
    ///
    ///     print(assert_throws(func() { walk_dir("no/such") }).kind)   # expect: IoError
    fn walk_dir(path: ReadTree<'_>) -> "array<string>" [Other, "fs-read"; cx];

    /// Creates a directory and missing parents; an existing one is fine.
    ///
    ///     print(create_dir(temp_dir()))   # expect: true
    fn create_dir(path: WritePath<'_>) -> "bool" [Other, "fs-write"; cx];

    /// Removes an empty directory, or with recursive the whole tree.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     create_dir(join_path(path, "a"))
    ///     print(delete_dir(path, true))   # expect: true
    fn delete_dir(path: WriteEntry<'_>, recursive: Option<bool>) -> "bool" [Other, "fs-write"; cx];

    /// The size of a file in bytes.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "é")
    ///     print(file_size(path), delete_file(path))   # expect: 2 true
    fn file_size(path: ReadPath<'_>) -> "int" [Other, "fs-read"; cx];

    /// Removes a file or link.
    ///
    ///     print(assert_throws(func() { delete_file("no/such") }).kind)   # expect: IoError
    fn delete_file(path: WriteEntry<'_>) -> "bool" [Other, "fs-write"; cx];

    /// Renames or moves within a file system, replacing an existing file.
    ///
    ///     print(assert_throws(func() { rename_file("no/such", "x") }).kind)   # expect: IoError
    fn rename_file(old: MovedPath<'_>, new: NewPath<'_>) -> "bool" [Other, "fs-write"; cx];

    /// Copies content and permissions, replacing dest.
    ///
    ///     print(assert_throws(func() { copy_file("no/such", "x") }).kind)   # expect: IoError
    fn copy_file(source: ReadPath<'_>, dest: WritePath<'_>) -> "bool" [Other, "fs-read, fs-write"; cx];

    /// The whole file as bytes.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_binary_file(path, bytes([0, 255]))
    ///     print(read_binary_file(path), delete_file(path))   # expect: <bytes: 2> true
    fn read_binary_file(path: ReadPath<'_>) -> "bytes" [Other, "fs-read"; cx];

    /// As write_file for bytes.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(write_binary_file(path, bytes([1])), delete_file(path))   # expect: true true
    fn write_binary_file(path: WritePath<'_>, data: &Bytes, overwrite: Option<bool>)
        -> "bool" [Other, "fs-write"; cx];

    /// The directory for temporary files.
    ///
    ///     print(path_is_dir(temp_dir()))   # expect: true
    fn temp_dir() -> "string" [Other, "fs-read"];
}

fn read_file(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<String> {
    read_text(cx, cx.path("path", path)?)
}

fn read_file_lossy(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<String> {
    let data = read_all(cx, cx.path("path", path)?)?;
    Ok(match String::from_utf8(data) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn write_file(
    cx: &mut Cx<'_>,
    path: WritePath<'_>,
    text: &str,
    overwrite: Option<bool>,
) -> Result<bool> {
    write_all(cx, cx.path("path", path)?, text.as_bytes(), overwrite.unwrap_or(true))?;
    Ok(true)
}

fn append_file(cx: &mut Cx<'_>, path: WritePath<'_>, text: &str) -> Result<bool> {
    append(cx, path.0, text.as_bytes())
}

/// Appends to a file, creating it if needed.
pub(super) fn append(cx: &Cx<'_>, path: &str, data: &[u8]) -> Result<bool> {
    append_to(cx, cx.path("path", path)?, data)?;
    Ok(true)
}

fn read_lines(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<Vec<Value>> {
    let text = read_text(cx, cx.path("path", path)?)?;
    Ok(text.lines().map(Value::str).collect())
}

fn file_exists(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<bool> {
    Ok(cx.path("path", path)?.exists())
}

fn list_dir(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<Vec<Value>> {
    let path = cx.path("path", path)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| cx.io_error(path, &e))? {
        let entry = entry.map_err(|e| cx.io_error(path, &e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names.into_iter().map(string_value).collect())
}

fn walk_dir(cx: &mut Cx<'_>, path: ReadTree<'_>) -> Result<Vec<Value>> {
    let root = cx.path("path", path)?;
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(inner) = waiting.pop() {
        let dir = root.join(&inner);
        for entry in fs::read_dir(&dir).map_err(|e| cx.io_error(&dir, &e))? {
            let entry = entry.map_err(|e| cx.io_error(&dir, &e))?;
            let kind = entry.file_type().map_err(|e| cx.io_error(entry.path(), &e))?;
            let path = inner.join(entry.file_name());
            let is_dir_link = kind.is_symlink() && entry.path().is_dir();
            if kind.is_dir() {
                waiting.push(path);
            } else if !is_dir_link {
                found.push(with_slashes(&path));
            }
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().map(string_value).collect())
}

/// A relative path as text with `/` between its parts.
pub(super) fn with_slashes(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn create_dir(cx: &mut Cx<'_>, path: WritePath<'_>) -> Result<bool> {
    let path = cx.path("path", path)?;
    fs::create_dir_all(path).map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}

fn delete_dir(cx: &mut Cx<'_>, path: WriteEntry<'_>, recursive: Option<bool>) -> Result<bool> {
    let path = cx.path("path", path)?;
    let removed =
        if recursive.unwrap_or(false) { fs::remove_dir_all(path) } else { fs::remove_dir(path) };
    removed.map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}

fn file_size(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<i64> {
    let path = cx.path("path", path)?;
    let size = fs::metadata(path).map_err(|e| cx.io_error(path, &e))?.len();
    Ok(i64::try_from(size).unwrap_or(i64::MAX))
}

fn delete_file(cx: &mut Cx<'_>, path: WriteEntry<'_>) -> Result<bool> {
    let path = cx.path("path", path)?;
    fs::remove_file(path).map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}

fn rename_file(cx: &mut Cx<'_>, old: MovedPath<'_>, new: NewPath<'_>) -> Result<bool> {
    let (old, new) = (cx.path("old", old.0)?, cx.path("new", new.0)?);
    let blamed = if old.symlink_metadata().is_ok() { new } else { old };
    fs::rename(old, new).map_err(|e| cx.io_error(blamed, &e))?;
    Ok(true)
}

fn copy_file(cx: &mut Cx<'_>, source: ReadPath<'_>, dest: WritePath<'_>) -> Result<bool> {
    let (source, dest) = (cx.path("source", source)?, cx.path("dest", dest)?);
    let meta = fs::metadata(source).map_err(|e| cx.io_error(source, &e))?;
    if meta.is_dir() {
        return Err(cx.path_error(source, "Is a directory"));
    }
    let input = fs::File::open(source).map_err(|e| cx.io_error(source, &e))?;
    let same = fs::canonicalize(source).ok().zip(fs::canonicalize(dest).ok());
    if same.is_some_and(|(a, b)| a == b) {
        return Ok(true);
    }
    super::disk::replace_file(dest, |file| {
        super::disk::copy(cx, &input, file)?;
        file.set_permissions(meta.permissions())
    })
    .map_err(|e| cx.io_error(dest, &e))?;
    fs::set_permissions(dest, meta.permissions()).map_err(|e| cx.io_error(dest, &e))?;
    Ok(true)
}

fn read_binary_file(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<Vec<u8>> {
    read_all(cx, cx.path("path", path)?)
}

fn write_binary_file(
    cx: &mut Cx<'_>,
    path: WritePath<'_>,
    data: &Bytes,
    overwrite: Option<bool>,
) -> Result<bool> {
    write_all(cx, cx.path("path", path)?, &data.0, overwrite.unwrap_or(true))?;
    Ok(true)
}

fn temp_dir() -> Result<String> {
    Ok(std::env::temp_dir().to_string_lossy().into_owned())
}
