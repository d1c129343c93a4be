//! Bodies as Go's decoder reads them: the first value counts and what follows is ignored, names
//! match in any letter case, unknown members are ignored, `null` is as good as absent.

use serde_json::{Map, Value};

use super::error::ApiError;

/// The first JSON value of a body, as an object.
pub(crate) fn envelope(body: &[u8], kind: &'static str) -> Result<Members, ApiError> {
    let text = String::from_utf8_lossy(body);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let value = match values.next() {
        None => return Err(ApiError::bad("EOF")),
        Some(Ok(value)) => value,
        Some(Err(error)) if error.is_eof() => return Err(ApiError::bad("unexpected EOF")),
        Some(Err(_)) => return Err(ApiError::bad("invalid character in the request's JSON")),
    };
    match value {
        Value::Object(members) => Ok(Members(members)),
        Value::Null => Ok(Members(Map::new())),
        other => Err(ApiError::bad(format!(
            "json: cannot unmarshal {} into Go value of type v1.{kind}",
            name(&other)
        ))),
    }
}

/// The members of an object.
pub(crate) struct Members(Map<String, Value>);

impl Members {
    /// A member; none if `null`.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        let key = if self.0.contains_key(name) {
            name.to_owned()
        } else {
            self.0
                .keys()
                .find(|key| key.eq_ignore_ascii_case(name))?
                .clone()
        };
        self.0.remove(&key).filter(|value| !value.is_null())
    }

    /// A text; empty if absent. `place` is the Go field, for the message.
    pub(crate) fn text(&mut self, name: &str, place: &Place<'_>) -> Result<String, ApiError> {
        match self.take(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(place.wrong(name, &other, "string")),
        }
    }

    /// An object; none if absent.
    pub(crate) fn object(
        &mut self,
        name: &str,
        place: &Place<'_>,
        kind: &str,
    ) -> Result<Option<Self>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self(members))),
            Some(other) => Err(place.wrong(name, &other, kind)),
        }
    }

    /// A list of objects; empty if absent.
    pub(crate) fn objects(
        &mut self,
        name: &str,
        place: &Place<'_>,
        kind: &str,
    ) -> Result<Vec<Self>, ApiError> {
        let items = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(place.wrong(name, &other, &format!("[]{kind}"))),
        };
        items
            .into_iter()
            .map(|item| match item {
                Value::Object(members) => Ok(Self(members)),
                Value::Null => Ok(Self(Map::new())),
                other => Err(place.wrong(name, &other, kind)),
            })
            .collect()
    }

    /// The names and texts of an object, sorted by name.
    pub(crate) fn texts(
        &mut self,
        name: &str,
        place: &Place<'_>,
    ) -> Result<Vec<(String, String)>, ApiError> {
        let members = self.object(name, place, "map[string]string")?;
        let mut texts = Vec::new();
        for (key, value) in members.map(|members| members.0).unwrap_or_default() {
            match value {
                Value::String(text) => texts.push((key, text)),
                Value::Null => texts.push((key, String::new())),
                other => return Err(place.wrong(name, &other, "string")),
            }
        }
        texts.sort();
        Ok(texts)
    }
}

/// Where in Go's structures a member is: `Layer` and `Layer.`.
pub(crate) struct Place<'a> {
    pub(crate) structure: &'a str,
    pub(crate) path: &'a str,
}

impl Place<'_> {
    fn wrong(&self, field: &str, value: &Value, expected: &str) -> ApiError {
        ApiError::bad(format!(
            "json: cannot unmarshal {} into Go struct field {}.{}{field} of type {expected}",
            name(value),
            self.structure,
            self.path
        ))
    }
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Members {
    /// The object itself.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}
