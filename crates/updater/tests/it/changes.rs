//! Feeds that say what changed: reading that alone leads to the same snapshot as reading everything.

use pellucid_updater::Updated;

use crate::server::Answer;
use crate::{World, published};

/// An OSV record of a package fixed in version 2, or withdrawn.
fn osv(id: &str, summary: &str, withdrawn: bool) -> String {
    let withdrawn = if withdrawn {
        r#""withdrawn":"2025-03-02T00:00:00Z","#
    } else {
        ""
    };
    format!(
        r#"{{"id":"{id}","modified":"2025-03-01T00:00:00Z",{withdrawn}"summary":"{summary}","affected":[{{"package":{{"ecosystem":"PyPI","name":"a"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"2"}}]}}]}}]}}"#
    )
}

async fn updated(world: &World, key: &str) -> Result<Updated, pellucid_updater::UpdateError> {
    world.update(&[key]).await.remove(0).result
}

/// An archive of records, each `<name>.json`.
fn archive(records: &[(&str, String)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (id, body) in records {
        let mut header = tar::Header::new_gnu();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, format!("{id}.json"), body.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test]
async fn osv_by_its_list_of_changes_is_osv_whole() {
    const FOLDER: &str = "/osv-vulnerabilities.storage.googleapis.com/PyPI";
    let path = |name: &str| format!("{FOLDER}/{name}");
    let list = |rows: &str| [Answer::body(rows)];
    let whole = |records: &[(&str, String)]| [Answer::body(archive(records))];
    let world = World::new().await;
    world.server.answer(
        &path("all.zip"),
        whole(&[
            ("PYSEC-1", osv("PYSEC-1", "old", false)),
            ("PYSEC-2", osv("PYSEC-2", "stays", false)),
            ("PYSEC-3", osv("PYSEC-3", "goes", false)),
        ]),
    );
    let first = "2025-03-01T00:00:00Z,PYSEC-1\n2025-02-01T00:00:00Z,PYSEC-2\n2025-02-01T00:00:00Z,PYSEC-3\n";
    world.server.answer(&path("modified_id.csv"), list(first));
    assert_eq!(published(&updated(&world, "osv/PyPI").await), (3, 3));
    assert_eq!(
        updated(&world, "osv/PyPI").await.unwrap(),
        Updated::Unchanged
    );
    assert_eq!(world.server.hits(&path("all.zip")).len(), 1);

    let second = format!("2025-03-02T00:00:00Z,PYSEC-3\n2025-03-02T00:00:00Z,PYSEC-4\n{first}");
    let changed = [
        ("PYSEC-1", osv("PYSEC-1", "new", false)),
        ("PYSEC-3", osv("PYSEC-3", "goes", true)),
        ("PYSEC-4", osv("PYSEC-4", "comes", false)),
    ];
    for (id, body) in &changed {
        world
            .server
            .answer(&path(&format!("{id}.json")), [Answer::body(body.clone())]);
    }
    world.server.answer(&path("modified_id.csv"), list(&second));
    assert_eq!(published(&updated(&world, "osv/PyPI").await), (3, 3));
    assert_eq!(world.server.hits(&path("all.zip")).len(), 1);

    let other = World::new().await;
    let [one, three, four] = changed;
    let two = ("PYSEC-2", osv("PYSEC-2", "stays", false));
    other
        .server
        .answer(&path("all.zip"), whole(&[one, two, three, four]));
    other.server.answer(&path("modified_id.csv"), list(&second));
    assert_eq!(published(&updated(&other, "osv/PyPI").await), (3, 3));
    assert_eq!(world.digest("osv/PyPI"), other.digest("osv/PyPI"));

    // A mirror that has the whole and no single changes is read whole.
    let third = format!("2025-03-03T00:00:00Z,PYSEC-5\n{second}");
    other.server.answer(&path("modified_id.csv"), list(&third));
    other.server.answer(
        &path("all.zip"),
        whole(&[("PYSEC-5", osv("PYSEC-5", "alone", false))]),
    );
    assert_eq!(published(&updated(&other, "osv/PyPI").await), (1, 1));
}

const VEX: &str = "/security.access.redhat.com/data/csaf/v2/vex";

/// A document of Red Hat's that says of one package where it is fixed.
fn vex(cve: &str, fixed: &str) -> String {
    format!(
        r#"{{"document":{{"tracking":{{}}}},"product_tree":{{
"branches":[{{"product":{{"product_id":"P","product_identification_helper":{{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}}}}},
{{"product":{{"product_id":"C","product_identification_helper":{{"purl":"pkg:rpm/redhat/a@{fixed}?arch=x86_64"}}}}}}],
"relationships":[{{"full_product_name":{{"product_id":"P:C"}},"product_reference":"C","relates_to_product_reference":"P"}}]}},
"vulnerabilities":[{{"cve":"{cve}","product_status":{{"fixed":["P:C"]}}}}]}}"#
    )
}

/// Serves Red Hat's lists and archive; rows are a day of March 2025 and the number of a CVE.
fn serve_vex(
    world: &World,
    archive_of: &str,
    archive: Vec<u8>,
    changes: &[(u32, u32)],
    deletions: &[(u32, u32)],
) {
    let list = |rows: &[(u32, u32)]| {
        let rows = rows.iter().map(|(day, number)| {
            format!("\"2024/cve-2024-{number:04}.json\",\"2025-03-{day:02}T12:00:00+00:00\"\n")
        });
        [Answer::body(rows.collect::<String>())]
    };
    let name = format!("csaf_vex_{archive_of}.tar.zst");
    let server = &world.server;
    server.answer(&format!("{VEX}/changes.csv"), list(changes));
    server.answer(&format!("{VEX}/deletions.csv"), list(deletions));
    server.answer(
        &format!("{VEX}/archive_latest.txt"),
        [Answer::body(name.clone())],
    );
    server.answer(&format!("{VEX}/{name}"), [Answer::body(archive)]);
}

#[tokio::test]
async fn red_hat_by_its_changes_and_deletions_is_red_hat_whole() {
    let cve = |number: u32| format!("CVE-2024-{number:04}");
    let file = |number: u32| format!("2024/cve-2024-{number:04}");
    let path = |number: u32| format!("{VEX}/{}.json", file(number));
    let archived = |documents: &[(u32, &str)]| {
        let names: Vec<String> = documents.iter().map(|(number, _)| file(*number)).collect();
        let bodies = documents
            .iter()
            .map(|(number, fixed)| vex(&cve(*number), fixed));
        let members: Vec<(&str, String)> = names.iter().map(String::as_str).zip(bodies).collect();
        archive(&members)
    };
    let old = || archived(&[(1, "2-1"), (2, "2-1"), (3, "2-1")]);
    let whole = format!("{VEX}/csaf_vex_2025-03-10.tar.zst");
    let documents = |world: &World| {
        let hits = world.server.all_hits().into_iter();
        let mut paths: Vec<String> = hits
            .map(|hit| hit.path)
            .filter(|path| path.ends_with(".json"))
            .collect();
        paths.sort();
        paths
    };

    let world = World::new().await;
    serve_vex(&world, "2025-03-10", old(), &[(5, 1), (4, 2), (3, 3)], &[]);
    assert_eq!(published(&updated(&world, "redhat").await), (3, 3));
    assert_eq!(updated(&world, "redhat").await.unwrap(), Updated::Unchanged);
    assert_eq!(world.server.hits(&whole).len(), 1);
    assert_eq!(documents(&world), Vec::<String>::new());

    // One changed, one is new, one is gone; what has the mark's own time is read again.
    let changes = [(12, 4), (11, 2), (5, 1)];
    let deletions = [(12, 3)];
    for (number, fixed) in [(1, "2-1"), (2, "3-1"), (4, "2-1")] {
        let body = [Answer::body(vex(&cve(number), fixed))];
        world.server.answer(&path(number), body);
    }
    serve_vex(&world, "2025-03-10", old(), &changes, &deletions);
    assert_eq!(published(&updated(&world, "redhat").await), (3, 3));
    assert_eq!(documents(&world), [path(1), path(2), path(4)]);
    assert_eq!(world.server.hits(&whole).len(), 1);
    let by_changes = world.digest("redhat");
    assert_eq!(updated(&world, "redhat").await.unwrap(), Updated::Unchanged);

    // The archive of before, with what is newer than it read in place of its own.
    let other = World::new().await;
    for (number, fixed) in [(2, "3-1"), (4, "2-1")] {
        let body = [Answer::body(vex(&cve(number), fixed))];
        other.server.answer(&path(number), body);
    }
    serve_vex(&other, "2025-03-10", old(), &changes, &deletions);
    assert_eq!(published(&updated(&other, "redhat").await), (3, 3));
    assert_eq!(other.digest("redhat"), by_changes);

    // A later archive that has it all.
    let later = World::new().await;
    let new = archived(&[(1, "2-1"), (2, "3-1"), (4, "2-1")]);
    serve_vex(&later, "2025-03-20", new, &changes, &deletions);
    assert_eq!(published(&updated(&later, "redhat").await), (3, 3));
    assert_eq!(later.digest("redhat"), by_changes);

    // After a fortnight the archive is read anew, whatever the lists say.
    let new = archived(&[(1, "2-1"), (2, "4-1"), (4, "2-1")]);
    serve_vex(&world, "2025-03-28", new, &changes, &deletions);
    assert_eq!(published(&updated(&world, "redhat").await), (3, 3));
    assert_ne!(world.digest("redhat"), by_changes);
}

#[tokio::test]
async fn a_document_of_red_hat_that_comes_back_is_read_and_what_is_not_is_told() {
    let serve = |world: &World, number: u32, fixed: &str| {
        let path = format!("{VEX}/2024/cve-2024-{number:04}.json");
        let body = vex(&format!("CVE-2024-{number:04}"), fixed);
        world.server.answer(&path, [Answer::body(body)]);
    };
    let archived = |numbers: &[u32]| {
        let documents = numbers.iter().map(|number| {
            let name = format!("2024/cve-2024-{number:04}");
            (name, vex(&format!("CVE-2024-{number:04}"), "2-1"))
        });
        let documents: Vec<(String, String)> = documents.collect();
        let members: Vec<(&str, String)> = documents
            .iter()
            .map(|(name, body)| (name.as_str(), body.clone()))
            .collect();
        archive(&members)
    };

    // Gone on the eleventh, there again on the twelfth; another the other way round.
    let (changes, deletions) = ([(12, 2), (11, 3), (5, 1)], [(12, 3), (11, 2)]);
    let world = World::new().await;
    serve(&world, 2, "3-1");
    serve_vex(
        &world,
        "2025-03-10",
        archived(&[1, 2, 3]),
        &changes,
        &deletions,
    );
    assert_eq!(published(&updated(&world, "redhat").await), (2, 2));

    // The same in two steps.
    let step = World::new().await;
    serve_vex(&step, "2025-03-10", archived(&[1, 2, 3]), &[(5, 1)], &[]);
    assert_eq!(published(&updated(&step, "redhat").await), (3, 3));
    serve(&step, 1, "2-1");
    serve(&step, 2, "3-1");
    serve_vex(
        &step,
        "2025-03-10",
        archived(&[1, 2, 3]),
        &changes,
        &deletions,
    );
    assert_eq!(published(&updated(&step, "redhat").await), (2, 2));
    assert_eq!(step.digest("redhat"), world.digest("redhat"));

    // More changes than are read one by one.
    let many = World::new().await;
    let changes: Vec<(u32, u32)> = (1..=402).map(|number| (12, number)).collect();
    (1..=402).for_each(|number| serve(&many, number, "3-1"));
    serve_vex(&many, "2025-03-10", archived(&[1, 2, 3]), &changes, &[]);
    let outcome = many.update(&["redhat"]).await.remove(0);
    assert_eq!(published(&outcome.result), (402, 402));
    assert_eq!(outcome.bad_records.count, 1);
    let told = &outcome.bad_records.examples[0];
    assert!(told.1.starts_with("2 documents"), "{told:?}");
}

const NVD: &str = "/nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-";

/// A file of NVD's; a record without a word is rejected.
fn nvd(records: &[(&str, Option<&str>)]) -> String {
    let records = records.iter().map(|(cve, word)| {
        let status = if word.is_some() { "Analyzed" } else { "Rejected" };
        let text = word.unwrap_or_default();
        format!(
            r#"{{"cve":{{"id":"{cve}","vulnStatus":"{status}","descriptions":[{{"lang":"en","value":"{text}"}}]}}}}"#
        )
    });
    let records: Vec<String> = records.collect();
    format!(r#"{{"vulnerabilities":[{}]}}"#, records.join(","))
}

#[tokio::test]
async fn nvd_by_its_file_of_changes_is_nvd_whole() {
    let path = |name: &str| format!("{NVD}{name}");
    let serve = |world: &World, name: &str, body: String| {
        world.server.answer(&path(name), [Answer::body(body)]);
    };
    let meta = |day: u32| format!("lastModifiedDate:2025-03-{day:02}T03:00:00-05:00\r\nsize:1\r\n");
    let world = World::new().await;
    serve(&world, "modified.meta", meta(1));
    serve(
        &world,
        "2024.json.gz",
        nvd(&[
            ("CVE-2024-1", Some("stays")),
            ("CVE-2024-2", Some("old")),
            ("CVE-2024-3", Some("goes")),
        ]),
    );
    serve(
        &world,
        "2025.json.gz",
        nvd(&[("CVE-2025-1", Some("stays"))]),
    );
    assert_eq!(published(&updated(&world, "nvd").await).0, 4);

    let changed = [
        ("CVE-2024-2", Some("new")),
        ("CVE-2024-3", None),
        ("CVE-2025-2", Some("comes")),
    ];
    serve(&world, "modified.meta", meta(7));
    serve(&world, "modified.json.gz", nvd(&changed));
    assert_eq!(published(&updated(&world, "nvd").await).0, 4);
    assert_eq!(world.server.hits(&path("2024.json.gz")).len(), 1);
    assert_eq!(updated(&world, "nvd").await.unwrap(), Updated::Unchanged);
    let by_changes = world.digest("nvd");

    let other = World::new().await;
    let years = |world: &World| {
        let [two, three, four] = changed;
        let of_2024 = nvd(&[("CVE-2024-1", Some("stays")), two, three]);
        let of_2025 = nvd(&[("CVE-2025-1", Some("stays")), four]);
        serve(world, "2024.json.gz", of_2024);
        serve(world, "2025.json.gz", of_2025);
    };
    serve(&other, "modified.meta", meta(7));
    years(&other);
    assert_eq!(published(&updated(&other, "nvd").await).0, 4);
    assert_eq!(other.digest("nvd"), by_changes);

    // Once the file of changes does not reach back to what is known, the years are read anew.
    serve(&world, "modified.meta", meta(20));
    serve(&world, "modified.json.gz", nvd(&[]));
    years(&world);
    assert_eq!(updated(&world, "nvd").await.unwrap(), Updated::Unchanged);
    assert_eq!(world.server.hits(&path("2024.json.gz")).len(), 2);
    assert_eq!(world.digest("nvd"), by_changes);
}
