//! Feeds' advisories and written vulnerabilities as one.

use pellucid_model::{Advisory, Affected, Cvss, NameKind, Namespace, Severity, Status};
use pellucid_server::Options;
use pellucid_snapshot::{Builder, Catalog, FeedStatus, Meta};
use pellucid_version::Range;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{Service, config, debian};

/// `CVE-2024-N` in bash, fixed in `5.2-N`.
pub(crate) fn advisory(number: u32) -> Advisory {
    let mut advisory = Advisory::new(format!("CVE-2024-{number}"));
    advisory.severity = Severity::High;
    advisory.description = format!("flaw {number}");
    advisory.links = vec![format!("https://example.org/{number}")];
    advisory.affected = vec![Affected {
        namespace: Namespace::from("debian:12"),
        package: "bash".to_owned(),
        name_kind: NameKind::Source,
        status: Status::Affected,
        ranges: vec![Range::before(format!("5.2-{number}"))],
        versions: Vec::new(),
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        note: None,
    }];
    advisory
}

pub(crate) fn publish(folder: &TempDir, advisories: &[Advisory]) {
    publish_at(folder, advisories, 1);
}

/// As [`publish`], fetched at this time.
pub(crate) fn publish_at(folder: &TempDir, advisories: &[Advisory], fetched_at: i64) {
    publish_as("debian", folder, advisories, fetched_at);
}

pub(crate) fn publish_as(key: &str, folder: &TempDir, advisories: &[Advisory], fetched_at: i64) {
    publish_with(key, folder, advisories, &[], fetched_at);
}

/// As [`publish_as`], with what binary packages of a namespace were built from.
pub(crate) fn publish_with(
    key: &str,
    folder: &TempDir,
    advisories: &[Advisory],
    built_from: &[(&str, &str, &str)],
    fetched_at: i64,
) {
    let catalog = Catalog::open(folder.path()).unwrap();
    let meta = Meta {
        key: key.to_owned(),
        feed: key.to_owned(),
        as_of: None,
    };
    let path = catalog.building_path(key).unwrap();
    let mut builder = Builder::create(path, meta).unwrap();
    for advisory in advisories {
        builder.add(advisory).unwrap();
    }
    for (namespace, binary, source) in built_from {
        let namespace = Namespace::from(*namespace);
        builder.built_from(&namespace, binary, source).unwrap();
    }
    let built = builder.finish().unwrap();
    catalog
        .publish(key, built, fetched_at, FeedStatus::default())
        .unwrap();
}

async fn service() -> Service {
    let folder = tempfile::tempdir().unwrap();
    publish(
        &folder,
        &[advisory(1), advisory(2), advisory(3), advisory(4)],
    );
    let service = Service::within(folder, config(), Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.2-2")]));
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);
    service
}

async fn found(service: &Service) -> Vec<(String, String)> {
    let layer = service.get("/v1/layers/a?vulnerabilities").await.json();
    let list = layer["Layer"]["Features"][0]["Vulnerabilities"]
        .as_array()
        .cloned();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    list.unwrap_or_default()
        .iter()
        .map(|it| {
            (
                text(it, "Name"),
                format!("{} {}", text(it, "Severity"), text(it, "FixedBy")),
            )
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[tokio::test]
async fn nvd_is_joined_in_clairs_shape() {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = advisory(4);
    silent.severity = Severity::Unknown;
    publish(&folder, &[advisory(3), silent]);
    let mut scored = Advisory::new("CVE-2024-4");
    scored.severity = Severity::Critical;
    scored.published = Some(1_412_008_080);
    scored.cvss = [
        (
            "cna@example.org",
            "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:L",
        ),
        (
            "nvd@nist.gov",
            "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ),
        ("nvd@nist.gov", "AV:N/AC:L/Au:N/C:C/I:C/A:C"),
    ]
    .map(|(source, vector)| Cvss {
        source: source.to_owned(),
        vector: vector.to_owned(),
    })
    .into();
    publish_as("nvd", &folder, &[scored], 1);
    let service = Service::within(folder, config(), Options::default()).await;
    let path = service.layer("base", debian(&[("bash", "5.2-2")]));
    assert_eq!(service.post_layer("a", &path, "").await.status, 201);

    // Clair 2.1's spelling, members sorted, whole numbers without a point.
    let metadata = "\"Severity\":\"Critical\",\"Metadata\":{\"NVD\":{\"CVSSv2\":{\"PublishedDateTime\":\
         \"2014-09-29T16:28Z\",\"Score\":10,\"Vectors\":\"AV:N/AC:L/Au:N/C:C/I:C/A:C\"},\"CVSSv3\":{\
         \"ExploitabilityScore\":3.9,\"ImpactScore\":5.9,\"Score\":9.8,\
         \"Vectors\":\"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}}}";
    for (path, count) in [
        ("/v1/layers/a?vulnerabilities".to_owned(), 1),
        (format!("{SPACE}/CVE-2024-4"), 1),
        (format!("{SPACE}?limit=10"), 1),
        (format!("{SPACE}/CVE-2024-3"), 0),
    ] {
        let body = service.get(&path).await.body;
        assert_eq!(body.matches(metadata).count(), count, "{path}: {body}");
        assert_eq!(body.matches("Metadata").count(), count, "{path}: {body}");
    }
}

const SPACE: &str = "/v1/namespaces/debian:12/vulnerabilities";

#[tokio::test]
async fn a_put_overrides_and_a_delete_hides_what_a_feed_says() {
    let service = service().await;
    let both = pairs(&[("CVE-2024-3", "High 5.2-3"), ("CVE-2024-4", "High 5.2-4")]);
    assert_eq!(found(&service).await, both);
    // From memory, the same.
    assert_eq!(found(&service).await, both);

    let one = service.get(&format!("{SPACE}/CVE-2024-3?fixedIn")).await;
    assert_eq!(
        one.body,
        "{\"Vulnerability\":{\"Name\":\"CVE-2024-3\",\"NamespaceName\":\"debian:12\",\"Description\":\"flaw 3\",\
         \"Link\":\"https://example.org/3\",\"Severity\":\"High\",\"FixedIn\":[{\"Name\":\"bash\",\
         \"NamespaceName\":\"debian:12\",\"VersionFormat\":\"dpkg\",\"Version\":\"5.2-3\"}]}}\n"
    );

    let low = json!({"Vulnerability": {"Severity": "Low"}}).to_string();
    let put = service
        .ask("PUT", &format!("{SPACE}/CVE-2024-3"), &low)
        .await;
    assert_eq!(
        (put.status, put.body.as_str()),
        (200, "{\"Vulnerability\":{\"Severity\":\"Low\"}}\n")
    );
    let lowered = pairs(&[("CVE-2024-3", "Low 5.2-3"), ("CVE-2024-4", "High 5.2-4")]);
    assert_eq!(found(&service).await, lowered);

    let deleted = service
        .ask("DELETE", &format!("{SPACE}/CVE-2024-4"), "")
        .await;
    assert_eq!(deleted.status, 200);
    assert_eq!(found(&service).await, pairs(&[("CVE-2024-3", "Low 5.2-3")]));
    assert_eq!(
        service.get(&format!("{SPACE}/CVE-2024-4")).await.status,
        404
    );
    assert_eq!(
        service
            .ask("DELETE", &format!("{SPACE}/CVE-2024-4"), "")
            .await
            .status,
        404
    );
    assert_eq!(
        service
            .ask("DELETE", &format!("{SPACE}/CVE-2024-3"), "")
            .await
            .status,
        200
    );
    assert_eq!(found(&service).await, []);
}

#[tokio::test]
async fn what_is_hidden_comes_back_when_the_feed_changes_it() {
    let first = service().await;
    assert_eq!(
        first
            .ask("DELETE", &format!("{SPACE}/CVE-2024-3"), "")
            .await
            .status,
        200
    );
    assert_eq!(
        first
            .ask("DELETE", &format!("{SPACE}/CVE-2024-4"), "")
            .await
            .status,
        200
    );
    assert_eq!(found(&first).await, []);
    let Service { folder, server } = first;
    server.stop();
    server.ended().await.unwrap();
    let mut changed = advisory(4);
    changed.severity = Severity::Critical;
    // Other words are no other meaning.
    let mut reworded = advisory(3);
    reworded.description = "the same in other words".to_owned();
    reworded.links = vec!["https://example.org/moved".to_owned()];
    reworded.affected[0].note = Some("looked at again".to_owned());
    publish(&folder, &[reworded, changed]);
    let second = Service::within(folder, config(), Options::default()).await;
    assert_eq!(
        found(&second).await,
        pairs(&[("CVE-2024-4", "Critical 5.2-4")])
    );
}

#[tokio::test]
async fn a_list_is_paged_through_feeds_and_written_ones() {
    let service = service().await;
    for name in ["OWN-1", "OWN-2", "CVE-2024-2"] {
        let body = json!({"Vulnerability": {"Name": name, "NamespaceName": "debian:12",
            "Severity": "low", "FixedIn": [{"Name": "bash", "Version": "9"}]}});
        let answer = service.ask("POST", SPACE, &body.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    for limit in [1, 2, 3, 6, 100] {
        let mut names = Vec::new();
        let mut page = String::new();
        loop {
            let target = format!("{SPACE}?limit={limit}{page}");
            let answer = service.get(&target).await.json();
            let list = answer["Vulnerabilities"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            names.extend(
                list.iter()
                    .map(|it| it["Name"].as_str().unwrap().to_owned()),
            );
            match answer["NextPage"].as_str() {
                Some(next) => page = format!("&page={next}"),
                None => break,
            }
        }
        let expected = [
            "CVE-2024-1",
            "CVE-2024-3",
            "CVE-2024-4",
            "OWN-1",
            "OWN-2",
            "CVE-2024-2",
        ];
        assert_eq!(names, expected, "{limit}");
    }
    for (target, message) in [
        (SPACE.to_owned(), "must provide limit query parameter"),
        (
            format!("{SPACE}?limit=-1"),
            "limit value should not be less than zero",
        ),
        (
            format!("{SPACE}?limit=1&page=zz"),
            "invalid page format: invalid or expired pagination token",
        ),
        (
            "/v1/namespaces/nope:1/vulnerabilities?limit=1".to_owned(),
            "the resource cannot be found",
        ),
    ] {
        assert_eq!(service.get(&target).await.error(), message);
    }
}

#[tokio::test]
async fn no_page_leads_to_an_empty_one() {
    let service = service().await;
    // The pages of a list, each as its length.
    let pages = async |limit: usize| {
        let mut lengths = Vec::new();
        let mut page = String::new();
        loop {
            let target = format!("{SPACE}?limit={limit}{page}");
            let answer = service.get(&target).await.json();
            lengths.push(answer["Vulnerabilities"].as_array().map_or(0, Vec::len));
            match answer["NextPage"].as_str() {
                Some(next) => page = format!("&page={next}"),
                None => return lengths,
            }
        }
    };
    assert_eq!(pages(2).await, [2, 2]);
    assert_eq!(pages(4).await, [4]);
    // The rest is hidden, and the last one of all is written.
    for name in ["CVE-2024-3", "CVE-2024-4"] {
        let deleted = service.ask("DELETE", &format!("{SPACE}/{name}"), "").await;
        assert_eq!(deleted.status, 200);
    }
    assert_eq!(pages(1).await, [1, 1]);
    assert_eq!(pages(2).await, [2]);
    let low = json!({"Vulnerability": {"Severity": "Low"}}).to_string();
    let put = service
        .ask("PUT", &format!("{SPACE}/CVE-2024-2"), &low)
        .await;
    assert_eq!(put.status, 200);
    assert_eq!(pages(1).await, [1, 1]);
    assert_eq!(pages(2).await, [2]);
}

#[tokio::test]
async fn fixes_work_as_documented() {
    let service = service().await;
    let fix = |version: &str| {
        json!({"Feature": {"Name": "bash", "NamespaceName": "debian:12", "Version": version}})
            .to_string()
    };
    let at = format!("{SPACE}/CVE-2024-3/fixes");
    let put = service
        .ask("PUT", &format!("{at}/bash"), &fix("5.2-9"))
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(
        service.get(&at).await.body,
        "{\"Features\":[{\"Name\":\"bash\",\"NamespaceName\":\"debian:12\",\"VersionFormat\":\"dpkg\",\"Version\":\"5.2-9\"}]}\n"
    );
    assert_eq!(
        found(&service).await,
        pairs(&[("CVE-2024-3", "High 5.2-9"), ("CVE-2024-4", "High 5.2-4")])
    );
    assert_eq!(
        service
            .ask("DELETE", &format!("{at}/bash"), "")
            .await
            .status,
        200
    );
    assert_eq!(
        service
            .ask("DELETE", &format!("{at}/other"), "")
            .await
            .status,
        200
    );
    assert_eq!(service.get(&at).await.body, "{\"Features\":null}\n");
    assert_eq!(
        found(&service).await,
        pairs(&[("CVE-2024-4", "High 5.2-4")])
    );
    let unknown = format!("{SPACE}/NOPE/fixes/bash");
    assert_eq!(service.ask("PUT", &unknown, &fix("1")).await.status, 404);
    assert_eq!(service.ask("DELETE", &unknown, "").await.status, 404);
    let other = service.ask("PUT", &format!("{at}/zsh"), &fix("1")).await;
    assert_eq!(other.error(), "feature name in URL and JSON do not match");
}
