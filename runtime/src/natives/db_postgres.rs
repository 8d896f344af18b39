//! PostgreSQL.
//!
//! Parameters go to the server as text, which it converts to the type of the parameter. Columns
//! come in the server's binary form; those of types that no value of ours stands for are sent
//! back to be turned into text, many at a time.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::private::BytesMut;
use postgres::types::{Format, FromSql, IsNull, Kind as TypeKind, ToSql, Type, to_sql_checked};
use postgres::{Client, Column, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Cx;
use super::database::{Connection, Driver, check_count, unsuitable};
use super::db_rows::Rows;
use super::db_transactions::{is_open_after, only_reads};
use super::db_watch::{Running, Watch};
use super::json_write;
use super::library_args::bytes_value;
use crate::error::{Error, Kind, Result};
use crate::semantics::arith::check_growth;
use crate::value::{Value, View};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Values that are turned into text by one query.
const BATCH: usize = 200;

struct Postgres {
    client: Client,
    watch: Watch,
    is_in_transaction: bool,
}

/// Connects to a server.
pub(super) fn connect(cx: &mut Cx<'_>, text: &str) -> Result<Connection> {
    let mut config: Config = text.parse().map_err(|error: postgres::Error| {
        let what = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        cx.bad_value("connection", &format!("a connection to PostgreSQL ({what})"), "this text")
    })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_LIMIT);
    }
    let client = match config.get_ssl_mode() {
        SslMode::Disable => config.connect(NoTls),
        // Servers often have certificates that nobody can check; only `require` insists.
        SslMode::Prefer => config.connect(tls()?).or_else(|error| {
            if error.as_db_error().is_some() {
                return Err(error);
            }
            config.ssl_mode(SslMode::Disable).connect(NoTls)
        }),
        _ => config.connect(tls()?),
    };
    let client = client.map_err(|error| failed(cx, &error))?;
    let token = client.cancel_token();
    let cancel = move || {
        let over_tls = tls().is_ok_and(|tls| token.cancel_query(tls).is_ok());
        if !over_tls {
            // A server that cannot be asked finishes its statement.
            let _ = token.cancel_query(NoTls);
        }
    };
    let watch = Watch::new(cx.host.isolate().interrupt.clone(), cancel);
    Ok(Box::new(Postgres { client, watch, is_in_transaction: false }))
}

/// TLS with the certificates of public authorities.
fn tls() -> Result<MakeRustlsConnect> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Kind::DatabaseError, error.to_string()))?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// What the server or the driver said.
#[cold]
fn failed(cx: &Cx<'_>, error: &postgres::Error) -> Error {
    match error.as_db_error() {
        Some(said) if *said.code() == SqlState::NUMERIC_VALUE_OUT_OF_RANGE => {
            cx.failure(Kind::ValueError, said.message())
        }
        Some(said) => cx.failure(Kind::DatabaseError, said.message()),
        None => match error.source() {
            Some(source) => cx.failure(Kind::DatabaseError, format!("{error}: {source}")),
            None => cx.failure(Kind::DatabaseError, error),
        },
    }
}

/// A parameter in the form in which it is sent.
#[derive(Debug)]
enum Sent {
    Null,
    Text(String),
    Binary(Vec<u8>),
}

impl ToSql for Sent {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Sent::Null => return Ok(IsNull::Yes),
            Sent::Text(text) => out.extend_from_slice(text.as_bytes()),
            Sent::Binary(data) => out.extend_from_slice(data),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        match self {
            Sent::Text(_) => Format::Text,
            Sent::Null | Sent::Binary(_) => Format::Binary,
        }
    }

    to_sql_checked!();
}

/// A column as it came.
struct Came<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Came<'a> {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Came<'a>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Came(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn to_sql(cx: &Cx<'_>, i: usize, value: &Value, ty: &Type) -> Result<Sent> {
    Ok(match value.view() {
        View::Null | View::None => Sent::Null,
        View::Bool(v) => Sent::Text(v.to_string()),
        View::Int(v) => {
            let fits = match *ty {
                Type::INT2 => i16::try_from(v).is_ok(),
                Type::INT4 => i32::try_from(v).is_ok(),
                Type::OID => u32::try_from(v).is_ok(),
                _ => true,
            };
            if !fits {
                let condition = format!("in the range of {}", ty.name());
                return Err(cx.bad_value(&format!("params[{i}]"), &condition, v));
            }
            Sent::Text(v.to_string())
        }
        View::Float(v) => Sent::Text(v.to_string()),
        View::Str(text) => Sent::Text(text.as_str().to_owned()),
        View::Bytes(data) if *ty == Type::BYTEA => Sent::Binary(data.0.to_vec()),
        View::Bytes(_) => {
            let condition = format!("a value of {}", ty.name());
            return Err(cx.bad_value(&format!("params[{i}]"), &condition, value.clone()));
        }
        View::Array(_) | View::Dict(_) => Sent::Text(json_write::write(cx, value, false)?),
        _ => return Err(unsuitable(cx, value)),
    })
}

/// The value of a column; `None` for types that the server must turn into text.
fn from_sql(ty: &Type, raw: &[u8]) -> Option<Value> {
    let text = |raw: &[u8]| Value::from(String::from_utf8_lossy(raw).into_owned());
    Some(match *ty {
        Type::BOOL => Value::bool(raw.first().is_some_and(|byte| *byte != 0)),
        Type::INT2 => Value::int(i64::from(i16::from_be_bytes(raw.try_into().ok()?))),
        Type::INT4 => Value::int(i64::from(i32::from_be_bytes(raw.try_into().ok()?))),
        Type::INT8 => Value::int(i64::from_be_bytes(raw.try_into().ok()?)),
        Type::OID => Value::int(i64::from(u32::from_be_bytes(raw.try_into().ok()?))),
        Type::FLOAT4 => Value::float(f64::from(f32::from_be_bytes(raw.try_into().ok()?))),
        Type::FLOAT8 => Value::float(f64::from_be_bytes(raw.try_into().ok()?)),
        Type::BYTEA => bytes_value(raw.to_vec()),
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::UNKNOWN
        | Type::JSON
        | Type::XML
        | Type::VOID => text(raw),
        Type::JSONB => text(raw.get(1..)?),
        _ if matches!(ty.kind(), TypeKind::Enum(_)) => text(raw),
        _ => return None,
    })
}

impl Postgres {
    fn prepare(
        &mut self,
        cx: &Cx<'_>,
        sql: &str,
        params: &[Value],
    ) -> Result<(Statement, Vec<Sent>)> {
        let statement = self.client.prepare(sql).map_err(|e| failed(cx, &e))?;
        check_count(cx, statement.params().len(), params.len())?;
        let with_types = params.iter().zip(statement.params()).enumerate();
        let sent = with_types.map(|(i, (value, ty))| to_sql(cx, i, value, ty));
        let sent = sent.collect::<Result<Vec<_>>>()?;
        Ok((statement, sent))
    }

    /// Turns values of a type into text as the server writes it.
    fn texts(&mut self, cx: &Cx<'_>, ty: &Type, raw: Vec<Vec<u8>>) -> Result<Vec<Value>> {
        let mut found = Vec::with_capacity(raw.len());
        let mut raw = raw.into_iter();
        loop {
            let batch: Vec<Sent> = raw.by_ref().take(BATCH).map(Sent::Binary).collect();
            if batch.is_empty() {
                return Ok(found);
            }
            let columns: Vec<_> = (1..=batch.len()).map(|i| format!("${i}::text")).collect();
            let sql = format!("SELECT {}", columns.join(", "));
            let types = vec![ty.clone(); batch.len()];
            let statement = self.client.prepare_typed(&sql, &types).map_err(|e| failed(cx, &e))?;
            let params: Vec<&(dyn ToSql + Sync)> = batch.iter().map(|sent| sent as _).collect();
            let row = self.client.query_one(&statement, &params).map_err(|e| failed(cx, &e))?;
            for i in 0..batch.len() {
                let text: Came<'_> = row.try_get(i).map_err(|e| failed(cx, &e))?;
                check_growth()?;
                found.push(Value::from(String::from_utf8_lossy(text.0).into_owned()));
            }
        }
    }

    /// At most `max` rows of a result.
    fn rows(
        &mut self,
        cx: &Cx<'_>,
        statement: &Statement,
        sent: Vec<Sent>,
        max: usize,
    ) -> Result<Vec<Value>> {
        let columns = statement.columns();
        let mut found = Rows::new(columns.iter().map(Column::name), max);
        // By column: values that must become text, and their places.
        let mut waiting: Vec<(Vec<usize>, Vec<Vec<u8>>)> = vec![Default::default(); columns.len()];
        let mut rows = self.client.query_raw(statement, sent).map_err(|e| failed(cx, &e))?;
        while let Some(row) = rows.next().map_err(|e| failed(cx, &e))? {
            if found.is_full() {
                continue;
            }
            found.came(row.raw_size_bytes())?;
            for (at, column) in columns.iter().enumerate() {
                let came: Option<Came<'_>> = row.try_get(at).map_err(|e| failed(cx, &e))?;
                let known = came
                    .as_ref()
                    .map_or(Some(Value::NULL), |came| from_sql(column.type_(), came.0));
                let is_known = known.is_some();
                let place = found.push(known.unwrap_or_default())?;
                if let Some(Came(data)) = came.filter(|_| !is_known) {
                    waiting[at].0.push(place);
                    waiting[at].1.push(data.to_vec());
                }
            }
            found.end_row();
        }
        drop(rows);
        for (column, (places, raw)) in columns.iter().zip(waiting) {
            for (place, text) in places.into_iter().zip(self.texts(cx, column.type_(), raw)?) {
                found.set(place, text);
            }
        }
        found.finish()
    }
}

impl Driver for Postgres {
    fn execute(&mut self, cx: &Cx<'_>, sql: &str, params: &[Value]) -> Result<i64> {
        let (statement, sent) = self.prepare(cx, sql, params)?;
        let params: Vec<&(dyn ToSql + Sync)> = sent.iter().map(|sent| sent as _).collect();
        let changed = self.client.execute(&statement, &params).map_err(|e| failed(cx, &e))?;
        self.is_in_transaction = is_open_after(sql, self.is_in_transaction);
        Ok(if only_reads(sql) { 0 } else { changed as i64 })
    }

    fn query(
        &mut self,
        cx: &Cx<'_>,
        sql: &str,
        params: &[Value],
        max: usize,
    ) -> Result<Vec<Value>> {
        let (statement, sent) = self.prepare(cx, sql, params)?;
        let found = self.rows(cx, &statement, sent, max)?;
        self.is_in_transaction = is_open_after(sql, self.is_in_transaction);
        Ok(found)
    }

    fn script(&mut self, cx: &Cx<'_>, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(|e| failed(cx, &e))?;
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
        let row = self.client.query_one("SELECT lastval()", &[]).map_err(|e| failed(cx, &e))?;
        row.try_get(0).map_err(|e| failed(cx, &e))
    }

    fn clean(&mut self) -> bool {
        self.is_in_transaction = false;
        // Without a transaction this is only worth a warning to the server.
        !self.client.is_closed() && self.client.batch_execute("ROLLBACK").is_ok()
    }
}
