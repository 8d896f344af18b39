//! Parts of files, as bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Cx;
use super::access::{ReadPath, WritePath};
use super::args::{Whole, string_limit};
use super::disk::{read_up_to, write_all, write_at};
use super::files::append;
use crate::error::Result;
use crate::limits;
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::value::Value;

natives! {
    module "binary_io";

    /// Up to count bytes from the start of a file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     io_write_bytes(path, bytes("hello"))
    ///     print(bytes_to_string(io_read_bytes(path, 2)), delete_file(path))   # expect: he true
    fn io_read_bytes(path: ReadPath<'_>, count: Whole) -> "bytes" [Other, "fs-read"; cx];

    /// Creates or replaces a file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(io_write_bytes(path, bytes([1])), delete_file(path))   # expect: true true
    fn io_write_bytes(path: WritePath<'_>, data: &Bytes) -> "bool" [Other, "fs-write"; cx];

    /// Appends, creating the file if needed.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     print(io_append_bytes(path, bytes([1])), delete_file(path))   # expect: true true
    fn io_append_bytes(path: WritePath<'_>, data: &Bytes) -> "bool" [Other, "fs-write"; cx];

    /// Up to count bytes from an offset; past the end empty bytes.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "hello")
    ///     print(bytes_to_string(io_read_at(path, 1, 3)), delete_file(path))   # expect: ell true
    fn io_read_at(path: ReadPath<'_>, offset: Whole, count: Whole) -> "bytes" [Other, "fs-read"; cx];

    /// Overwrites from an offset in an existing file; a gap behind the end becomes zeros.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "hello")
    ///     io_write_at(path, bytes("EL"), 1)
    ///     print(read_file(path), delete_file(path))   # expect: hELlo true
    fn io_write_at(path: WritePath<'_>, data: &Bytes, offset: Whole) -> "bool" [Other, "fs-write"; cx];

    /// Everything from an offset to the end.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "hello")
    ///     print(bytes_to_string(io_seek_read(path, 3)), delete_file(path))   # expect: lo true
    fn io_seek_read(path: ReadPath<'_>, offset: Whole) -> "bytes" [Other, "fs-read"; cx];

    /// {size, is_file, is_dir, readonly, modified, created, accessed}, times in Unix seconds.
    ///
    ///     print(io_file_metadata(temp_dir()).is_dir)   # expect: true
    fn io_file_metadata(path: ReadPath<'_>) -> "dict" [Other, "fs-read"; cx];

    /// Shortens or zero-extends an existing file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "hello")
    ///     io_truncate(path, 2)
    ///     print(read_file(path), delete_file(path))   # expect: he true
    fn io_truncate(path: WritePath<'_>, size: Whole) -> "bool" [Other, "fs-write"; cx];

    /// Makes a part of source the whole content of dest.
    ///
    ///     a := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     b := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(a, "hello")
    ///     io_copy_range(a, b, 1, 3)
    ///     print(read_file(b), delete_file(a), delete_file(b))   # expect: ell true true
    fn io_copy_range(source: ReadPath<'_>, dest: WritePath<'_>, offset: Whole, count: Whole)
        -> "bool" [Other, "fs-read, fs-write"; cx];
}

/// A number that must not be negative.
fn natural(cx: &Cx<'_>, param: &str, number: Whole) -> Result<u64> {
    u64::try_from(number.0).map_err(|_| cx.bad_value(param, ">= 0", number.0))
}

/// Up to `count` bytes of a file, from an offset.
fn part(cx: &Cx<'_>, path: &Path, offset: u64, count: u64) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(|e| cx.io_error(path, &e))?;
    if offset > 0 {
        let offset = offset.min(i64::MAX as u64);
        file.seek(SeekFrom::Start(offset)).map_err(|e| cx.io_error(path, &e))?;
    }
    let mut data = Vec::new();
    read_up_to(cx, path, &file, count.min(limits::STRING_BYTES as u64 + 1), &mut data)?;
    if data.len() > limits::STRING_BYTES {
        return Err(string_limit());
    }
    Ok(data)
}

fn io_read_bytes(cx: &mut Cx<'_>, path: ReadPath<'_>, count: Whole) -> Result<Vec<u8>> {
    let count = natural(cx, "count", count)?;
    part(cx, cx.path("path", path)?, 0, count)
}

fn io_write_bytes(cx: &mut Cx<'_>, path: WritePath<'_>, data: &Bytes) -> Result<bool> {
    write_all(cx, cx.path("path", path)?, &data.0, true)?;
    Ok(true)
}

fn io_append_bytes(cx: &mut Cx<'_>, path: WritePath<'_>, data: &Bytes) -> Result<bool> {
    append(cx, path.0, &data.0)
}

fn io_read_at(cx: &mut Cx<'_>, path: ReadPath<'_>, offset: Whole, count: Whole) -> Result<Vec<u8>> {
    let (offset, count) = (natural(cx, "offset", offset)?, natural(cx, "count", count)?);
    part(cx, cx.path("path", path)?, offset, count)
}

fn io_write_at(cx: &mut Cx<'_>, path: WritePath<'_>, data: &Bytes, offset: Whole) -> Result<bool> {
    let offset = natural(cx, "offset", offset)?;
    let path = cx.path("path", path)?;
    let written = OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| write_at(&mut file, offset, &data.0));
    written.map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}

fn io_seek_read(cx: &mut Cx<'_>, path: ReadPath<'_>, offset: Whole) -> Result<Vec<u8>> {
    let offset = natural(cx, "offset", offset)?;
    part(cx, cx.path("path", path)?, offset, u64::MAX)
}

fn io_file_metadata(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<Dict> {
    let path = cx.path("path", path)?;
    let meta = fs::metadata(path).map_err(|e| cx.io_error(path, &e))?;
    let mut dict = Dict::with_capacity(7);
    dict.insert_str("size", Value::int(i64::try_from(meta.len()).unwrap_or(i64::MAX)));
    dict.insert_str("is_file", Value::bool(meta.is_file()));
    dict.insert_str("is_dir", Value::bool(meta.is_dir()));
    dict.insert_str("readonly", Value::bool(meta.permissions().readonly()));
    let times =
        [("modified", meta.modified()), ("created", meta.created()), ("accessed", meta.accessed())];
    for (name, time) in times {
        if let Ok(time) = time {
            dict.insert_str(name, Value::int(unix_seconds(time)));
        }
    }
    Ok(dict)
}

fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    }
}

fn io_truncate(cx: &mut Cx<'_>, path: WritePath<'_>, size: Whole) -> Result<bool> {
    let size = natural(cx, "size", size)?;
    let path = cx.path("path", path)?;
    let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(size));
    cut.map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}

fn io_copy_range(
    cx: &mut Cx<'_>,
    source: ReadPath<'_>,
    dest: WritePath<'_>,
    offset: Whole,
    count: Whole,
) -> Result<bool> {
    let (offset, count) = (natural(cx, "offset", offset)?, natural(cx, "count", count)?);
    let data = part(cx, cx.path("source", source)?, offset, count)?;
    write_all(cx, cx.path("dest", dest)?, &data, true)?;
    Ok(true)
}
