//! Paths: as texts, and what is at them.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::Cx;
use super::access::{ReadEntry, ReadPath};
use super::library_args::{RestTexts, text_of};
use crate::error::Result;

natives! {
    module "paths";

    /// The parts with the separator between them; an absolute part starts afresh.
    ///
    ///     print(join_path("a", "b", "c.txt"))   # expect: a/b/c.txt
    fn join_path as join_path | path_join(parts: RestTexts<'_>) -> "string" [Pure];

    /// The parent.
    ///
    ///     print(dirname("/a/b.txt"))   # expect: /a
    fn dirname(path: &str) -> "string" [Pure];

    /// The last component.
    ///
    ///     print(basename("/a/b/"))   # expect: b
    fn basename(path: &str) -> "string" [Pure];

    /// The text after the last dot of the last component.
    ///
    ///     print(path_extension("a.tar.gz"))   # expect: gz
    fn path_extension(path: &str) -> "string" [Pure];

    /// The last component without its extension.
    ///
    ///     print(path_stem("/x/a.tar.gz"))   # expect: a.tar
    fn path_stem(path: &str) -> "string" [Pure];

    /// Without ".", doubled separators and "name/..".
    ///
    ///     print(path_normalize("a/./b/../c"))   # expect: a/c
    fn path_normalize(path: &str) -> "string" [Pure];

    /// As file_exists.
    ///
    ///     print(path_exists("no/such"))   # expect: false
    fn path_exists(path: ReadPath<'_>) -> "bool" [Other, "fs-read"; cx];

    /// The absolute path with links resolved.
    ///
    ///     print(path_absolute(".") == path_absolute(os_getcwd()))   # expect: true
    fn path_absolute(path: ReadPath<'_>) -> "string" [Other, "fs-read"; cx];

    /// Whether there is a directory, following links.
    ///
    ///     print(path_is_dir("."))   # expect: true
    fn path_is_dir(path: ReadPath<'_>) -> "bool" [Other, "fs-read"; cx];

    /// Whether there is a regular file, following links.
    ///
    ///     print(path_is_file("."))   # expect: false
    fn path_is_file(path: ReadPath<'_>) -> "bool" [Other, "fs-read"; cx];

    /// Whether the path itself is a link.
    ///
    ///     print(path_is_symlink("."))   # expect: false
    fn path_is_symlink(path: ReadEntry<'_>) -> "bool" [Other, "fs-read"; cx];
}

fn join_path(parts: RestTexts<'_>) -> Result<String> {
    let path: PathBuf = parts.0.iter().filter_map(text_of).collect();
    Ok(text(path.as_os_str()))
}

fn text(part: &OsStr) -> String {
    part.to_string_lossy().into_owned()
}

fn dirname(path: &str) -> Result<String> {
    let path = Path::new(path);
    let parent = match path.parent() {
        Some(parent) => parent,
        None if path.has_root() => path,
        None => Path::new(""),
    };
    Ok(text(parent.as_os_str()))
}

fn basename(path: &str) -> Result<String> {
    Ok(Path::new(path).file_name().map(text).unwrap_or_default())
}

fn path_extension(path: &str) -> Result<String> {
    Ok(Path::new(path).extension().map(text).unwrap_or_default())
}

fn path_stem(path: &str) -> Result<String> {
    Ok(Path::new(path).file_stem().map(text).unwrap_or_default())
}

fn path_normalize(path: &str) -> Result<String> {
    let mut parts = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match parts.components().next_back() {
                Some(Component::Normal(_)) => {
                    parts.pop();
                }
                // Nothing lies above the root.
                Some(Component::RootDir) => {}
                _ => parts.push(".."),
            },
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => parts.push(part),
        }
    }
    let normal = text(parts.as_os_str());
    Ok(if normal.is_empty() { ".".to_owned() } else { normal })
}

fn path_exists(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<bool> {
    Ok(cx.path("path", path)?.exists())
}

fn path_absolute(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<String> {
    let path = cx.path("path", path)?;
    let full = path.canonicalize().map_err(|e| cx.io_error(path, &e))?;
    Ok(text(full.as_os_str()))
}

fn path_is_dir(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<bool> {
    Ok(cx.path("path", path)?.is_dir())
}

fn path_is_file(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<bool> {
    Ok(cx.path("path", path)?.is_file())
}

fn path_is_symlink(cx: &mut Cx<'_>, path: ReadEntry<'_>) -> Result<bool> {
    let path = cx.path("path", path)?;
    let meta = path.symlink_metadata().map_err(|e| cx.io_error(path, &e))?;
    Ok(meta.is_symlink())
}
