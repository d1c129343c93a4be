//! Recorded requests and responses in a folder, one folder a pair.
//!
//! `NNN-name/request.json` says what was asked, `response.status`, `response.headers` and
//! `response.json` or `response.body` what was answered. Nothing in them is normalised; what may
//! differ between two runs is declared in the request. A recorded body that was compressed is kept
//! inflated. Pairs depend on all those before them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

/// Where requests and responses name the recording's own folder.
pub(crate) const FOLDER: &str = "@GOLDEN@";
/// Where the recording's layer server was.
pub(crate) const LAYER_SERVER: &str = "127.0.0.1:18099";

/// All pairs of a folder, in their order.
#[derive(Debug)]
pub struct Transcript {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// Its pairs by number.
    pub pairs: Vec<Pair>,
}

/// One request and what it was answered with.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The pair's folder: number, dash, words.
    pub name: String,
    /// The number.
    pub number: u32,
    /// The verb.
    pub method: String,
    /// The request target as it was sent, escapes and all.
    pub path: String,
    /// Asked of the health server, not of the API.
    pub to_health: bool,
    /// Headers that were sent beside those about the host and the length.
    pub headers: Vec<(String, String)>,
    /// The body that was sent.
    pub body: Option<Vec<u8>>,
    /// What may differ between runs, in words.
    pub volatile: Vec<String>,
    /// Why the pair was recorded.
    pub note: String,
    /// What was answered.
    pub response: Recorded,
}

/// A recorded response.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: Vec<(String, String)>,
    /// The body, inflated.
    pub body: Vec<u8>,
    /// The body is JSON.
    pub is_json: bool,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    port: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    volatile: Vec<String>,
    #[serde(default)]
    note: String,
    body: Option<Box<RawValue>>,
    raw_body: Option<String>,
    raw_body_file: Option<PathBuf>,
}

impl Transcript {
    /// Reads a folder of pairs.
    ///
    /// # Errors
    /// Which file is missing or makes no sense.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        let folder = fs::canonicalize(folder).map_err(told)?;
        let mut pairs = Vec::new();
        for entry in fs::read_dir(&folder).map_err(told)? {
            let entry = entry.map_err(told)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name
                .split_once('-')
                .and_then(|(number, _)| number.parse().ok());
            if let Some(number) = number {
                pairs.push(pair(&entry.path(), name, number)?);
            }
        }
        if pairs.is_empty() {
            return Err(format!("{}: no pairs", folder.display()));
        }
        pairs.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
        Ok(Self { folder, pairs })
    }
}

fn pair(folder: &Path, name: String, number: u32) -> Result<Pair, String> {
    let read = |file: &str| -> Result<Vec<u8>, String> {
        fs::read(folder.join(file)).map_err(|error| format!("{name}/{file}: {error}"))
    };
    let request: Request = serde_json::from_slice(&read("request.json")?)
        .map_err(|error| format!("{name}/request.json: {error}"))?;
    let body = match (request.body, request.raw_body, request.raw_body_file) {
        (Some(json), ..) => Some(compact(json.get()).into_bytes()),
        (_, Some(text), _) => Some(text.into_bytes()),
        (.., Some(file)) => Some(
            fs::read(folder.join(&file))
                .map_err(|error| format!("{name}/{}: {error}", file.display()))?,
        ),
        _ => None,
    };
    let status = String::from_utf8_lossy(&read("response.status")?)
        .trim()
        .parse();
    let status = status.map_err(|_| format!("{name}/response.status: no number"))?;
    let headers = String::from_utf8_lossy(&read("response.headers")?)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(header, value)| (header.to_owned(), value.trim().to_owned()))
        .collect();
    let is_json = folder.join("response.json").exists();
    let response = Recorded {
        status,
        headers,
        body: read(if is_json {
            "response.json"
        } else {
            "response.body"
        })?,
        is_json,
    };
    Ok(Pair {
        number,
        method: request.method,
        path: request.path,
        to_health: request.port == "health",
        headers: request.headers.into_iter().collect(),
        body,
        volatile: request.volatile,
        note: request.note,
        response,
        name,
    })
}

/// JSON without the white space between its tokens; numbers and strings stay as written.
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for letter in json.chars() {
        if in_string {
            compact.push(letter);
            in_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
        } else if !letter.is_ascii_whitespace() {
            compact.push(letter);
            in_string = letter == '"';
        }
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn only_space_between_tokens_goes() {
        let json = "{\n \"a \\\" b\": [1, 2.50,\t\"\\\\\" ] }";
        assert_eq!(compact(json), r#"{"a \" b":[1,2.50,"\\"]}"#);
    }
}
