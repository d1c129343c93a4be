//! The Debian tracker against real data, counted independently of the parser.

use std::collections::BTreeMap;
use std::io::Read as _;

use pellucid_model::Status;

use crate::{parse, shared_feeds};

#[test]
fn the_tracker_of_february_2025_reads_whole() {
    let Some(folder) = shared_feeds() else { return };
    let file = folder.join("debian/snapshots/2025-02-12/tracker/data/json.xz");
    let mut body = Vec::new();
    liblzma::read::XzDecoder::new(std::fs::File::open(file).unwrap())
        .read_to_end(&mut body)
        .unwrap();
    let read = parse("debian", &body).unwrap();
    assert_eq!(read.bad_records, []);
    assert_eq!(read.advisories.len(), 33_845);
    let mut rows = BTreeMap::new();
    for affected in read
        .advisories
        .iter()
        .flat_map(|advisory| &advisory.affected)
    {
        let fixed = affected.ranges.iter().any(|range| range.fixed().is_some());
        *rows
            .entry((affected.namespace.as_str(), affected.status, fixed))
            .or_insert(0) += 1;
    }
    // Counted with a few lines of Python on the same file.
    let expected = [
        (("debian:10", Status::Affected, false), 105),
        (("debian:10", Status::Affected, true), 146),
        (("debian:10", Status::EndOfLife, false), 18),
        (("debian:11", Status::Affected, false), 5_137),
        (("debian:11", Status::Affected, true), 28_280),
        (("debian:11", Status::EndOfLife, false), 370),
        (("debian:12", Status::Affected, false), 3_298),
        (("debian:12", Status::Affected, true), 29_857),
        (("debian:12", Status::NotAffected, false), 1),
        (("debian:13", Status::Affected, false), 1_567),
        (("debian:13", Status::Affected, true), 31_274),
    ];
    assert_eq!(rows, BTreeMap::from(expected));
}
