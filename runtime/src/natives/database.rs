//! Databases: connections, statements, transactions, for all kinds of databases.
//!
//! What differs between them is a [`Driver`]: `db_sqlite`, `db_postgres`, `db_mysql`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Cx;
use super::args::Func;
#[cfg(feature = "mysql")]
use super::db_mysql as mysql;
#[cfg(feature = "postgres")]
use super::db_postgres as postgres;
use super::db_sqlite as sqlite;
use super::db_watch::Running;
use super::handles::{Kept, New, Res};
use super::pool::Shared;
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::objects::resource::ResourceBody;
use crate::semantics::type_name;
use crate::value::Value;

natives! {
    module "database";

    /// Connects to a database: kind "sqlite" with a file path or ":memory:".
    ///
    ///     print(db_connect("sqlite", ":memory:"))   # expect: <database>
    fn db_connect(kind: &str, connection: &str) -> "database" [Other, "db"; cx];

    /// Runs one statement; the number of changed rows.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     db_execute(db, "CREATE TABLE t (a)")
    ///     print(db_execute(db, "INSERT INTO t VALUES (?), (?)", [1, 2]))   # expect: 2
    fn db_execute(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "int" [Other, "db"; cx];

    /// Runs several statements without parameters.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_execute_script(db, "CREATE TABLE a (x); CREATE TABLE b (y)"))   # expect: null
    fn db_execute_script(db: Res<'_, Database>, sql: &str) -> "null" [Other, "db"; cx];

    /// All rows of a query as dicts.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_query(db, "SELECT ? AS a, NULL AS b", [1]))   # expect: [{"a": 1, "b": null}]
    fn db_query(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "array<dict>" [Other, "db"; cx];

    /// The first row of a query, or null.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_query_one(db, "SELECT 1 AS a").a)   # expect: 1
    fn db_query_one(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "dict|null" [Other, "db"; cx];

    /// Starts a transaction.
    ///
    ///     print(db_begin(db_connect("sqlite", ":memory:")))   # expect: true
    fn db_begin(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// Ends a transaction and keeps its changes.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(assert_throws(func() { db_commit(db) }).message)   # expect: db_commit: no transaction in progress
    fn db_commit(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// Ends a transaction and undoes its changes.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_begin(db), db_rollback(db))   # expect: true true
    fn db_rollback(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// Calls func(db) in a transaction, which an error undoes.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_transaction(db, func(d) { return 5 }))   # expect: 5
    fn db_transaction(db: Res<'_, Database>, func: Func<'_>) -> "any" [Other, "db"; cx];

    /// The id of the last inserted row.
    ///
    ///     print(db_last_insert_id(db_connect("sqlite", ":memory:")))   # expect: 0
    fn db_last_insert_id(db: Res<'_, Database>) -> "int" [Other, "db"; cx];

    /// Rolls back an open transaction and closes for all copies of the handle.
    ///
    ///     print(db_close(db_connect("sqlite", ":memory:")))   # expect: true
    fn db_close(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];
}

methods! {
    static METHODS of [Resource] as "database";

    /// As db_execute.
    ///
    ///     print(db_connect("sqlite", ":memory:").execute("CREATE TABLE t (a)"))   # expect: 0
    fn db_execute as execute(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "any" [cx; "db"];

    /// As db_query.
    ///
    ///     print(db_connect("sqlite", ":memory:").query("SELECT 1 AS a"))   # expect: [{"a": 1}]
    fn db_query as query(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "any" [cx; "db"];

    /// As db_query_one.
    ///
    ///     print(db_connect("sqlite", ":memory:").query_one("SELECT 1 AS a WHERE 0"))   # expect: null
    fn db_query_one as query_one(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "any" [cx; "db"];

    /// As db_begin.
    ///
    ///     print(db_connect("sqlite", ":memory:").begin())   # expect: true
    fn db_begin as begin(db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_commit.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db.begin(), db.commit())   # expect: true true
    fn db_commit as commit(db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_rollback.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db.begin(), db.rollback())   # expect: true true
    fn db_rollback as rollback(db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_transaction.
    ///
    ///     print(db_connect("sqlite", ":memory:").transaction(func(d) { return 1 }))   # expect: 1
    fn db_transaction as transaction(db: Res<'_, Database>, func: Func<'_>) -> "any" [cx; "db"];

    /// As db_last_insert_id.
    ///
    ///     print(db_connect("sqlite", ":memory:").last_insert_id())   # expect: 0
    fn db_last_insert_id as last_insert_id(db: Res<'_, Database>) -> "int" [cx; "db"];

    /// As db_close.
    ///
    ///     print(db_connect("sqlite", ":memory:").close())   # expect: true
    fn db_close as close(db: Res<'_, Database>) -> "bool" [cx; "db"];
}

/// An open connection to a database of one kind.
pub(super) trait Driver: Send {
    /// Runs one statement; the number of changed rows.
    fn execute(&mut self, cx: &Cx<'_>, sql: &str, params: &[Value]) -> Result<i64>;

    /// At most `max` rows of a query.
    fn query(&mut self, cx: &Cx<'_>, sql: &str, params: &[Value], max: usize)
    -> Result<Vec<Value>>;

    /// Runs statements without parameters.
    fn script(&mut self, cx: &Cx<'_>, sql: &str) -> Result<()>;

    fn is_in_transaction(&self) -> bool;

    /// Ends what runs until the result is dropped when the program is to stop; `None` if the
    /// driver looks for itself.
    fn watched(&self) -> Option<Running> {
        None
    }

    fn last_insert_id(&mut self, cx: &Cx<'_>) -> Result<i64>;

    /// Undoes an open transaction without asking for the outcome; whether the connection can go
    /// on being used.
    fn clean(&mut self) -> bool;
}

pub(super) type Connection = Box<dyn Driver>;

/// A kind of database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DbKind {
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
    #[cfg(feature = "mysql")]
    Mysql,
}

/// A connection, until it is closed.
pub(super) struct Database {
    connection: Mutex<Option<Connection>>,
    /// The pool that the connection belongs to.
    pub pool: Option<Arc<Shared>>,
}

impl ResourceBody for Database {
    fn type_name(&self) -> &'static str {
        "database"
    }
}

impl Kept for Database {
    const WORD: &'static str = "database";
    const STAYS_OPEN: bool = true;
}

impl Database {
    pub(super) fn new(connection: Connection, pool: Option<Arc<Shared>>) -> Database {
        Database { connection: Mutex::new(Some(connection)), pool }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes the connection out, which closes the handle; an open transaction is undone.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut connection = self.lock().take()?;
        // A connection that cannot roll back is dropped with the transaction.
        connection.clean().then_some(connection)
    }

    fn with<R>(
        &self,
        cx: &mut Cx<'_>,
        f: impl FnOnce(&Cx<'_>, &mut dyn Driver) -> Result<R>,
    ) -> Result<R> {
        let mut guard = self.lock();
        let Some(connection) = guard.as_mut() else { return Err(closed(cx)) };
        let running = connection.watched();
        let result = f(cx, &mut **connection);
        drop(running);
        if result.is_err() && cx.host.isolate().interrupt.stop_was_requested() {
            return Err(Error::interrupted());
        }
        result
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool
            && self.lock().take().is_some()
        {
            pool.lost();
        }
    }
}

#[cold]
fn closed(cx: &Cx<'_>) -> Error {
    cx.failure(Kind::DatabaseError, "database is closed")
}

/// The error of a driver.
#[cold]
pub(super) fn failed(cx: &Cx<'_>, error: &dyn std::fmt::Display) -> Error {
    cx.failure(Kind::DatabaseError, error)
}

/// The kind of database that a text names.
///
/// # Errors
/// ValueError for others; DatabaseError for drivers that are not part of this build.
pub(super) fn kind_of(cx: &Cx<'_>, kind: &str) -> Result<DbKind> {
    match kind.to_lowercase().as_str() {
        "sqlite" => Ok(DbKind::Sqlite),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Ok(DbKind::Postgres),
        #[cfg(feature = "mysql")]
        "mysql" => Ok(DbKind::Mysql),
        #[cfg(not(all(feature = "postgres", feature = "mysql")))]
        "postgres" | "postgresql" | "mysql" => {
            let what = format!("this build has no driver for '{kind}'");
            Err(cx.failure(Kind::DatabaseError, what))
        }
        _ => Err(cx.bad_value("kind", "\"sqlite\", \"postgres\" or \"mysql\"", kind)),
    }
}

/// Opens a connection.
pub(super) fn connect(cx: &mut Cx<'_>, kind: DbKind, connection: &str) -> Result<Connection> {
    if connection.contains('\0') {
        return Err(cx.bad_value("connection", "a text without NUL", connection));
    }
    match kind {
        DbKind::Sqlite => sqlite::connect(cx, connection),
        #[cfg(feature = "postgres")]
        DbKind::Postgres => postgres::connect(cx, connection),
        #[cfg(feature = "mysql")]
        DbKind::Mysql => mysql::connect(cx, connection),
    }
}

/// # Errors
/// ValueError unless a statement gets as many parameters as it has.
pub(super) fn check_count(cx: &Cx<'_>, expected: usize, given: usize) -> Result<()> {
    if given == expected {
        return Ok(());
    }
    let what = format!("the statement has {expected} parameters, got {given}");
    Err(cx.failure(Kind::ValueError, what))
}

/// # Errors
/// DatabaseError for a statement that is only white space.
pub(super) fn check_statement(cx: &Cx<'_>, sql: &str) -> Result<()> {
    if sql.trim().is_empty() {
        return Err(cx.failure(Kind::DatabaseError, "the statement is empty"));
    }
    Ok(())
}

/// The error of a value that no database takes.
#[cold]
pub(super) fn unsuitable(cx: &Cx<'_>, value: &Value) -> Error {
    cx.failure(Kind::TypeError, format!("cannot pass {} as parameter", type_name(value)))
}

fn db_connect(cx: &mut Cx<'_>, kind: &str, connection: &str) -> Result<New<Database>> {
    let kind = kind_of(cx, kind)?;
    Ok(New(Database::new(connect(cx, kind, connection)?, None)))
}

fn values(params: Option<&Array>) -> Vec<Value> {
    params.into_iter().flat_map(Array::iter).collect()
}

fn db_execute(
    cx: &mut Cx<'_>,
    db: Res<'_, Database>,
    sql: &str,
    params: Option<&Array>,
) -> Result<i64> {
    check_statement(cx, sql)?;
    db.with(cx, |cx, connection| connection.execute(cx, sql, &values(params)))
}

fn db_execute_script(cx: &mut Cx<'_>, db: Res<'_, Database>, sql: &str) -> Result<()> {
    db.with(cx, |cx, connection| connection.script(cx, sql))
}

fn db_query(
    cx: &mut Cx<'_>,
    db: Res<'_, Database>,
    sql: &str,
    params: Option<&Array>,
) -> Result<Vec<Value>> {
    check_statement(cx, sql)?;
    db.with(cx, |cx, connection| connection.query(cx, sql, &values(params), usize::MAX))
}

fn db_query_one(
    cx: &mut Cx<'_>,
    db: Res<'_, Database>,
    sql: &str,
    params: Option<&Array>,
) -> Result<Value> {
    check_statement(cx, sql)?;
    db.with(cx, |cx, connection| {
        let mut found = connection.query(cx, sql, &values(params), 1)?;
        Ok(found.pop().unwrap_or_default())
    })
}

fn begin(cx: &mut Cx<'_>, db: &Database) -> Result<()> {
    db.with(cx, |cx, connection| {
        if connection.is_in_transaction() {
            let what = "transaction already in progress";
            return Err(cx.failure(Kind::DatabaseError, what));
        }
        connection.script(cx, "BEGIN")
    })
}

fn end(cx: &mut Cx<'_>, db: &Database, sql: &str) -> Result<()> {
    db.with(cx, |cx, connection| {
        if !connection.is_in_transaction() {
            return Err(cx.failure(Kind::DatabaseError, "no transaction in progress"));
        }
        connection.script(cx, sql)
    })
}

fn db_begin(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    begin(cx, &db).map(|()| true)
}

fn db_commit(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    end(cx, &db, "COMMIT").map(|()| true)
}

fn db_rollback(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    end(cx, &db, "ROLLBACK").map(|()| true)
}

fn db_transaction(cx: &mut Cx<'_>, db: Res<'_, Database>, func: Func<'_>) -> Result<Value> {
    begin(cx, &db)?;
    let result = cx.call(func.0, [db.to_value()]);
    let is_open = db.lock().as_ref().is_some_and(|connection| connection.is_in_transaction());
    match result {
        Ok(value) => {
            // The function may have ended the transaction itself.
            if is_open {
                end(cx, &db, "COMMIT")?;
            }
            Ok(value)
        }
        Err(error) => {
            if is_open {
                // The error of the function matters more.
                let _ = end(cx, &db, "ROLLBACK");
            }
            Err(error)
        }
    }
}

fn db_last_insert_id(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<i64> {
    db.with(cx, |cx, connection| connection.last_insert_id(cx))
}

fn db_close(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    if !db.is_open() {
        return Err(closed(cx));
    }
    db.release();
    drop(db.take());
    if let Some(pool) = &db.pool {
        pool.lost();
    }
    Ok(true)
}
