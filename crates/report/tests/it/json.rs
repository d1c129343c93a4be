//! Our own JSON.

use pellucid_report::{ReadError, Report, Style, read_json};

use crate::sample::{packages, report, shown, suppressed_bulletin};
use crate::schema;

fn json(report: &Report) -> String {
    shown(report, "json", Style::default())
}

#[test]
fn a_report_is_as_the_schema_says() {
    insta::assert_snapshot!("report-json", json(&report()));
    schema::check(&json(&report()));
    schema::check(&json(&suppressed_bulletin()));
    schema::check(&json(&packages()));
}

#[test]
fn what_was_written_reads_back() {
    for mut report in [report(), suppressed_bulletin()] {
        // The date of fetching is not in the report, the date of the data is.
        for coverage in &mut report.assessment.as_mut().unwrap().coverage {
            for snapshot in &mut coverage.snapshots {
                snapshot.fetched_at = snapshot.as_of.unwrap();
            }
        }
        assert_eq!(read_json(json(&report).as_bytes()).unwrap(), report);
    }
    assert_eq!(read_json(json(&packages()).as_bytes()).unwrap(), packages());
}

#[test]
fn the_order_of_what_is_found_changes_nothing() {
    let first = report();
    let mut assessment = first.assessment.clone().unwrap();
    assessment.findings.reverse();
    let mut warnings = first.warnings.clone();
    warnings.reverse();
    let second = Report::new(
        first.tool.clone(),
        first.inventory.clone(),
        Some(assessment),
        warnings,
    );
    assert_eq!(json(&first), json(&second));
}

#[test]
fn a_report_that_contradicts_itself_is_refused() {
    let good = json(&report());
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        read_json(good.replace(from, to).as_bytes()).unwrap_err()
    };
    let value = |error| matches!(error, ReadError::Value { .. });
    assert!(value(refused("\"package\": 3", "\"package\": 33")));
    assert!(value(refused(
        "\"fix_state\": \"deferred\"",
        "\"fix_state\": \"later\""
    )));
    assert!(value(refused("linux/amd64", "linux")));
    assert!(value(refused("\"findings\": [", "\"findigs\": [")));
    let schema = refused("pellucid-report/1", "pellucid-report/2");
    assert!(matches!(schema, ReadError::Schema(_)));
    assert!(matches!(read_json(b"{"), Err(ReadError::Shape(_))));
}
