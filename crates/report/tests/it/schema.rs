//! A validator for the part of JSON Schema that `docs/pellucid-report-1.schema.json` and the schemas in
//! `tests/data/schema` use, and no more:
//! an unknown keyword in the schema fails the test instead of being skipped.
//!
//! Stricter than the schema in one point: every field written must be described there.

use std::path::Path;

use serde_json::{Map, Value};

/// Checks a document against the schema of the documentation.
pub(crate) fn check(json: &str) {
    check_by("../../docs/pellucid-report-1.schema.json", json);
}

/// Checks a document against what the specification of a format demands.
pub(crate) fn check_format(format: &str, json: &str) {
    check_by(&format!("tests/data/schema/{format}.schema.json"), json);
}

fn check_by(path: &str, json: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let document: Value = serde_json::from_str(json).unwrap();
    let mut faults = Vec::new();
    validate(&schema, &schema, &document, "", &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

fn validate(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema is an object");
    for (keyword, rule) in schema {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = rule
                    .as_str()
                    .and_then(|path| path.strip_prefix("#/$defs/"))
                    .unwrap();
                validate(root, &root["$defs"][name], value, at, faults);
                true
            }
            "oneOf" => {
                let passing = rule.as_array().unwrap().iter().filter(|schema| {
                    let mut faults = Vec::new();
                    validate(root, schema, value, at, &mut faults);
                    faults.is_empty()
                });
                passing.count() == 1
            }
            "type" => has_type(value, rule.as_str().unwrap()),
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minLength" => letters(value) >= rule.as_u64(),
            "maxLength" => letters(value) <= rule.as_u64(),
            "minItems" => value.as_array().map(|list| list.len() as u64) >= rule.as_u64(),
            "maxItems" => value.as_array().map(|list| list.len() as u64) <= rule.as_u64(),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "required" => {
                let names = rule.as_array().unwrap().iter().filter_map(Value::as_str);
                let missing: Vec<_> = names.filter(|name| value.get(name).is_none()).collect();
                faults.extend(
                    missing
                        .iter()
                        .map(|name| format!("{at}: {name} is missing")),
                );
                true
            }
            "properties" => {
                properties(root, rule, value, at, faults);
                true
            }
            "additionalProperties" => {
                for (name, value) in value.as_object().unwrap() {
                    validate(root, rule, value, &format!("{at}/{name}"), faults);
                }
                true
            }
            "items" => {
                for (index, value) in value.as_array().unwrap().iter().enumerate() {
                    validate(root, rule, value, &format!("{at}/{index}"), faults);
                }
                true
            }
            unknown => panic!("the validator does not know {unknown:?}"),
        };
        if !holds {
            faults.push(format!("{at}: {value} breaks {keyword}: {rule}"));
        }
    }
}

fn properties(root: &Value, rule: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let empty = Map::new();
    for (name, value) in value.as_object().unwrap_or(&empty) {
        match rule.get(name) {
            Some(schema) => validate(root, schema, value, &format!("{at}/{name}"), faults),
            None => faults.push(format!("{at}: {name} is not described")),
        }
    }
}

fn letters(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        unknown => panic!("the validator does not know the type {unknown:?}"),
    }
}
