//! Log lines as Clair 2.x writes them: one JSON object a line on standard output, keys sorted:
//! the fields, `Event`, `Level`, `Location`, `Time`.
//!
//! Times are UTC. Nothing here knows which fields are secret: callers give none.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use pellucid_model::with_causes;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Writes events to standard output.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = line(event, jiff::Timestamp::now());
        // A log that cannot be written cannot be told either.
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

fn line(event: &Event<'_>, now: jiff::Timestamp) -> Vec<u8> {
    let meta = event.metadata();
    let mut fields = Fields::default();
    event.record(&mut fields);
    let mut fields = fields.0;
    if let Some(message) = fields.remove("message") {
        fields.insert("Event".to_owned(), message);
    }
    let level = match *meta.level() {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG | Level::TRACE => "debug",
    };
    let file = meta.file().unwrap_or_default();
    let file = file.rsplit('/').next().unwrap_or(file);
    let location = format!("{file}:{}", meta.line().unwrap_or_default());
    let time = now.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    fields.insert("Level".to_owned(), level.into());
    fields.insert("Location".to_owned(), location.into());
    fields.insert("Time".to_owned(), time.into());
    let mut line = serde_json::to_vec(&fields).unwrap_or_default();
    line.push(b'\n');
    line
}

#[derive(Default)]
struct Fields(BTreeMap<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, with_causes(value).into());
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().replace('_', " "), value);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The lines of the log that were not looked at yet.
    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<String>>>);

    impl Kept {
        pub(crate) fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let line = line(event, jiff::Timestamp::UNIX_EPOCH);
            self.0
                .lock()
                .unwrap()
                .push(String::from_utf8(line).unwrap());
        }
    }

    #[test]
    fn a_line_has_clairs_keys_in_order() {
        let lines = Kept::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(
                remote_addr = "x\"y",
                status = 404_u16,
                "Handled HTTP request"
            );
        });
        let line = lines.take().remove(0);
        let place = line.find("\"Location\"").unwrap();
        assert!(line.starts_with(
            r#"{"Event":"Handled HTTP request","Level":"warning","Location":"log.rs:"#
        ));
        assert!(line.get(place..).unwrap().ends_with(
            "\"Time\":\"1970-01-01 00:00:00.000000\",\"remote addr\":\"x\\\"y\",\"status\":404}\n"
        ));
    }
}
