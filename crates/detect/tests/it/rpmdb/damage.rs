//! Hostile and damaged databases: an error or the same list, never a shorter one, and always an end.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pellucid_detect::rpmdb::RpmdbError;
use proptest::prelude::*;

use super::build::{self, Log};
use super::{SMALL, databases, fixture, lines, outcome};

fn damage(database: &[u8]) -> &'static str {
    match outcome(database, None).2 {
        Err(RpmdbError::Damaged { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

#[test]
fn a_cut_database_is_an_error_or_the_same_list() {
    for (name, database) in databases(&build::rows(20)) {
        let whole = lines(&database, None);
        for length in (0..database.len())
            .step_by(61)
            .chain(database.len() - 600..database.len())
        {
            let (mut good, bad, end) = outcome(&database[..length], None);
            good.sort();
            let same = good == whole && bad.is_empty();
            assert!(end.is_err() || same, "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn a_log_cut_within_a_frame_is_an_error() {
    let pages = build::sqlite(&build::rows(5), SMALL);
    let file = pages.concat();
    let mut log = Log::new(512, false);
    log.transaction(&(1..).zip(pages).collect::<BTreeMap<_, _>>(), Some(1));
    let frames = (32..log.bytes.len()).step_by(536);
    for length in (1..60).chain(frames.flat_map(|end| end - 1..end + 30)) {
        let whole_frames = length >= 32 && (length - 32).is_multiple_of(536);
        let end = outcome(&file, Some(&log.bytes[..length])).2;
        let cut = matches!(end, Err(RpmdbError::DamagedWal { .. }));
        assert_ne!(cut, whole_frames, "{length} bytes: {end:?}");
    }
}

#[test]
fn a_frame_with_a_wrong_checksum_is_an_error() {
    let database = fixture("sqlite/rpmdb.sqlite");
    let whole = fixture("sqlite/rpmdb.sqlite-wal");
    for at in (0..whole.len()).step_by(7) {
        let mut log = whole.clone();
        log[at] ^= 0x10;
        let salts = at >= 32 && (8..16).contains(&((at - 32) % 536));
        let end = outcome(&database, Some(&log)).2;
        assert!(
            salts || matches!(end, Err(RpmdbError::DamagedWal { .. })),
            "byte {at}: {end:?}"
        );
    }
}

#[test]
fn overflow_chains_that_loop_or_share_pages_are_errors() {
    let rows = build::rows(6);
    // The chain's pages follow each other; lead one back, into another chain, and nowhere.
    let loops = |pages: &[u8], size: usize, at: usize, put_page: &dyn Fn(u32) -> [u8; 4]| {
        let second =
            (1..).find(|page| pages[page * size + at..][..4] == put_page(*page as u32 + 1));
        let page = second.unwrap() + 1;
        [page as u32 - 1, page as u32, u32::MAX, 0].map(|target| {
            let mut bytes = pages.to_vec();
            put(&mut bytes, page * size + at, &put_page(target));
            outcome(&bytes, None).2
        })
    };
    let hash = build::bdb_hash(&rows, 4, false);
    let btree = build::bdb_btree(&rows, true);
    let sqlite = build::sqlite(&rows, SMALL).concat();
    let ends = [
        loops(&hash, 512, 16, &|page| page.to_le_bytes()),
        loops(&btree, 512, 16, &|page| page.to_be_bytes()),
        loops(&sqlite, 512, 0, &|page| page.wrapping_add(1).to_be_bytes()),
    ];
    for (index, end) in ends.iter().flatten().enumerate() {
        assert!(
            matches!(end, Err(RpmdbError::Damaged { .. })),
            "case {index}: {end:?}"
        );
    }
}

#[test]
fn a_bucket_that_lost_its_second_page_is_an_error() {
    let mut hash = build::bdb_hash(&build::rows(40), 2, false);
    put(&mut hash, 512 + 16, &[0; 4]);
    assert_eq!(damage(&hash), "a page with items that belongs to no bucket");
    let mut hash = build::bdb_hash(&build::rows(40), 2, false);
    put(&mut hash, 72, &[0; 4]);
    assert_eq!(damage(&hash), "a page with items that belongs to no bucket");
    let mut hash = build::bdb_hash(&build::rows(40), 2, false);
    put(&mut hash, 72, &[0xff; 4]);
    assert_eq!(damage(&hash), "more buckets than pages");
}

#[test]
fn an_overflow_chain_of_an_impossible_length_is_an_error() {
    // Two overflow pages that point at each other, for an item of nearly 2 GiB.
    let page = 4096_usize;
    let mut file = vec![0_u8; 4 * page];
    put(&mut file, 12, &0x0006_1561_u32.to_le_bytes());
    put(&mut file, 16, &[9, 0, 0, 0, 0, 16]);
    file[25] = 8;
    put(&mut file, 32, &3_u32.to_le_bytes());
    put(&mut file, 96, &1_u32.to_le_bytes());
    for (number, next) in [(1, 0_u32), (2, 3), (3, 2)] {
        let at = number * page;
        put(&mut file, at + 8, &(number as u32).to_le_bytes());
        put(&mut file, at + 16, &next.to_le_bytes());
        put(&mut file, at + 22, &(page as u16 - 26).to_le_bytes());
        file[at + 25] = 7;
    }
    put(&mut file, page + 20, &[2, 0]);
    file[page + 25] = 13;
    let (key, value) = (page - 5, page - 17);
    put(
        &mut file,
        page + 26,
        &[key.to_le_bytes(), value.to_le_bytes()]
            .map(|at| [at[0], at[1]])
            .concat(),
    );
    put(&mut file, page + key, &[1, 7, 0, 0, 0]);
    put(
        &mut file,
        page + value,
        &[3, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f],
    );
    let end = outcome(&file, None).2;
    assert!(
        matches!(end, Err(RpmdbError::HeaderTooLarge { number: 7, .. })),
        "{end:?}"
    );
    put(&mut file, page + value + 8, &[0, 0, 0, 1]);
    assert_eq!(damage(&file), "a page that is reached twice");
}

#[test]
fn a_tree_that_reaches_a_page_twice_is_an_error() {
    let rows = build::rows(300);
    let pages = build::sqlite(&rows, SMALL);
    let root = pages.len() - 1;
    assert_eq!(
        pages[root][0], 5,
        "the root is the last page and an interior one"
    );
    for target in [root as u32 + 1, 1, 0, u32::MAX] {
        let mut pages = pages.clone();
        put(&mut pages[root], 8, &target.to_be_bytes());
        assert!(outcome(&pages.concat(), None).2.is_err());
    }
    let mut lost = pages.clone();
    let cells = u16::from_be_bytes([lost[root][3], lost[root][4]]) - 1;
    put(&mut lost[root], 3, &cells.to_be_bytes());
    assert_eq!(
        damage(&lost.concat()),
        "cells and free space that do not add up to the page"
    );
}

#[test]
fn cells_that_share_bytes_are_an_error() {
    let mut pages = build::sqlite(&build::rows(2), SMALL);
    let leaf = pages.last_mut().unwrap();
    let first = [leaf[8], leaf[9]];
    put(leaf, 10, &first);
    assert_eq!(damage(&pages.concat()), "rows out of order");
}

#[test]
fn slots_that_overlap_or_lie_outside_are_errors() {
    let database = build::ndb(&build::rows(4));
    let with = |at: usize, value: u32| {
        let mut database = database.clone();
        put(&mut database, at, &value.to_le_bytes());
        damage(&database)
    };
    let field = |at: usize| u32::from_le_bytes(database[at..at + 4].try_into().unwrap());
    assert_eq!(with(48 + 8, field(32 + 8)), "two blobs that overlap");
    assert_eq!(
        with(48 + 8, u32::MAX),
        "a slot whose blob lies past the end of the file"
    );
    assert_eq!(
        with(48 + 12, u32::MAX),
        "a slot whose blob lies past the end of the file"
    );
    assert_eq!(with(48 + 8, 2), "a slot that is neither free nor in use");
    assert_eq!(with(48 + 4, 9), "a blob without the head its slot says");
    assert_eq!(with(48, 0), "a slot without its magic");
    assert_eq!(with(12, u32::MAX), "the file ends within its slots");
    assert_eq!(
        with(4096 + 12, 9),
        "a blob of another length than its slot says"
    );
}

static MUTABLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let built = databases(&build::rows(12))
        .into_iter()
        .map(|(_, database)| database);
    built
        .chain([fixture("hash/Packages"), fixture("btree/Packages")])
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is changed, reading ends without a panic and yields no more than the file can hold.
    #[test]
    fn changed_bytes_never_panic(
        which in 0_usize..9,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        near_start in any::<bool>(),
    ) {
        let mut database = MUTABLE[which].clone();
        let reach = if near_start { 1024 } else { database.len() };
        for (at, byte) in changes {
            let at = at.index(reach);
            database[at] = byte;
        }
        let (good, bad, _) = outcome(&database, None);
        prop_assert!(good.len() + bad.len() <= database.len() / 8);
    }

    #[test]
    fn changed_logs_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut log = fixture("sqlite/rpmdb.sqlite-wal");
        for (at, byte) in changes {
            let at = at.index(log.len());
            log[at] = byte;
        }
        let _ = outcome(&fixture("sqlite/rpmdb.sqlite"), Some(&log));
    }
}
