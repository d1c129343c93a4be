//! The values that go into statements and come out of rows, the same for both engines.

use crate::StoreError;
use crate::text::clean;

/// A parameter or a column: everything portable SQL needs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(clean(value).into_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        if value.contains('\0') {
            Self::from(value.as_str())
        } else {
            Self::Text(value)
        }
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer. Columns are taken out once.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    fn take(&mut self, column: usize) -> Result<Value, StoreError> {
        self.0
            .get_mut(column)
            .map(|value| std::mem::replace(value, Value::Null))
            .ok_or(StoreError::Damaged { what: "row" })
    }

    pub(crate) fn int(&mut self, column: usize) -> Result<i64, StoreError> {
        match self.take(column)? {
            Value::Int(value) => Ok(value),
            _ => Err(StoreError::Damaged { what: "number" }),
        }
    }

    pub(crate) fn opt_int(&mut self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.take(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(value)),
            _ => Err(StoreError::Damaged { what: "number" }),
        }
    }

    pub(crate) fn text(&mut self, column: usize) -> Result<String, StoreError> {
        match self.take(column)? {
            Value::Text(value) => Ok(value),
            _ => Err(StoreError::Damaged { what: "text" }),
        }
    }

    pub(crate) fn opt_text(&mut self, column: usize) -> Result<Option<String>, StoreError> {
        match self.take(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            _ => Err(StoreError::Damaged { what: "text" }),
        }
    }

    pub(crate) fn blob(&mut self, column: usize) -> Result<Vec<u8>, StoreError> {
        match self.take(column)? {
            Value::Blob(value) => Ok(value),
            _ => Err(StoreError::Damaged { what: "blob" }),
        }
    }
}

/// A list as one JSON parameter: `[[1],[2]]`, one array per item, read by `json_each` in the
/// statements.
pub(crate) fn list<T: serde::Serialize>(items: impl IntoIterator<Item = T>) -> Value {
    let rows: Vec<T> = items.into_iter().collect();
    // Tuples, numbers and text only: they have no way to fail.
    Value::Text(serde_json::to_string(&rows).unwrap_or_else(|_| "[]".to_owned()))
}
