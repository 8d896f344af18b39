//! The result of a query, for all kinds of databases: rows as they come, at most as many as are
//! asked for, as far as memory lasts.
//!
//! Values stay in one table until the last row has come; then each row becomes a dict.

use super::library_args::dict_value;
use crate::error::Result;
use crate::heap::LARGE;
use crate::objects::dict::Dict;
use crate::semantics::arith::{check_array_len, check_growth, check_memory};
use crate::value::Value;

pub(super) struct Rows {
    names: Vec<Value>,
    /// Those of all rows, one after the other.
    values: Vec<Value>,
    n_rows: usize,
    max: usize,
    /// Bytes since memory was last looked at.
    n_bytes: usize,
}

impl Rows {
    /// At most `max` rows with columns of these names.
    pub(super) fn new<S: AsRef<str>>(names: impl Iterator<Item = S>, max: usize) -> Rows {
        let names = names.map(|name| Value::str(name.as_ref())).collect();
        Rows { names, values: Vec::new(), n_rows: 0, max, n_bytes: 0 }
    }

    /// Whether further rows are not wanted.
    pub(super) fn is_full(&self) -> bool {
        self.n_rows == self.max
    }

    /// The bytes of something have come, and a value is made of them.
    ///
    /// # Errors
    /// MemoryError.
    pub(super) fn came(&mut self, n_bytes: usize) -> Result<()> {
        self.n_bytes += n_bytes;
        if self.n_bytes >= LARGE {
            check_memory(self.n_bytes)?;
            self.n_bytes = 0;
        }
        check_growth()
    }

    /// The next value of the row; its place.
    ///
    /// # Errors
    /// MemoryError.
    pub(super) fn push(&mut self, value: Value) -> Result<usize> {
        self.values.push(value);
        check_array_len(self.values.len())?;
        Ok(self.values.len() - 1)
    }

    /// Puts another value into a place.
    #[cfg(feature = "postgres")]
    pub(super) fn set(&mut self, place: usize, value: Value) {
        self.values[place] = value;
    }

    /// All values of a row have been pushed.
    pub(super) fn end_row(&mut self) {
        self.n_rows += 1;
    }

    /// A dict for each row.
    ///
    /// # Errors
    /// MemoryError.
    pub(super) fn finish(self) -> Result<Vec<Value>> {
        let mut found = Vec::with_capacity(self.n_rows);
        let mut values = self.values.into_iter();
        for _ in 0..self.n_rows {
            check_growth()?;
            let mut dict = Dict::with_capacity(self.names.len());
            for (name, value) in self.names.iter().zip(&mut values) {
                dict.insert(name.clone(), value);
            }
            found.push(dict_value(dict));
        }
        Ok(found)
    }
}
