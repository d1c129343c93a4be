//! Ignore rules in the files of other scanners: `.trivyignore` as text and as YAML, the `ignore` list of
//! grype's configuration, clair-scanner's whitelist.
//!
//! A condition that pellucid does not know is an error: a rule without it would ignore more than its
//! writer meant. Rules about other things than vulnerabilities (secrets, misconfigurations) are left
//! out: there is nothing here that they could ignore.

use std::path::Path;

use pellucid_matcher::{Pattern, Purl, Waiver};
use pellucid_model::{FixState, PackageKind};
use serde::Deserialize;
use serde_json::Value;

use super::file::{day, text};
use crate::exit::Usage;

/// Reads the rules of a file; the content decides which kind it is.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Waiver>> {
    let text = text(path)?;
    let origin = path.display().to_string();
    rules(&text, &origin).map_err(|reason| Usage(format!("{origin}: {reason}")).into())
}

/// The rules of a file's text, each with the name of where it comes from.
pub(crate) fn rules(text: &str, origin: &str) -> Result<Vec<Waiver>, String> {
    let yaml = serde_saphyr::from_str::<Value>(text);
    let Ok(Value::Object(document)) = &yaml else {
        return lines(text, origin);
    };
    let mut waivers = Vec::new();
    let mut is_known = false;
    if let Some(list) = document.get("vulnerabilities") {
        is_known = true;
        for rule in typed::<Vec<Trivy>>(list)? {
            waivers.push(rule.waiver(origin)?);
        }
    }
    if let Some(list) = document.get("ignore") {
        is_known = true;
        for rule in typed::<Vec<Grype>>(list)? {
            waivers.push(rule.waiver(origin)?);
        }
    }
    if let Some(general) = document.get("generalwhitelist") {
        is_known = true;
        whitelist(general, None, origin, &mut waivers)?;
    }
    if let Some(Value::Object(images)) = document.get("images") {
        is_known = true;
        for (image, rules) in images {
            whitelist(rules, Some(image), origin, &mut waivers)?;
        }
    }
    if is_known {
        Ok(waivers)
    } else {
        Err(
            "it is neither a .trivyignore, nor has it a list `vulnerabilities` (trivy), `ignore` \
             (grype), `generalwhitelist` or `images` (clair-scanner)"
                .to_owned(),
        )
    }
}

fn typed<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone())
        .map_err(|error| pellucid_server::explain_key(&error.to_string()))
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| error.to_string())
}

/// A `.trivyignore`: an id a line, `exp:` and a day behind it, `#` before comments.
fn lines(text: &str, origin: &str) -> Result<Vec<Waiver>, String> {
    let mut waivers = Vec::new();
    let mut comment: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(text) = line.strip_prefix('#') {
            comment = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            continue;
        }
        let line = line.split(" #").next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(id) = words.next() else {
            comment = None;
            continue;
        };
        let is_id = |letter: char| letter.is_ascii_alphanumeric() || "-_.:*".contains(letter);
        if !id.chars().all(is_id) {
            return Err(format!(
                "line {}: {id:?} is no vulnerability's id",
                number + 1
            ));
        }
        let mut waiver = Waiver {
            id: Some(pattern(id)?),
            reason: comment.clone(),
            origin: origin.to_owned(),
            ..Waiver::default()
        };
        for word in words {
            match word.strip_prefix("exp:") {
                Some(text) => waiver.expires = Some(day(text)?),
                None => {
                    return Err(format!("line {}: {word:?} is not understood", number + 1));
                }
            }
        }
        waivers.push(waiver);
    }
    Ok(waivers)
}

/// A rule of `.trivyignore.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trivy {
    id: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    purls: Vec<String>,
    #[serde(default)]
    statement: Option<String>,
    #[serde(default)]
    expired_at: Option<String>,
}

impl Trivy {
    fn waiver(self, origin: &str) -> Result<Waiver, String> {
        let purl = |text: &String| Purl::new(text).map_err(|error| error.to_string());
        let path = |text: &String| pattern(text.trim_start_matches('/'));
        Ok(Waiver {
            id: Some(pattern(&self.id)?),
            paths: self.paths.iter().map(path).collect::<Result<_, _>>()?,
            purls: self.purls.iter().map(purl).collect::<Result<_, _>>()?,
            reason: self.statement,
            expires: self.expired_at.as_deref().map(day).transpose()?,
            origin: origin.to_owned(),
            ..Waiver::default()
        })
    }
}

/// A rule of grype's `ignore` list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Grype {
    #[serde(default)]
    vulnerability: Option<String>,
    /// Our rules always look at aliases.
    #[serde(default)]
    #[expect(dead_code, reason = "known, and without effect")]
    include_aliases: Option<bool>,
    #[serde(default)]
    fix_state: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    package: GrypePackage,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct GrypePackage {
    name: Option<String>,
    version: Option<String>,
    language: Option<String>,
    r#type: Option<String>,
    location: Option<String>,
    upstream_name: Option<String>,
}

impl Grype {
    fn waiver(self, origin: &str) -> Result<Waiver, String> {
        let package = self.package;
        if package.name.is_some() && package.upstream_name.is_some() {
            return Err(
                "a rule has both a name and an upstream-name, which pellucid takes for one"
                    .to_owned(),
            );
        }
        let word = package.r#type.as_ref().or(package.language.as_ref());
        let kind = word.map(|word| kind(word)).transpose()?;
        let fix_state = self.fix_state.as_deref().map(fix_state).transpose()?;
        let mut waiver = Waiver {
            id: self.vulnerability.as_deref().map(pattern).transpose()?,
            package: package
                .name
                .or(package.upstream_name)
                .as_deref()
                .map(expression)
                .transpose()?,
            version: package.version,
            kind,
            paths: package
                .location
                .map(|path| pattern(path.trim_start_matches('/')))
                .transpose()?
                .into_iter()
                .collect(),
            fix_state,
            reason: self.reason,
            origin: origin.to_owned(),
            ..Waiver::default()
        };
        if let Some(namespace) = &self.namespace {
            match namespace.split(':').collect::<Vec<_>>().as_slice() {
                [_, "distro", name, release] => {
                    waiver.namespace = Some(pattern(&format!("{name}:{release}"))?);
                }
                [_, "language", language, ..] if waiver.kind.is_none() => {
                    waiver.kind = Some(self::kind(language)?);
                }
                _ => return Err(format!("the namespace {namespace:?} is not understood")),
            }
        }
        if waiver.is_empty() {
            return Err("a rule has no condition, so it would ignore everything".to_owned());
        }
        Ok(waiver)
    }
}

/// A name that grype reads as a regular expression: `.*` is understood, other signs are not.
fn expression(name: &str) -> Result<Pattern, String> {
    let name = name.trim_start_matches('^').trim_end_matches('$');
    let plain = name.replace(".*", "**");
    if plain.contains(['[', '(', '|', '+', '\\', '{', '?', '^', '$']) {
        return Err(format!(
            "the name {name:?} is an expression that is not understood"
        ));
    }
    pattern(&plain)
}

fn kind(word: &str) -> Result<PackageKind, String> {
    Ok(match word {
        "python" => PackageKind::Pypi,
        "javascript" => PackageKind::Npm,
        "java" | "java-archive" | "jenkins-plugin" => PackageKind::Maven,
        "go" | "go-module" => PackageKind::Golang,
        "ruby" => PackageKind::Gem,
        "rust" | "rust-crate" => PackageKind::Cargo,
        "php" | "php-composer" => PackageKind::Composer,
        "dotnet" => PackageKind::Nuget,
        word => {
            return PackageKind::from_name(word)
                .ok_or_else(|| format!("the package type {word:?} is not understood"));
        }
    })
}

fn fix_state(word: &str) -> Result<FixState, String> {
    Ok(match word {
        "fixed" => FixState::Fixed,
        "not-fixed" => FixState::NotFixed,
        "wont-fix" => FixState::WontFix,
        "unknown" => FixState::Unknown,
        word => return Err(format!("the fix state {word:?} is not understood")),
    })
}

/// clair-scanner: an id and beside it the package's name, or a comment. Only the id decides there.
fn whitelist(
    rules: &Value,
    image: Option<&String>,
    origin: &str,
    into: &mut Vec<Waiver>,
) -> Result<(), String> {
    let rules = match rules {
        Value::Object(rules) => rules,
        Value::Null => return Ok(()),
        _ => return Err("a whitelist is no list of ids with a word beside each".to_owned()),
    };
    for (id, word) in rules {
        into.push(Waiver {
            id: Some(pattern(id)?),
            images: image
                .map(|image| pattern(image))
                .transpose()?
                .into_iter()
                .collect(),
            reason: word.as_str().map(str::to_owned),
            origin: origin.to_owned(),
            ..Waiver::default()
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::rules;

    fn words(text: &str) -> Vec<String> {
        let rules = rules(text, "x").unwrap();
        rules.iter().map(pellucid_matcher::Waiver::words).collect()
    }

    #[test]
    fn the_rules_of_others_are_understood() {
        let trivy = "# accepted\nCVE-2018-14618\n\nCVE-2019-1543 exp:2023-01-01 # later\n";
        assert_eq!(words(trivy), ["id CVE-2018-14618", "id CVE-2019-1543"]);
        assert_eq!(
            rules(trivy, "x").unwrap()[0].reason.as_deref(),
            Some("accepted")
        );
        assert_eq!(
            rules(trivy, "x").unwrap()[1].expires.as_ref().unwrap().1,
            "2023-01-01"
        );
        let yaml = "vulnerabilities:\n  - id: CVE-2022-40897\n    paths: [\"/usr/local/**\"]\n    \
                    purls: [\"pkg:pypi/setuptools\"]\n    statement: Accept\n    expired_at: 2030-01-01\nsecrets: []\n";
        assert_eq!(
            words(yaml),
            ["id CVE-2022-40897, purl pkg:pypi/setuptools, path usr/local/**"]
        );
        let grype = "ignore:\n  - vulnerability: CVE-2008-4318\n    fix-state: unknown\n    package:\n      \
                     name: libcurl.*\n      version: 1.5.1\n      type: npm\n      location: \"/usr/**\"\n  \
                     - namespace: debian:distro:debian:12\n";
        assert_eq!(
            words(grype),
            [
                "id CVE-2008-4318, package libcurl**, version 1.5.1, kind npm, path usr/**, fix unknown",
                "namespace debian:12"
            ]
        );
        let clair = "generalwhitelist:\n  CVE-2017-6055: XML\nimages:\n  ubuntu:\n    CVE-2017-5230: Java\n";
        assert_eq!(
            words(clair),
            ["id CVE-2017-6055", "id CVE-2017-5230, image ubuntu"]
        );
    }

    #[test]
    fn what_is_not_understood_ignores_nothing() {
        for wrong in [
            "ignore:\n  - vulnerability: CVE-1\n    match-type: exact-direct-match\n",
            "ignore:\n  - package: {name: \"(a|b)\"}\n",
            "ignore:\n  - reason: x\n",
            "vulnerabilities:\n  - id: CVE-1\n    platform: x\n",
            "CVE-1 until:2020\n",
            "other: 1\n",
        ] {
            assert!(rules(wrong, "x").is_err(), "{wrong}");
        }
    }
}
