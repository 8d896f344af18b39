//! MySQL and MariaDB.

use std::time::Duration;

use mysql::consts::ColumnType;
use mysql::prelude::{Protocol, Queryable};
use mysql::{Column, Conn, Opts, OptsBuilder, Params, QueryResult, Value as Sql};

use super::Cx;
use super::database::{Connection, Driver, check_count, unsuitable};
use super::db_rows::Rows;
use super::db_transactions::{is_open_after, only_reads};
use super::db_watch::{Running, Watch};
use super::json_write;
use super::library_args::bytes_value;
use crate::error::{Error, Kind, Result};
use crate::value::{Value, View};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The character set of columns that hold no text.
const BINARY: u16 = 63;
/// The server cannot prepare this statement.
const CANNOT_PREPARE: u16 = 1295;
/// A number does not fit the type of its column.
const OUT_OF_RANGE: u16 = 1264;

struct Mysql {
    conn: Conn,
    watch: Watch,
    is_in_transaction: bool,
}

/// Connects to a server.
pub(super) fn connect(cx: &mut Cx<'_>, url: &str) -> Result<Connection> {
    let opts = Opts::from_url(url).map_err(|error| {
        let condition = format!("a mysql:// URL ({error})");
        cx.bad_value("connection", &condition, "this text")
    })?;
    let limit = opts.get_tcp_connect_timeout().unwrap_or(CONNECT_LIMIT);
    let opts = OptsBuilder::from_opts(opts).tcp_connect_timeout(Some(limit));
    let conn = Conn::new(opts.clone()).map_err(|error| failed(cx, &error))?;
    let kill = format!("KILL QUERY {}", conn.connection_id());
    let cancel = move || {
        // A server that cannot be asked finishes its statement.
        let _ = Conn::new(opts.clone()).and_then(|mut other| other.query_drop(&kill));
    };
    let watch = Watch::new(cx.host.isolate().interrupt.clone(), cancel);
    Ok(Box::new(Mysql { conn, watch, is_in_transaction: false }))
}

/// What the server or the driver said.
#[cold]
fn failed(cx: &Cx<'_>, error: &mysql::Error) -> Error {
    match error {
        mysql::Error::MySqlError(said) if said.code == OUT_OF_RANGE => {
            cx.failure(Kind::ValueError, &said.message)
        }
        mysql::Error::MySqlError(said) => cx.failure(Kind::DatabaseError, &said.message),
        other => cx.failure(Kind::DatabaseError, other),
    }
}

fn to_sql(cx: &Cx<'_>, i: usize, value: &Value) -> Result<Sql> {
    Ok(match value.view() {
        View::Null | View::None => Sql::NULL,
        View::Bool(v) => Sql::Int(i64::from(v)),
        View::Int(v) => Sql::Int(v),
        View::Float(v) if !v.is_finite() => {
            return Err(cx.bad_value(&format!("params[{i}]"), "a finite number", v));
        }
        View::Float(v) => Sql::Double(v),
        View::Str(text) => Sql::Bytes(text.as_str().as_bytes().to_vec()),
        View::Bytes(data) => Sql::Bytes(data.0.to_vec()),
        View::Array(_) | View::Dict(_) => {
            Sql::Bytes(json_write::write(cx, value, false)?.into_bytes())
        }
        _ => return Err(unsuitable(cx, value)),
    })
}

/// The value of a column that came as bytes.
fn from_bytes(data: Vec<u8>, column: &Column) -> Value {
    use ColumnType::{
        MYSQL_TYPE_BIT, MYSQL_TYPE_BLOB, MYSQL_TYPE_DOUBLE, MYSQL_TYPE_FLOAT, MYSQL_TYPE_GEOMETRY,
        MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_LONGLONG,
        MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_SHORT, MYSQL_TYPE_STRING, MYSQL_TYPE_TINY,
        MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_VARCHAR, MYSQL_TYPE_YEAR,
    };
    let ty = column.column_type();
    let is_binary = match ty {
        MYSQL_TYPE_BIT | MYSQL_TYPE_GEOMETRY => true,
        MYSQL_TYPE_BLOB
        | MYSQL_TYPE_LONG_BLOB
        | MYSQL_TYPE_MEDIUM_BLOB
        | MYSQL_TYPE_TINY_BLOB
        | MYSQL_TYPE_STRING
        | MYSQL_TYPE_VAR_STRING
        | MYSQL_TYPE_VARCHAR => column.character_set() == BINARY,
        _ => false,
    };
    if is_binary {
        return bytes_value(data);
    }
    let text = String::from_utf8_lossy(&data);
    // Statements that cannot be prepared send numbers as text.
    let number = match ty {
        MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_INT24 | MYSQL_TYPE_LONG
        | MYSQL_TYPE_LONGLONG | MYSQL_TYPE_YEAR => text.parse().ok().map(Value::int),
        MYSQL_TYPE_FLOAT | MYSQL_TYPE_DOUBLE => text.parse().ok().map(Value::float),
        _ => None,
    };
    number.unwrap_or_else(|| Value::str(&text))
}

fn from_sql(value: Sql, column: &Column) -> Value {
    let fraction = |micros: u32| if micros > 0 { format!(".{micros:06}") } else { String::new() };
    match value {
        Sql::NULL => Value::NULL,
        Sql::Bytes(data) => from_bytes(data, column),
        Sql::Int(v) => Value::int(v),
        Sql::UInt(v) => match i64::try_from(v) {
            Ok(v) => Value::int(v),
            Err(_) => Value::from(v.to_string()),
        },
        Sql::Float(v) => Value::float(f64::from(v)),
        Sql::Double(v) => Value::float(v),
        Sql::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let is_date = column.column_type() == ColumnType::MYSQL_TYPE_DATE;
            let fraction = fraction(micros);
            Value::from(if is_date {
                date
            } else {
                format!("{date} {hour:02}:{minute:02}:{second:02}{fraction}")
            })
        }
        Sql::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if is_negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            let fraction = fraction(micros);
            Value::from(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}"))
        }
    }
}

/// At most `max` rows of a result.
fn rows<P: Protocol>(
    cx: &Cx<'_>,
    mut result: QueryResult<'_, '_, '_, P>,
    max: usize,
) -> Result<Vec<Value>> {
    let columns: Vec<Column> = result.columns().as_ref().to_vec();
    let mut found = Rows::new(columns.iter().map(Column::name_str), max);
    for row in result.by_ref() {
        let row = row.map_err(|e| failed(cx, &e))?;
        if found.is_full() {
            continue;
        }
        for (value, column) in row.unwrap().into_iter().zip(&columns) {
            if let Sql::Bytes(data) = &value {
                found.came(data.len())?;
            }
            found.push(from_sql(value, column))?;
        }
        found.end_row();
    }
    found.finish()
}

impl Mysql {
    fn run(&mut self, cx: &Cx<'_>, sql: &str, params: &[Value], max: usize) -> Result<Vec<Value>> {
        let found = match self.conn.prep(sql) {
            Ok(statement) => {
                check_count(cx, usize::from(statement.num_params()), params.len())?;
                let values = params.iter().enumerate().map(|(i, value)| to_sql(cx, i, value));
                let values = values.collect::<Result<Vec<_>>>()?;
                let params =
                    if values.is_empty() { Params::Empty } else { Params::Positional(values) };
                let result = self.conn.exec_iter(&statement, params);
                rows(cx, result.map_err(|e| failed(cx, &e))?, max)?
            }
            Err(mysql::Error::MySqlError(said)) if said.code == CANNOT_PREPARE => {
                check_count(cx, 0, params.len())?;
                rows(cx, self.conn.query_iter(sql).map_err(|e| failed(cx, &e))?, max)?
            }
            Err(error) => return Err(failed(cx, &error)),
        };
        self.is_in_transaction = is_open_after(sql, self.is_in_transaction);
        Ok(found)
    }
}

impl Driver for Mysql {
    fn execute(&mut self, cx: &Cx<'_>, sql: &str, params: &[Value]) -> Result<i64> {
        self.run(cx, sql, params, 0)?;
        Ok(if only_reads(sql) { 0 } else { self.conn.affected_rows() as i64 })
    }

    fn query(
        &mut self,
        cx: &Cx<'_>,
        sql: &str,
        params: &[Value],
        max: usize,
    ) -> Result<Vec<Value>> {
        self.run(cx, sql, params, max)
    }

    fn script(&mut self, cx: &Cx<'_>, sql: &str) -> Result<()> {
        self.conn.query_drop(sql).map_err(|e| failed(cx, &e))?;
        self.is_in_transaction = is_open_after(sql, self.is_in_transaction);
        Ok(())
    }

    fn is_in_transaction(&self) -> bool {
        self.is_in_transaction
    }

    fn watched(&self) -> Option<Running> {
        Some(self.watch.start())
    }

    fn last_insert_id(&mut self, cx: &Cx<'_>) -> Result<i64> {
        let found = self.conn.query_first("SELECT LAST_INSERT_ID()");
        let id: Option<u64> = found.map_err(|e| failed(cx, &e))?;
        Ok(id.and_then(|id| i64::try_from(id).ok()).unwrap_or(0))
    }

    fn clean(&mut self) -> bool {
        self.is_in_transaction = false;
        self.conn.query_drop("ROLLBACK").is_ok()
    }
}
