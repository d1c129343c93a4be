//! The table of feeds: names, keys and the page that lists them.

use std::collections::BTreeSet;
use std::path::Path;

use pellucid_feeds::{FEEDS, FeedState, covering, feed_of, keys};
use pellucid_model::Namespace;

#[test]
fn every_feed_has_a_row_in_its_page_and_keys_that_lead_back_to_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/feeds.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut seen = BTreeSet::new();
    for feed in FEEDS {
        assert!(
            page.contains(&format!("| `{}` |", feed.name())),
            "{}",
            feed.name()
        );
        for key in feed.parts() {
            assert_eq!(feed_of(&key).unwrap().name(), feed.name());
            assert!(feed.plan(&key, &FeedState::default()).is_ok(), "{key}");
            assert!(seen.insert(key.clone()), "{key} twice");
        }
        assert!(
            feed.plan(&format!("{}/../x", feed.name()), &FeedState::default())
                .is_err()
        );
    }
}

#[test]
fn a_namespace_leads_to_the_snapshots_that_speak_of_it() {
    let check = |namespace: &str, expected: &[(&str, &str)]| {
        let found: Vec<_> = covering(&Namespace::from(namespace))
            .into_iter()
            .map(|answer| (answer.key, answer.namespace.to_string()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, name)| ((*key).to_owned(), (*name).to_owned()))
            .collect();
        assert_eq!(found, expected, "{namespace}");
    };
    check("debian:12", &[("debian", "debian:12")]);
    check("debian:sid", &[("debian", "debian:unstable")]);
    check("debian:unstable", &[("debian", "debian:unstable")]);
    check("debian:99", &[]);
    check("debian", &[]);
    check("alpine:v3.20", &[("alpine/v3.20", "alpine:v3.20")]);
    check("alpine:v3.99", &[("alpine/v3.99", "alpine:v3.99")]);
    check("alpine:edge", &[("alpine/edge", "alpine:edge")]);
    check("alpine:v3.20/../../x", &[]);
    check("alpine:3.20", &[]);
    check("ubuntu:12", &[]);
    check(
        "ubuntu:22.04",
        &[
            ("ubuntu", "ubuntu:22.04"),
            ("ubuntu-tracker", "ubuntu:22.04"),
        ],
    );
    check("wolfi", &[("wolfi", "wolfi")]);
    check("chainguard", &[("chainguard", "chainguard")]);
    check("minimos:20250101", &[("minimos", "minimos")]);
    check("arch", &[("arch", "arch")]);
    check("archarm", &[("arch", "arch")]);
    check("manjaro", &[]);
    check("gentoo", &[("gentoo", "gentoo")]);
    check("bottlerocket", &[("bottlerocket", "bottlerocket")]);
    for clone in ["rhel:8", "centos:8", "scientific:8"] {
        check(clone, &[("redhat", "rhel:8"), ("redhat-oval/8", "rhel:8")]);
    }
    check("centos-stream:9", &[]);
    check("hummingbird", &[("redhat", "hummingbird")]);
    check("almalinux:9", &[("almalinux", "almalinux:9")]);
    check("rocky:9", &[("rocky", "rocky:9")]);
    check("oracle:9", &[("oracle", "oracle:9")]);
    check("amzn:2017.09", &[("amazon/2018.03", "amzn:2018.03")]);
    check("sles:15.5", &[("suse/server.15", "sles:15.5")]);
    check("sle-micro:5.5", &[("suse/micro.5.5", "sle-micro:5.5")]);
    check("sl-micro:6.0", &[("suse/micro.6.0", "sl-micro:6.0")]);
    check("mariner:2.0", &[("azurelinux/mariner-2.0", "mariner:2.0")]);
    check("photon:5.0", &[("photon/5", "photon:5.0")]);
    check("fedora:41", &[("fedora/41", "fedora:41")]);
    check("raspbian:12", &[("debian", "debian:12")]);
    check("mageia:9", &[("mageia", "mageia:9")]);
    check("mageia:cauldron", &[]);
    check(
        "openeuler:24.03-LTS-SP1",
        &[("openeuler", "openeuler:24.03-LTS-SP1")],
    );
    check(
        "openeuler:22.03-LTS",
        &[("openeuler", "openeuler:22.03-LTS")],
    );
    for unknown in ["24.03", "25.03", "24.03-LTS-SP", "24.03-LTSX", "24.3-LTS"] {
        check(&format!("openeuler:{unknown}"), &[]);
    }
    check("alpaquita:stream", &[("alpaquita", "alpaquita:stream")]);
    check(
        "bellsoft-hardened-containers:25",
        &[(
            "bellsoft-hardened-containers",
            "bellsoft-hardened-containers:25",
        )],
    );
    check("cleanstart", &[("cleanstart", "cleanstart")]);
    check("echo", &[("echo", "echo")]);
    check("secureos", &[("secureos", "secureos")]);
}

#[test]
fn a_word_means_a_feed_or_one_of_its_parts() {
    assert_eq!(keys("debian").unwrap(), ["debian"]);
    assert_eq!(keys("alpine/v3.20").unwrap(), ["alpine/v3.20"]);
    assert!(keys("alpine").unwrap().contains(&"alpine/edge".to_owned()));
    for unknown in [
        "",
        "alp",
        "alpine/",
        "alpine/v3",
        "debian/12",
        "alpine/v3.20/main",
    ] {
        assert!(keys(unknown).is_err(), "{unknown}");
    }
}
