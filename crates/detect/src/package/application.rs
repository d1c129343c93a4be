//! Applications known by the file that holds their version: those that are unpacked into an image, by no package
//! manager, and that Bitnami's advisories speak of.
//!
//! One row of [`ROWS`] an application: how the path of the file ends, and behind which words the version stands
//! in it. Sources: the applications' own repositories, at the paths named.
//!
//! Not here: applications that an ecosystem's package is (`drupal/core`, `apache-airflow`, Jenkins' archive).

use memchr::memmem;
use pellucid_image::Want;
use pellucid_model::{PackageKind, WarningKind};

use super::named;
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};

/// The detector.
pub(crate) struct Application;

/// An application.
struct Row {
    /// Bitnami's name.
    product: &'static str,
    /// The last parts of the file's path; a star stands for any name of a folder.
    path: &'static [u8],
    /// Words that the file has beside the version.
    marks: &'static [&'static [u8]],
    version: Version,
}

/// Where the version stands.
enum Version {
    /// From the first digit on behind these words, which must be near.
    Behind(&'static [u8]),
    /// A number behind each of these words, and what is quoted behind the last ones, if anything is.
    Numbers([&'static [u8]; 3], Option<&'static [u8]>),
}

use Version::{Behind, Numbers};

const fn row(
    product: &'static str,
    path: &'static [u8],
    marks: &'static [&'static [u8]],
    version: Version,
) -> Row {
    Row {
        product,
        path,
        marks,
        version,
    }
}

/// Every application.
const ROWS: &[Row] = &[
    row(
        "discourse",
        b"discourse/lib/version.rb",
        &[],
        Behind(b"STRING = \""),
    ),
    // Up to 3.1.
    row(
        "discourse",
        b"discourse/lib/version.rb",
        &[],
        Numbers([b"MAJOR ", b"MINOR ", b"TINY "], Some(b"PRE ")),
    ),
    row(
        "ghost",
        b"ghost/versions/*/package.json",
        &[b"\"ghost\""],
        Behind(b"\"version\":"),
    ),
    row(
        "gitlab",
        b"opt/gitlab/version-manifest.txt",
        &[],
        Behind(b"gitlab-"),
    ),
    row(
        "joomla",
        b"administrator/manifests/files/joomla.xml",
        &[],
        Behind(b"<version>"),
    ),
    row(
        "kibana",
        b"kibana/package.json",
        &[b"\"kibana\""],
        Behind(b"\"version\":"),
    ),
    row(
        "mastodon",
        b"lib/mastodon/version.rb",
        // Clients such as the gem mastodon-api have such a file too.
        &[b"source_base_url"],
        Numbers([b"def major", b"def minor", b"def patch"], None),
    ),
    // Up to 1.5.
    row(
        "mastodon",
        b"lib/mastodon/version.rb",
        &[b"def flags"],
        Numbers([b"def major", b"def minor", b"def patch"], None),
    ),
    row(
        "moodle",
        b"version.php",
        &[b"Moodle", b"$branch"],
        Behind(b"$release"),
    ),
    row(
        "nextcloud",
        b"version.php",
        &[b"nextcloud", b"$OC_Version"],
        Behind(b"$OC_VersionString"),
    ),
    row(
        "phpmyadmin",
        b"libraries/classes/Version.php",
        &[b"PhpMyAdmin"],
        Behind(b" VERSION = '"),
    ),
    row(
        "phpmyadmin",
        b"libraries/classes/Config.php",
        &[b"PhpMyAdmin", b"'PMA_VERSION', '"],
        Behind(b"'PMA_VERSION', '"),
    ),
    row("rabbitmq", b"ebin/rabbit.app", &[], Behind(b"{vsn")),
    row(
        "redmine",
        b"lib/redmine/version.rb",
        &[],
        Numbers([b"MAJOR", b"MINOR", b"TINY"], None),
    ),
    row(
        "wordpress",
        b"wp-includes/version.php",
        &[],
        Behind(b"$wp_version = '"),
    ),
];

/// Bytes between the words and the version, at most.
const GAP: usize = 24;
/// Longest version, in bytes.
const LONGEST: usize = 40;

impl Detector for Application {
    fn name(&self) -> &'static str {
        "application"
    }

    fn version(&self) -> u32 {
        2
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[
            Trigger::Name("Config.php"),
            Trigger::Name("Version.php"),
            Trigger::Name("joomla.xml"),
            Trigger::Name("package.json"),
            Trigger::Name("rabbit.app"),
            Trigger::Name("version-manifest.txt"),
            Trigger::Name("version.php"),
            Trigger::Name("version.rb"),
        ]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if rows(candidate.path).next().is_some() {
            Want::Whole { limit: 1 << 20 }
        } else {
            Want::Skip
        }
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let bytes = file.bytes()?;
        let has = |mark: &&[u8]| memmem::find(&bytes, mark).is_some();
        let mut unread = None;
        for row in rows(file.path).filter(|row| row.marks.iter().all(has)) {
            if let Some(version) = row.version.find(&bytes) {
                return named(out, PackageKind::Generic, row.product, &version, None);
            }
            unread = Some(row.product);
        }
        if let Some(product) = unread {
            let what = format!("no version of {product} is found where this file should have it");
            out.warn(WarningKind::BadRecord, None, what);
        }
        Ok(())
    }
}

/// The applications that could have a file of this path.
fn rows(path: &[u8]) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| {
        let mut own = path.rsplit(|byte| *byte == b'/');
        let mut wanted = row.path.rsplit(|byte| *byte == b'/');
        wanted.all(|part| own.next().is_some_and(|own| part == b"*" || part == own))
    })
}

impl Version {
    fn find(&self, bytes: &[u8]) -> Option<String> {
        match self {
            Behind(words) => {
                let text = digits_behind(bytes, words)?;
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
                let length = text.iter().take(LONGEST).take_while(is_part).count();
                let text = std::str::from_utf8(text.get(..length)?).ok()?;
                Some(text.trim_end_matches(['.', '-']).to_owned())
            }
            Numbers(words, pre) => {
                let mut numbers = Vec::new();
                for words in words {
                    let text = digits_behind(bytes, words)?;
                    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let number = std::str::from_utf8(text.get(..length)?).ok()?;
                    numbers.push(number.parse::<u32>().ok()?.to_string());
                }
                numbers.extend(pre.and_then(|words| quoted_behind(bytes, words)));
                Some(numbers.join("."))
            }
        }
    }
}

/// The bytes from the first digit on that follows these words.
fn digits_behind<'a>(bytes: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    let rest = bytes.get(memmem::find(bytes, words)? + words.len()..)?;
    let mut gap = rest.iter().take(GAP);
    let digit = gap.position(u8::is_ascii_digit)?;
    rest.get(digit..)
}

/// The word in quotes that these words are set to.
fn quoted_behind(bytes: &[u8], words: &[u8]) -> Option<String> {
    let rest = bytes.get(memmem::find(bytes, words)? + words.len()..)?;
    let start = rest
        .iter()
        .take(GAP)
        .position(|byte| !b" =".contains(byte))?;
    let word = rest.get(start..)?.strip_prefix(b"'".as_slice());
    let word = word.or_else(|| rest.get(start..)?.strip_prefix(b"\"".as_slice()))?;
    let length = word
        .iter()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric());
    let word = std::str::from_utf8(word.get(..length.count())?).ok()?;
    (!word.is_empty()).then(|| word.to_owned())
}
