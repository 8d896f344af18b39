//! Files that are read and written while other tasks go on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Cx;
use super::access::{ReadPath, ReadPaths, WritePath, WritePaths};
use super::disk::append_to;
use super::disk::{Named, read_text, write_all};
use super::library_args::Texts;
use crate::concurrency::jobs::{self, Haste};
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::objects::array::Array;
use crate::value::Value;

natives! {
    module "concurrency";

    /// A promise of read_file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "text")
    ///     print(await async_read_file(path), delete_file(path))   # expect: text true
    fn async_read_file(path: ReadPath<'_>) -> "promise" [Other, "fs-read"; cx];

    /// A promise of the texts of several files, at most limit of them read at a time.
    ///
    ///     print(await async_read_files([]))   # expect: []
    fn async_read_files(paths: ReadPaths<'_>, limit: Option<i64>) -> "promise" [Other, "fs-read"; cx];

    /// A promise of write_file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(await async_write_file(path, "a"), delete_file(path))   # expect: true true
    fn async_write_file(path: WritePath<'_>, text: &str) -> "promise" [Other, "fs-write"; cx];

    /// A promise of append_file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(await async_append_file(path, "a"), delete_file(path))   # expect: true true
    fn async_append_file(path: WritePath<'_>, text: &str) -> "promise" [Other, "fs-write"; cx];

    /// A promise of an array of true: writes each text to the path at its place.
    ///
    ///     print(await async_write_files([], []))   # expect: []
    fn async_write_files(paths: WritePaths<'_>, texts: Texts<'_>, limit: Option<i64>)
        -> "promise" [Other, "fs-write"; cx];
}

/// Files of one call that are worked on at a time.
const MAX_AT_ONCE: usize = 8;

/// What becomes of a file on another thread: no values, since they belong to threads.
type Done<T> = std::result::Result<T, Failed>;

/// An error without values.
struct Failed {
    kind: std::borrow::Cow<'static, str>,
    message: String,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { kind: error.kind.clone(), message: error.message.clone() }
    }
}

impl Failed {
    fn into_error(self) -> Error {
        Error::with_kind(self.kind, self.message)
    }
}

fn start<T: Into<Value> + Send + 'static>(
    cx: &mut Cx<'_>,
    haste: Haste,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<Value> {
    let convert = |_: &mut dyn Host, done: Done<T>| done.map(T::into).map_err(Failed::into_error);
    jobs::run(cx.host, haste, move || work().map_err(Failed::from), convert)
}

fn async_read_file(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<Value> {
    let path = cx.path("path", path)?.to_path_buf();
    let name = Named(cx.name);
    start(cx, Haste::Abandon, move || read_text(&name, &path))
}

fn async_write_file(cx: &mut Cx<'_>, path: WritePath<'_>, text: &str) -> Result<Value> {
    let path = cx.path("path", path)?.to_path_buf();
    let (name, text) = (Named(cx.name), text.to_owned());
    start(cx, Haste::Finish, move || write_all(&name, &path, text.as_bytes(), true).map(|()| true))
}

fn async_append_file(cx: &mut Cx<'_>, path: WritePath<'_>, text: &str) -> Result<Value> {
    let path = cx.path("path", path)?.to_path_buf();
    let (name, text) = (Named(cx.name), text.to_owned());
    start(cx, Haste::Finish, move || append_to(&name, &path, text.as_bytes()).map(|()| true))
}

/// How many files may be worked on at a time.
fn at_once(cx: &mut Cx<'_>, limit: Option<i64>) -> Result<usize> {
    match limit {
        Some(limit) if limit < 1 => Err(cx.bad_value("limit", ">= 1", limit)),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_AT_ONCE)),
        None => Ok(cx.host.isolate().membership().program.pool_size().min(MAX_AT_ONCE)),
    }
}

fn all_paths(cx: &Cx<'_>, paths: &Texts<'_>) -> Result<Vec<PathBuf>> {
    let paths = paths.to_vec();
    let checked = paths.iter().enumerate().map(|(i, path)| {
        let path: &Path = cx.path(&format!("paths[{i}]"), path.as_str())?;
        Ok(path.to_path_buf())
    });
    checked.collect()
}

/// Does something with every path, on a few threads; results in order, or the failure of the
/// lowest position.
fn each_path<T: Send>(
    name: &'static str,
    paths: &[PathBuf],
    at_once: usize,
    work: impl Fn(usize, &Path) -> Result<T> + Sync,
) -> Done<Vec<T>> {
    let results: Mutex<Vec<Option<T>>> = Mutex::new(paths.iter().map(|_| None).collect());
    let failure: Mutex<Option<(usize, Failed)>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let body = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(i) else { return };
            match work(i, path) {
                Ok(result) => {
                    results.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(result);
                }
                Err(error) => {
                    next.store(paths.len(), Ordering::Relaxed);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|(known, _)| i < *known) {
                        *failure = Some((i, Failed::from(error)));
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..at_once.min(paths.len()) {
            scope.spawn(body);
        }
        body();
    });
    if let Some((i, failed)) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let what = failed.message.strip_prefix(&format!("{name}: ")).unwrap_or(&failed.message);
        let message = format!("{name}: paths[{i}]: {what}");
        return Err(Failed { kind: failed.kind, message });
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().flatten().collect())
}

fn array<T: Into<Value>>(_: &mut dyn Host, done: Done<Vec<T>>) -> Result<Value> {
    let values = done.map_err(Failed::into_error)?.into_iter().map(T::into).collect();
    Ok(Value::from_ref(Ref::new(Array::from_values(values))))
}

fn async_read_files(cx: &mut Cx<'_>, paths: ReadPaths<'_>, limit: Option<i64>) -> Result<Value> {
    let (at_once, paths) = (at_once(cx, limit)?, all_paths(cx, &paths)?);
    let name = cx.name;
    let work = move || each_path(name, &paths, at_once, |_, path| read_text(&Named(name), path));
    jobs::run(cx.host, Haste::Abandon, work, array)
}

fn async_write_files(
    cx: &mut Cx<'_>,
    paths: WritePaths<'_>,
    texts: Texts<'_>,
    limit: Option<i64>,
) -> Result<Value> {
    let (at_once, paths) = (at_once(cx, limit)?, all_paths(cx, &paths)?);
    let texts: Vec<String> = texts.to_vec().iter().map(|text| (*text).to_owned()).collect();
    if texts.len() != paths.len() {
        let what = format!("{} paths but {} texts", paths.len(), texts.len());
        return Err(cx.failure(Kind::ValueError, what));
    }
    let name = cx.name;
    let work = move || {
        each_path(name, &paths, at_once, |i, path| {
            write_all(&Named(name), path, texts[i].as_bytes(), true).map(|()| true)
        })
    };
    jobs::run(cx.host, Haste::Finish, work, array)
}
