//! SQLite, which is part of the program.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Statement};

use super::Cx;
use super::access::Guard;
use super::database::{self, Driver, check_count, failed, unsuitable};
use super::db_rows::Rows;
use super::json_write;
use super::library_args::bytes_value;
use crate::error::{Kind, Result};
use crate::permissions::Class;
use crate::value::{Value, View};

/// Virtual machine instructions of SQLite between two looks at the interruption flag.
const STEPS: i32 = 10_000;

/// Opens a file.
pub(super) fn connect(cx: &mut Cx<'_>, path: &str) -> Result<database::Connection> {
    let guard = cx.guard();
    if !guard.allows_database(path) {
        return Err(guard.denied(Class::Db));
    }
    let at_path =
        |error: &rusqlite::Error| cx.failure(Kind::DatabaseError, format!("'{path}': {error}"));
    let mut connection = Connection::open(path).map_err(|e| at_path(&e))?;
    let interrupt = cx.host.isolate().interrupt.clone();
    let stops = move || interrupt.stop_was_requested();
    connection.progress_handler(STEPS, Some(stops)).map_err(|e| failed(cx, &e))?;
    if guard.permissions.names_paths() {
        confine(&mut connection, guard).map_err(|e| failed(cx, &e))?;
    }
    Ok(Box::new(connection))
}

/// Statements that open further files (ATTACH, VACUUM INTO) obey the rules about paths too.
fn confine(connection: &mut Connection, guard: Guard) -> rusqlite::Result<()> {
    let decide = move |context: AuthContext<'_>| match context.action {
        AuthAction::Attach { filename } if !guard.allows_database(filename) => Authorization::Deny,
        AuthAction::Unknown { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    connection.authorizer(Some(decide))
}

/// A value as parameter.
fn to_sql(cx: &Cx<'_>, i: usize, value: &Value) -> Result<Sql> {
    Ok(match value.view() {
        View::Null | View::None => Sql::Null,
        View::Bool(v) => Sql::Integer(i64::from(v)),
        View::Int(v) => Sql::Integer(v),
        View::Float(v) if v.is_nan() => {
            return Err(cx.bad_value(&format!("params[{i}]"), "a number", v));
        }
        View::Float(v) => Sql::Real(v),
        View::Str(text) => Sql::Text(text.as_str().to_owned()),
        View::Bytes(bytes) => Sql::Blob(bytes.0.to_vec()),
        View::Array(_) | View::Dict(_) => Sql::Text(json_write::write(cx, value, false)?),
        _ => return Err(unsuitable(cx, value)),
    })
}

fn from_sql(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::NULL,
        ValueRef::Integer(v) => Value::int(v),
        ValueRef::Real(v) => Value::float(v),
        ValueRef::Text(text) => Value::str(&String::from_utf8_lossy(text)),
        ValueRef::Blob(data) => bytes_value(data.to_vec()),
    }
}

/// A statement with its parameters.
fn prepare<'c>(
    cx: &Cx<'_>,
    connection: &'c Connection,
    sql: &str,
    params: &[Value],
) -> Result<Statement<'c>> {
    let mut statement = connection.prepare(sql).map_err(|e| failed(cx, &e))?;
    check_count(cx, statement.parameter_count(), params.len())?;
    for (i, value) in params.iter().enumerate() {
        let value = to_sql(cx, i, value)?;
        statement.raw_bind_parameter(i + 1, value).map_err(|e| failed(cx, &e))?;
    }
    Ok(statement)
}

/// At most `max` rows.
fn rows(cx: &Cx<'_>, statement: &mut Statement<'_>, max: usize) -> Result<Vec<Value>> {
    let mut found = Rows::new(statement.column_names(), max);
    let n_columns = statement.column_count();
    let mut rows = statement.raw_query();
    while !found.is_full() {
        let Some(row) = rows.next().map_err(|e| failed(cx, &e))? else { break };
        for i in 0..n_columns {
            let value = row.get_ref(i).map_err(|e| failed(cx, &e))?;
            if let ValueRef::Text(data) | ValueRef::Blob(data) = value {
                found.came(data.len())?;
            }
            found.push(from_sql(value))?;
        }
        found.end_row();
    }
    found.finish()
}

impl Driver for Connection {
    fn execute(&mut self, cx: &Cx<'_>, sql: &str, params: &[Value]) -> Result<i64> {
        let mut statement = prepare(cx, self, sql, params)?;
        let before = self.total_changes();
        let mut rows = statement.raw_query();
        while rows.next().map_err(|e| failed(cx, &e))?.is_some() {}
        // Definitions leave the count of the statement before them.
        let has_changed = self.total_changes() != before;
        Ok(if has_changed { self.changes() as i64 } else { 0 })
    }

    fn query(
        &mut self,
        cx: &Cx<'_>,
        sql: &str,
        params: &[Value],
        max: usize,
    ) -> Result<Vec<Value>> {
        rows(cx, &mut prepare(cx, self, sql, params)?, max)
    }

    fn script(&mut self, cx: &Cx<'_>, sql: &str) -> Result<()> {
        self.execute_batch(sql).map_err(|e| failed(cx, &e))
    }

    fn is_in_transaction(&self) -> bool {
        !self.is_autocommit()
    }

    fn last_insert_id(&mut self, _cx: &Cx<'_>) -> Result<i64> {
        Ok(self.last_insert_rowid())
    }

    fn clean(&mut self) -> bool {
        self.is_autocommit() || self.execute_batch("ROLLBACK").is_ok()
    }
}
