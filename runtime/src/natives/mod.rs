//! The functions that every program finds without an import.
//!
//! Each is declared once, in the `natives!` table of its module's file; from the declaration
//! come the calling shim, arity and type errors, documentation and facts for the JIT.
//! Start reading at [`Native`], then `native` (the macro and argument conversions), then any
//! module file; `method` selects what `x.name(args)` calls.

#![cfg_attr(
    not(all(
        feature = "archives",
        feature = "crypto",
        feature = "databases",
        feature = "http",
        feature = "images",
        feature = "mysql",
        feature = "network",
        feature = "postgres"
    )),
    allow(dead_code, unused_imports, reason = "some things are used by parts only")
)]

#[macro_use]
mod native;
mod absent;
mod access;
#[cfg(feature = "archives")]
mod archives;
mod argparse;
mod args;
mod arrays;
mod asserts;
mod async_files;
mod binary_files;
mod case;
#[cfg(feature = "crypto")]
mod ciphers;
mod collection_methods;
mod collections;
mod concurrency;
mod csv;
#[cfg(feature = "databases")]
mod database;
mod dates;
#[cfg(feature = "mysql")]
mod db_mysql;
#[cfg(feature = "postgres")]
mod db_postgres;
#[cfg(feature = "databases")]
mod db_rows;
#[cfg(feature = "databases")]
mod db_sqlite;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod db_transactions;
#[cfg(feature = "databases")]
mod db_watch;
mod dicts;
#[cfg(feature = "crypto")]
mod digests;
mod disk;
pub mod docs;
mod encoding;
mod env;
mod files;
mod format;
mod handles;
mod higher_order;
#[cfg(feature = "http")]
mod http_async;
#[cfg(feature = "http")]
mod http_client;
#[cfg(feature = "network")]
mod http_connections;
#[cfg(feature = "http")]
mod http_exchange;
#[cfg(feature = "network")]
mod http_inbox;
#[cfg(feature = "network")]
mod http_routes;
#[cfg(feature = "network")]
mod http_server;
#[cfg(feature = "network")]
mod http_wire;
#[cfg(feature = "images")]
mod images;
mod integers;
mod io;
mod items;
mod json;
mod json_write;
mod lazy;
mod library_args;
mod math;
pub mod method;
mod paths;
#[cfg(feature = "databases")]
mod pool;
mod process;
mod random;
mod regex;
mod responses;
mod results;
mod sequences;
#[cfg(feature = "network")]
mod sockets;
mod sort;
mod strings;
mod system;
mod text;
mod threads;
mod time;
#[cfg(feature = "crypto")]
mod tokens;
mod toml;
mod types;
mod updating;
mod values;
mod yaml;
mod yaml_write;

use std::sync::LazyLock;

use crate::error::{Error, Kind, Result};
use crate::heap::is_exceeded;
use crate::host::{Host, Isolate};
use crate::value::{Value, Wrapper};

pub use arrays::not_a_summand;
pub use native::Param;
pub use sequences::measured;
pub use sort::order_of_verdict;

/// A native function under one of its names.
pub struct Native {
    pub name: &'static str,
    /// The module of the catalogue (`strings`, `arrays`, …).
    pub module: &'static str,
    /// Parameters in order; optional ones and the rest parameter last.
    pub params: &'static [Param],
    /// Arguments that a call must have.
    pub n_required: usize,
    /// Arguments that a call may have; `usize::MAX` with a rest parameter.
    pub n_max: usize,
    /// The type word of the result, as in the catalogue.
    pub result: &'static str,
    pub doc: &'static str,
    pub effect: Effect,
    pub capability: Option<&'static str>,
    /// The name of which this one is a synonym.
    pub alias_of: Option<&'static str>,
    /// Runs it after the argument count was checked; checks the argument types. Arguments are
    /// owned by the native, which may move them out (so a unique collection is updated in
    /// place).
    pub run: NativeFn,
}

pub type NativeFn = fn(&mut Cx<'_>, &mut [Value]) -> Result<Value>;

/// What a call can do besides returning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The result depends on the arguments only.
    Pure,
    /// As `Pure`, apart from what callbacks do.
    PureCallback,
    Other,
}

/// What a running native knows about its call.
pub struct Cx<'a> {
    pub host: &'a mut dyn Host,
    /// The name used in the call, for messages; `type.method` for methods.
    pub name: &'static str,
}

static TABLE: LazyLock<Box<[Native]>> = LazyLock::new(|| {
    let modules = [
        #[cfg(feature = "archives")]
        archives::TABLE,
        argparse::TABLE,
        arrays::TABLE,
        asserts::TABLE,
        async_files::TABLE,
        binary_files::TABLE,
        case::TABLE,
        #[cfg(feature = "crypto")]
        ciphers::TABLE,
        collections::TABLE,
        csv::TABLE,
        #[cfg(feature = "databases")]
        database::TABLE,
        dates::TABLE,
        dicts::TABLE,
        #[cfg(feature = "crypto")]
        digests::TABLE,
        encoding::TABLE,
        env::TABLE,
        files::TABLE,
        format::TABLE,
        higher_order::TABLE,
        #[cfg(feature = "http")]
        http_async::TABLE,
        #[cfg(feature = "http")]
        http_client::TABLE,
        #[cfg(feature = "network")]
        http_server::TABLE,
        #[cfg(feature = "images")]
        images::TABLE,
        integers::TABLE,
        io::TABLE,
        json::TABLE,
        json_write::TABLE,
        math::TABLE,
        paths::TABLE,
        #[cfg(feature = "databases")]
        pool::TABLE,
        process::TABLE,
        random::TABLE,
        regex::TABLE,
        responses::TABLE,
        sequences::TABLE,
        #[cfg(feature = "network")]
        sockets::TABLE,
        sort::TABLE,
        strings::TABLE,
        system::TABLE,
        concurrency::TABLE,
        text::TABLE,
        threads::TABLE,
        time::TABLE,
        #[cfg(feature = "crypto")]
        tokens::TABLE,
        toml::TABLE,
        types::TABLE,
        values::TABLE,
        yaml::TABLE,
        yaml_write::TABLE,
    ];
    let declared = modules.into_iter().flatten().flat_map(|d| d.rows());
    let mut rows: Vec<Native> = declared.chain(absent::rows()).collect();
    rows.sort_unstable_by_key(|native| native.name);
    rows.into()
});

/// All natives, sorted by name; the index of a native is its position here.
pub fn all() -> &'static [Native] {
    &TABLE
}

/// The number of natives.
pub fn count() -> usize {
    TABLE.len()
}

/// The index of a native.
pub fn lookup(name: &str) -> Option<u32> {
    TABLE.binary_search_by(|native| native.name.cmp(name)).ok().map(|index| index as u32)
}

/// The native of an index that came from [`lookup`].
#[inline]
pub fn get(index: u32) -> &'static Native {
    &TABLE[index as usize]
}

/// Calls a native; `args` are moved out.
///
/// # Errors
/// ArityError and TypeError for unsuitable arguments; what the native and its callbacks raise.
#[inline]
pub fn call(host: &mut dyn Host, index: u32, args: &mut [Value]) -> Result<Value> {
    let native = get(index);
    if args.len() < native.n_required || args.len() > native.n_max {
        return Err(arity_error(native.name, native.n_required, native.n_max, args.len()));
    }
    let result = (native.run)(&mut Cx { host, name: native.name }, args)?;
    stop_if_exceeded(host)?;
    Ok(result)
}

/// A native that has made too much raises, while what it has made still counts.
#[inline]
fn stop_if_exceeded(host: &mut dyn Host) -> Result<()> {
    if is_exceeded() { host.isolate().poll() } else { Ok(()) }
}

/// The error of a call with the wrong number of arguments.
#[cold]
pub(crate) fn arity_error(name: &str, required: usize, max: usize, got: usize) -> Error {
    let expected = if max == usize::MAX {
        format!("at least {required}")
    } else if required == max {
        format!("{required}")
    } else {
        format!("{required} to {max}")
    };
    Error::new(Kind::ArityError, format!("{name} expects {expected} arguments, got {got}"))
}

/// The value of a predefined constant.
pub fn constant(name: &str) -> Option<Value> {
    Some(match name {
        "None" => Value::NONE,
        "PI" => Value::float(std::f64::consts::PI),
        "E" => Value::float(std::f64::consts::E),
        "INF" => Value::float(f64::INFINITY),
        "NAN" => Value::float(f64::NAN),
        "INT_MAX" => Value::int(i64::MAX),
        "INT_MIN" => Value::int(i64::MIN),
        _ => return None,
    })
}

/// The value that a predefined name denotes.
pub fn global(name: &str, isolate: &Isolate) -> Option<Value> {
    if let Some(value) = constant(name) {
        return Some(value);
    }
    if let Some(which) = Wrapper::ALL.into_iter().find(|which| which.name() == name) {
        return Some(Value::wrapper(which));
    }
    if name == "Error" {
        return Some(Value::from_ref(isolate.errors.def.clone()));
    }
    if name == "Promise" {
        return Some(concurrency::promise_module(isolate));
    }
    lookup(name).map(Value::native)
}

/// Predefined names that are not natives.
const OTHER_NAMES: [&str; 12] = [
    "Ok", "Err", "Some", "None", "Error", "Promise", "PI", "E", "INF", "NAN", "INT_MAX", "INT_MIN",
];

/// Whether a predefined name exists.
pub fn is_predefined(name: &str) -> bool {
    OTHER_NAMES.contains(&name) || lookup(name).is_some()
}

/// All predefined names.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    all().iter().map(|native| native.name).chain(OTHER_NAMES)
}

#[cfg(test)]
mod tests;
