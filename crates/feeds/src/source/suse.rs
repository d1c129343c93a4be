//! SUSE Linux Enterprise, openSUSE Leap and Tumbleweed: OVAL, one file a product line.
//!
//! One definition is a CVE. The comments of criteria lie (`mailx-12.5-1.87 is installed` where the
//! state says *less than*), so only tests count. The `-affected` files also have what is not fixed:
//! *less than 0:0-0* is never, *greater than 0:0-0* is always. A file speaks of many products; the
//! same package stands under every module, and what holds for a service pack's modules holds for its
//! server. The server's file has all service packs of its major release.
//!
//! Not here: CSAF, SUSE Manager, storage and other products that are no base of images.

use pellucid_model::{NameKind, Namespace};

use crate::format::oval::{self, Dialect};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://ftp.suse.com/pub/projects/security/oval`.
pub(crate) struct Suse;

const FOLDER: &str = "https://ftp.suse.com/pub/projects/security/oval";

/// The server's file has some 500 MB unpacked.
const LIMIT: u64 = 2 << 30;

const PARTS: &[&str] = &[
    "suse/leap.15.0",
    "suse/leap.15.1",
    "suse/leap.15.2",
    "suse/leap.15.3",
    "suse/leap.15.4",
    "suse/leap.15.5",
    "suse/leap.15.6",
    "suse/leap.16.0",
    "suse/leap.42.3",
    "suse/leap.micro.5.2",
    "suse/leap.micro.5.3",
    "suse/leap.micro.5.4",
    "suse/leap.micro.5.5",
    "suse/tumbleweed",
    "suse/server.11",
    "suse/server.12",
    "suse/server.15",
    "suse/micro.5.0",
    "suse/micro.5.1",
    "suse/micro.5.2",
    "suse/micro.5.3",
    "suse/micro.5.4",
    "suse/micro.5.5",
    "suse/micro.6.0",
    "suse/micro.6.1",
];

const DIALECT: Dialect = Dialect {
    products,
    names_products: true,
    true_comments: false,
};

impl Feed for Suse {
    fn name(&self) -> &'static str {
        "suse"
    }

    fn parts(&self) -> Vec<String> {
        PARTS.iter().map(|part| (*part).to_owned()).collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let release = namespace.release();
        let (part, namespace) = match (namespace.distribution(), release) {
            ("opensuse-tumbleweed", _) => (
                "tumbleweed".to_owned(),
                Namespace::new("opensuse-tumbleweed"),
            ),
            ("opensuse-leap", Some(release)) => (format!("leap.{release}"), namespace.clone()),
            ("opensuse-leap-micro" | "leap-micro", Some(release)) => (
                format!("leap.micro.{release}"),
                Namespace::release_of("opensuse-leap-micro", release),
            ),
            ("sle-micro" | "suse-microos" | "sle-microos", Some(release)) => (
                format!("micro.{release}"),
                Namespace::release_of("sle-micro", release),
            ),
            // Since version 6, without the word Enterprise.
            ("sl-micro", Some(release)) => (format!("micro.{release}"), namespace.clone()),
            ("sles" | "sled" | "sles_sap" | "sle_hpc" | "sle-hpc", Some(release)) => {
                let major = release.split('.').next()?;
                (
                    format!("server.{major}"),
                    Namespace::release_of("sles", release),
                )
            }
            _ => return None,
        };
        let key = format!("suse/{part}");
        file_of(&key).ok()?;
        Some(Answer { key, namespace })
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let file = file_of(key)?;
        let url = format!("{FOLDER}/{file}-affected.xml.gz");
        let mut request = Request::new("oval.xml", url, LIMIT);
        // Not every product line has a file with what is not fixed.
        request.instead = vec![format!("{FOLDER}/{file}.xml.gz")];
        Ok(Plan::Advisories {
            requests: vec![request],
            mark: None,
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        file_of(file.key)?;
        DIALECT.read(file, out, &mut |definition, rows, out| {
            let ids = definition.cve_ids();
            let titled = definition
                .title
                .split([' ', ':'])
                .next()
                .unwrap_or_default();
            let Some(id) = ids.iter().find(|id| *id == titled).or(ids.first()) else {
                out.bad_record(&definition.id, "it names no CVE");
                return;
            };
            let mut advisory = definition.advisory(id, out);
            advisory.title = None;
            let page = format!("https://www.suse.com/security/cve/{id}/");
            advisory.links = vec![page];
            if let Some(cve) = definition.cve(id) {
                advisory.cvss = cve.cvss("suse");
                advisory.cwes.clone_from(&cve.cwes);
                // Often there is none in it, and the definition's own word holds.
                if let Some(impact) = cve.impact.as_deref().filter(|word| !word.is_empty()) {
                    definition.rate(&mut advisory, impact, out);
                }
            }
            advisory.affected = oval::affected(rows, NameKind::Binary, &[], None);
            if advisory.affected.is_empty() {
                out.left_out(&definition.id, "no package of a product that is followed");
            } else {
                out.advisory(advisory);
            }
        })
    }
}

/// The name of a key's file, without its end.
fn file_of(key: &str) -> Result<String, FeedError> {
    let part = key.strip_prefix("suse/").filter(|part| {
        let (line, release) = part
            .find(|c: char| c.is_ascii_digit())
            .and_then(|at| part.split_at_checked(at))
            .unwrap_or((part, ""));
        let digits = |text: &str| {
            (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        match line {
            "tumbleweed" => release.is_empty(),
            "server." => digits(release),
            "leap." | "leap.micro." | "micro." => release
                .split_once('.')
                .is_some_and(|(major, minor)| digits(major) && digits(minor)),
            _ => false,
        }
    });
    match part {
        Some(part) if part.starts_with("leap") || part == "tumbleweed" => {
            Ok(format!("opensuse.{part}"))
        }
        Some(part) if part.strip_prefix("micro.").is_some_and(is_sl_micro) => {
            Ok(format!("suse.linux.{part}"))
        }
        Some(part) => Ok(format!("suse.linux.enterprise.{part}")),
        None => Err(FeedError::unknown_key(key)),
    }
}

/// Whether a release of Micro is of the line that is called so without Enterprise.
fn is_sl_micro(release: &str) -> bool {
    let major = release
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    major.is_some_and(|major: u32| major >= 6)
}

/// The namespaces of a product's name; `None` for what is no product.
fn products(product: &str) -> Option<Vec<Namespace>> {
    if let Some(rest) = product.strip_prefix("openSUSE ") {
        let of = |name: &str, release: &str| vec![Namespace::release_of(name, release)];
        return Some(if let Some(release) = rest.strip_prefix("Leap Micro ") {
            of("opensuse-leap-micro", release)
        } else if let Some(release) = rest.strip_prefix("Leap ") {
            of("opensuse-leap", release.trim_end_matches(" NonFree"))
        } else if rest.starts_with("Tumbleweed") {
            vec![Namespace::new("opensuse-tumbleweed")]
        } else {
            Vec::new()
        });
    }
    let rest = product.strip_prefix("SUSE ")?;
    // Also its extras, as the modules of the server are the server's.
    if let Some(rest) = rest.strip_prefix("Linux Micro ") {
        let release = rest.strip_prefix("Extras ").unwrap_or(rest);
        return Some(vec![Namespace::release_of("sl-micro", release)]);
    }
    let Some(rest) = rest.strip_prefix("Linux Enterprise ") else {
        // Manager, Storage, OpenStack Cloud, CaaS Platform, Liberty.
        return Some(Vec::new());
    };
    let words: Vec<_> = rest.split_ascii_whitespace().collect();
    // The release is the last number, with or without a service pack: `15 SP1-LTSS`, `15-LTSS`, `5.3`.
    let release = |word: &str| {
        let number = word.split('-').next()?;
        number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
            .then(|| number.to_owned())
            .filter(|number| !number.is_empty())
    };
    let Some((at, number)) = words
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, word)| Some((at, release(word)?)))
    else {
        return Some(Vec::new());
    };
    let pack = words.get(at + 1).and_then(|word| {
        let digits = word.strip_prefix("SP")?.split('-').next()?;
        digits.parse::<u32>().ok()
    });
    let line = words.get(..at).unwrap_or_default().join(" ");
    Some(match (line.as_str(), pack) {
        ("Micro", _) => vec![Namespace::release_of("sle-micro", &number)],
        ("Live Patching" | "Module for Live Patching", _) => Vec::new(),
        (_, Some(pack)) => vec![Namespace::release_of("sles", &format!("{number}.{pack}"))],
        (_, None) => vec![Namespace::release_of("sles", &number)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_a_file() {
        for (key, file) in [
            ("suse/server.15", "suse.linux.enterprise.server.15"),
            ("suse/micro.5.5", "suse.linux.enterprise.micro.5.5"),
            ("suse/micro.6.0", "suse.linux.micro.6.0"),
            ("suse/leap.micro.6.1", "opensuse.leap.micro.6.1"),
        ] {
            assert_eq!(file_of(key).unwrap(), file);
        }
        for key in ["suse/micro.6", "suse/server.x", "suse/../x"] {
            assert!(file_of(key).is_err(), "{key}");
        }
    }

    #[test]
    fn products_are_told_from_packages_and_lead_to_namespaces() {
        for (product, expected) in [
            ("openSUSE Leap 15.3", Some("opensuse-leap:15.3")),
            ("openSUSE Leap Micro 5.3", Some("opensuse-leap-micro:5.3")),
            ("openSUSE Tumbleweed", Some("opensuse-tumbleweed")),
            ("SUSE Linux Enterprise Server 15 SP5", Some("sles:15.5")),
            (
                "SUSE Linux Enterprise Module for Basesystem 15",
                Some("sles:15"),
            ),
            (
                "SUSE Linux Enterprise Server 15 SP1-LTSS",
                Some("sles:15.1"),
            ),
            ("SUSE Linux Enterprise Server 15-LTSS", Some("sles:15")),
            ("SUSE Linux Enterprise Micro 5.3", Some("sle-micro:5.3")),
            ("SUSE Linux Micro 6.0", Some("sl-micro:6.0")),
            ("SUSE Linux Micro Extras 6.1", Some("sl-micro:6.1")),
            ("SUSE Manager Proxy 4.1", Some("")),
            (
                "SUSE Linux Enterprise Module for Live Patching 15 SP3",
                Some(""),
            ),
            ("mailx-12.5-1.87", None),
        ] {
            let found = products(product).map(|found| {
                found
                    .first()
                    .map_or(String::new(), |namespace| namespace.to_string())
            });
            assert_eq!(found.as_deref(), expected, "{product}");
        }
    }
}
