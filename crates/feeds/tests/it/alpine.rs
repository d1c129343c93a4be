//! Alpine's secdb against real data, and its refusals.

use std::collections::BTreeSet;

use pellucid_feeds::{FeedError, Fetched};

use crate::{Collected, feed, parse, requests, shared_feeds};

#[test]
fn a_document_of_another_release_is_refused() {
    let body = br#"{"distroversion":"v3.19","packages":[]}"#;
    assert!(matches!(
        parse("alpine/v3.20", body),
        Err(FeedError::OtherSubject { .. })
    ));
    let body = br#"{"packages":[]}"#;
    assert!(matches!(
        parse("alpine/v3.20", body),
        Err(FeedError::OtherSubject { .. })
    ));
}

#[test]
fn every_release_reads_whole() {
    let Some(folder) = shared_feeds() else { return };
    let (mut packages, mut not_affected) = (BTreeSet::new(), 0);
    for key in feed("alpine").parts() {
        let mut read = Collected::default();
        for request in requests(&key) {
            let path = folder.join(&key).join(&request.name);
            let Ok(body) = std::fs::read(&path) else {
                continue;
            };
            let file = Fetched {
                indexes: &[],
                key: &key,
                request: &request,
                member: None,
                body: &body,
            };
            feed(&key).parse(&file, &mut read).unwrap();
        }
        assert_eq!(read.bad_records, [], "{key}");
        for affected in read
            .advisories
            .iter()
            .flat_map(|advisory| &advisory.affected)
        {
            packages.insert((key.clone(), affected.package.clone()));
            not_affected += usize::from(affected.ranges.is_empty());
        }
    }
    // Counted with a few lines of Python on the same files.
    assert_eq!((packages.len(), not_affected), (8_000, 553));
}
