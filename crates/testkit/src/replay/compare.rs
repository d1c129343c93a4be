//! What two answers to the same request differ in, after what a recording declares volatile.
//!
//! JSON is compared as values with the order of fields; lengths, dates and how a body was sent are
//! not compared. An internal number is compared by its rank among its neighbours.

use super::http::{self, Answer};
use super::json::Json;
use crate::golden::Pair;

/// Headers that clients may rely on.
const HEADERS: [&str; 5] = [
    "content-encoding",
    "content-type",
    "location",
    "server",
    "x-content-type-options",
];
/// Differences told of one pair.
const MOST: usize = 12;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `status`, `header NAME`, `body`, or the path of fields in the JSON, each list as `[N]`.
    pub place: String,
    /// What the recording has there.
    pub recorded: String,
    /// What was answered now.
    pub answered: String,
}

/// What of an answer is not compared, beside what the pair declares.
#[derive(Clone, Copy, Default)]
pub(crate) struct Leave {
    /// Whether a notification was delivered.
    pub(crate) notified: bool,
}

/// Compares an answer to what was recorded; `body` is the recorded one with places of today.
pub(crate) fn compare(pair: &Pair, body: &[u8], answer: &Answer, leave: Leave) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |place: String, recorded: &str, answered: &str| {
        if recorded != answered {
            found.push(Difference {
                place,
                recorded: recorded.to_owned(),
                answered: answered.to_owned(),
            });
        }
    };
    let statuses = (pair.response.status.to_string(), answer.status.to_string());
    differ("status".to_owned(), &statuses.0, &statuses.1);
    for name in HEADERS {
        differ(
            format!("header {name}"),
            http::header(&pair.response.headers, name).unwrap_or("absent"),
            answer.header(name).unwrap_or("absent"),
        );
    }
    let (recorded, answered) = (
        String::from_utf8_lossy(body),
        String::from_utf8_lossy(&answer.body),
    );
    if pair
        .volatile
        .iter()
        .any(|words| words == "all sample values")
    {
        for family in families(&recorded) {
            if !families(&answered).any(|line| line == family) {
                differ(format!("metrics {family}"), "present", "absent");
            }
        }
        return found;
    }
    if !pair.response.is_json {
        differ("body".to_owned(), &recorded, &answered);
        return found;
    }
    match (
        serde_json::from_str(&recorded),
        serde_json::from_str(&answered),
    ) {
        (Ok(mut recorded), Ok(mut answered)) => {
            normalise(&mut recorded, &pair.volatile, leave);
            normalise(&mut answered, &pair.volatile, leave);
            values("", &recorded, &answered, &mut found);
        }
        _ => differ("body".to_owned(), &recorded, &answered),
    }
    found
}

/// Clair's own metrics with their types; those of its runtime are not an interface.
fn families(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter(|line| line.starts_with("clair_"))
}

fn values(place: &str, recorded: &Json, answered: &Json, found: &mut Vec<Difference>) {
    if recorded == answered || found.len() >= MOST {
        return;
    }
    let differ = |place: String, recorded: String, answered: String| Difference {
        place,
        recorded,
        answered,
    };
    match (recorded, answered) {
        (Json::Object(old), Json::Object(new)) => {
            let before = found.len();
            for (name, value) in old {
                let place = inside(place, name);
                match answered.field(name) {
                    Some(answered) => values(&place, value, answered, found),
                    None => found.push(differ(place, value.to_string(), "absent".to_owned())),
                }
            }
            for (name, value) in new {
                if recorded.field(name).is_none() {
                    let place = inside(place, name);
                    found.push(differ(place, "absent".to_owned(), value.to_string()));
                }
            }
            if found.len() == before {
                let names = |fields: &[(String, Json)]| {
                    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                    names.join(", ")
                };
                let place = inside(place, "(order of fields)");
                found.push(differ(place, names(old), names(new)));
            }
        }
        (Json::List(old), Json::List(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                values(&format!("{place}[{index}]"), old, new, found);
            }
        }
        (Json::List(old), Json::List(new)) => {
            let only = |these: &[Json], those: &[Json]| {
                let only: Vec<String> = these
                    .iter()
                    .filter(|item| !those.contains(item))
                    .map(ToString::to_string)
                    .collect();
                format!("{} items, only here: {}", these.len(), only.join(", "))
            };
            found.push(differ(place.to_owned(), only(old, new), only(new, old)));
        }
        _ => found.push(differ(
            place.to_owned(),
            recorded.to_string(),
            answered.to_string(),
        )),
    }
}

fn inside(place: &str, field: &str) -> String {
    if place.is_empty() {
        field.to_owned()
    } else {
        format!("{place}.{field}")
    }
}

/// Takes out what a pair declares volatile.
pub(crate) fn normalise(value: &mut Json, volatile: &[String], leave: Leave) {
    let says = |part: &str| volatile.iter().any(|words| words.contains(part));
    if says("FixedIn order") {
        lists(value, "FixedIn", &mut sort);
    }
    if says("Features order") {
        lists(value, "Features", &mut |features| {
            for feature in features.iter_mut() {
                lists(feature, "Vulnerabilities", &mut sort);
            }
            sort(features);
        });
    }
    if volatile.iter().any(|words| words == "order") {
        lists(value, "Namespaces", &mut sort);
    }
    if says("Index") {
        lists(value, "OrderedLayersIntroducingVulnerability", &mut rank);
    }
    if says("NextPage") {
        replace(value, &["NextPage", "Page"]);
    }
    if let Json::Object(fields) = value
        && let Some((_, notification)) = fields.iter_mut().find(|(name, _)| name == "Notification")
    {
        if leave.notified
            && let Json::Object(fields) = notification
        {
            fields.retain(|(name, _)| name != "Notified");
        }
        if says("NextPage") {
            replace(notification, &["NextPage", "Page"]);
        }
        if says("Created") {
            replace(notification, &["Created", "Notified", "Deleted"]);
        }
        if volatile.iter().any(|words| words.starts_with("Name")) {
            replace(notification, &["Name"]);
        }
    }
}

/// Visits each list in a field of this name, the inner ones first.
fn lists(value: &mut Json, field: &str, visit: &mut dyn FnMut(&mut [Json])) {
    match value {
        Json::List(items) => items.iter_mut().for_each(|item| lists(item, field, visit)),
        Json::Object(fields) => {
            for (name, value) in fields {
                lists(value, field, visit);
                if let Json::List(items) = value
                    && name == field
                {
                    visit(items);
                }
            }
        }
        _ => {}
    }
}

fn sort(items: &mut [Json]) {
    items.sort_by_cached_key(ToString::to_string);
}

/// Puts for each `Index` how many smaller ones there are.
fn rank(items: &mut [Json]) {
    let number = |item: &Json| match item.field("Index") {
        Some(Json::Number(number)) => number.as_u64(),
        _ => None,
    };
    let all: Vec<u64> = items.iter().filter_map(number).collect();
    for item in items {
        let Some(number) = number(item) else { continue };
        let rank = all.iter().filter(|other| **other < number).count();
        if let Json::Object(fields) = item {
            for (name, value) in fields {
                if name == "Index" {
                    *value = Json::Number(rank.into());
                }
            }
        }
    }
}

/// Leaves of these fields only that they are there, as texts.
fn replace(value: &mut Json, names: &[&str]) {
    if let Json::Object(fields) = value {
        for (name, value) in fields {
            if let Json::Text(text) = value
                && names.contains(&name.as_str())
                && !text.is_empty()
            {
                "volatile".clone_into(text);
            }
        }
    }
}
