//! What is no advisory data is an error, never an empty answer.

use pellucid_feeds::{FEEDS, FeedError};

use crate::parse;

#[test]
fn a_body_that_is_not_the_document_is_an_error() {
    for feed in FEEDS {
        let key = feed.parts().swap_remove(0);
        let error = |body: &[u8]| match parse(&key, body) {
            Ok(read) => panic!("{key} read {} advisories", read.advisories.len()),
            Err(error) => error,
        };
        assert!(matches!(error(b""), FeedError::Empty { .. }));
        assert!(matches!(error(b" \r\n"), FeedError::Empty { .. }));
        assert!(matches!(
            error(b"<!DOCTYPE html><title>503</title>"),
            FeedError::WebPage { .. }
        ));
        assert!(matches!(error(b"{\"\xff\": 1}"), FeedError::NotText { .. }));
        for body in [
            "null",
            "[]",
            "\"x\"",
            "{\"a\":{}",
            "{\"a\" 1}",
            "not found",
            "{} {}",
        ] {
            // Documents of JSON, XML, YAML and lines; some feeds have a single document with nothing to it.
            assert!(
                matches!(
                    error(body.as_bytes()),
                    FeedError::Json { .. }
                        | FeedError::Xml { .. }
                        | FeedError::Yaml { .. }
                        | FeedError::NoRecords { .. }
                        | FeedError::Table { .. }
                ),
                "{key}: {body}"
            );
        }
        error(b"{}");
    }
}

#[test]
fn a_document_cut_anywhere_is_an_error() {
    for (key, body) in [
        ("debian", include_str!("../data/debian/states/tracker.json")),
        (
            "alpine/v3.20",
            include_str!("../data/alpine/release/main.json"),
        ),
    ] {
        let body = body.trim_end();
        assert!(parse(key, body.as_bytes()).is_ok());
        for end in (0..body.len()).filter(|end| body.is_char_boundary(*end)) {
            assert!(
                parse(key, &body.as_bytes()[..end]).is_err(),
                "{key} cut at {end}"
            );
        }
    }
}

#[test]
fn depth_and_repetition_cost_no_more_than_their_bytes() {
    let deep = format!("{{\"a\":{}", "[".repeat(200_000));
    assert!(parse("debian", deep.as_bytes()).is_err());
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(parse("debian", deep.as_bytes()).is_err());
    let row = r#"{"status":"open","urgency":"low"}"#;
    let rows = vec![format!("\"sid\":{row}"); 20_000].join(",");
    let many = format!(r#"{{"a":{{"CVE-2020-0001":{{"releases":{{{rows}}}}}}}}}"#);
    let read = parse("debian", many.as_bytes()).unwrap();
    assert_eq!(read.advisories[0].affected.len(), 1);
    let strings = vec!["\"CVE-2020-0001 CVE-2020-0002 XSA-1\""; 20_000].join(",");
    let many = format!(
        r#"{{"distroversion":"v3.2","packages":[{{"pkg":{{"name":"a","secfixes":{{"1":[{strings}]}}}}}}]}}"#
    );
    assert_eq!(
        parse("alpine/v3.2", many.as_bytes())
            .unwrap()
            .advisories
            .len(),
        2
    );
}
