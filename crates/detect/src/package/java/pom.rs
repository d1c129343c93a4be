//! What Maven leaves in an archive: `pom.properties` and `pom.xml`.
//!
//! The first is a Java properties file of three keys. The second is the project as its authors
//! wrote it: group and version may be inherited from a parent that is named in it, or be variables
//! that only Maven can resolve; its path always names group and artifact.

use super::coordinates::{Coordinates, FileName, plain, plausible};

/// What a `pom.properties` says. A missing version is taken from the name of the file.
pub(super) fn properties(bytes: &[u8], file: &FileName) -> Option<Coordinates> {
    let (mut group, mut artifact, mut version) = (None, None, None);
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = line.trim_start();
        if line.starts_with(['#', '!']) {
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let place = match key.trim() {
            "groupId" => &mut group,
            "artifactId" => &mut artifact,
            "version" => &mut version,
            _ => continue,
        };
        let value = value.trim().replace('\\', "");
        if !value.is_empty() && value.len() <= 512 && !value.contains(['$', ' ', '\t', '\0']) {
            *place = Some(value);
        }
    }
    let artifact = artifact?;
    let version = version.or_else(|| file.version.clone().filter(|_| file.artifact == artifact))?;
    Some(Coordinates {
        group,
        artifact,
        version,
    })
}

/// A project that a `pom.xml` describes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: Option<String>,
}

/// Group and artifact by the path `META-INF/maven/GROUP/ARTIFACT/pom.xml`, the version as written.
pub(super) fn project(xml: &[u8], path: &[u8]) -> Option<Project> {
    let path = std::str::from_utf8(path).ok()?;
    let mut parts = path.strip_prefix("META-INF/maven/")?.split('/');
    let (group, artifact) = (parts.next()?, parts.next()?);
    if parts.next() != Some("pom.xml") || !plain(group) || !plain(artifact) {
        return None;
    }
    Some(Project {
        group: group.to_owned(),
        artifact: artifact.to_owned(),
        version: version(&String::from_utf8_lossy(xml)),
    })
}

/// The text of `project/version`, else of `project/parent/version`.
fn version(xml: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut in_parent = false;
    let mut inherited = None;
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once('<') {
        let skipped = after
            .strip_prefix("!--")
            .map(|comment| comment.split_once("-->").map_or("", |(_, after)| after));
        if let Some(after) = skipped {
            rest = after;
            continue;
        }
        let (tag, after) = after.split_once('>')?;
        rest = after;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            depth = depth.checked_sub(1)?;
            in_parent &= depth >= 2;
            continue;
        }
        let name = tag
            .split([' ', '\t', '\r', '\n', '/'])
            .next()
            .unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or(name);
        if name == "version" && (depth == 1 || depth == 2 && in_parent) {
            let text = after.split('<').next().unwrap_or_default().trim();
            if plausible(text) {
                if depth == 1 {
                    return Some(text.to_owned());
                }
                inherited.get_or_insert_with(|| text.to_owned());
            }
        }
        if !tag.ends_with('/') {
            in_parent |= depth == 1 && name == "parent";
            depth += 1;
        }
    }
    inherited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_java_does() {
        let file = FileName::of("shop-1.2.3.jar");
        let found = properties(
            b"#Generated\r\nversion = 2.0\\:1\r\ngroupId:com.example\nartifactId=shop",
            &file,
        )
        .unwrap();
        assert_eq!(found.group.as_deref(), Some("com.example"));
        assert_eq!(
            (found.artifact.as_str(), found.version.as_str()),
            ("shop", "2.0:1")
        );
        let found = properties(b"artifactId=shop\nversion=${project.version}", &file).unwrap();
        assert_eq!((found.group, found.version.as_str()), (None, "1.2.3"));
        assert!(properties(b"artifactId=other\n", &file).is_none());
        assert!(properties(b"\0\0\0", &file).is_none());
    }

    #[test]
    fn a_projects_own_version_comes_before_its_parents() {
        let own = "<?xml version='1.0'?><!-- <version>0</version> --><project xmlns=\"x\"><parent>\
            <version>1.0</version></parent><dependencies><dependency><version>9</version>\
            </dependency></dependencies><version> 2.0 </version></project>";
        assert_eq!(version(own).as_deref(), Some("2.0"));
        let inherited = "<project><parent><version>1.0</version></parent><version>${revision}</version>\
            <build><version>9</version></build></project>";
        assert_eq!(version(inherited).as_deref(), Some("1.0"));
        assert_eq!(version("<project><a/><version>3"), Some("3".to_owned()));
        assert_eq!(version("</a></b><version>3</version>"), None);
    }
}
