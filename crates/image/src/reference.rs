//! What a caller writes to name an image: `[SOURCE:]PATH[:IMAGE]`, with `#` for the second colon if one
//! likes, or `[SOURCE:]NAME`.
//!
//! A path may hold colons, so the longest path that is there wins and the rest names the image. An
//! image is named by its tag (`web:1.2`), by its digest, or by its place (`@0`). What is at no path may
//! be a name, unless it looks like a path; and so is what could be a name as a whole, if the path in it
//! is a folder that holds no images by name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::ImageError;
use crate::source::registry::Name;

/// A reference taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The source's prefix, if one was written.
    pub(crate) source: Option<&'static str>,
    pub(crate) path: PathBuf,
    /// Which image of several.
    pub(crate) image: Option<String>,
    /// Whether the source that was written has names, not paths.
    named: bool,
}

impl Reference {
    /// Takes a reference apart; `sources` are the prefixes there are, and whether a name follows, and
    /// `has_images` tells whether a folder holds images by name.
    pub(crate) fn parse(
        text: &str,
        sources: impl IntoIterator<Item = (&'static str, bool)>,
        has_images: impl Fn(&Path) -> bool,
    ) -> Result<Self, ImageError> {
        let prefixed = sources.into_iter().find_map(|(source, named)| {
            Some((source, named, text.strip_prefix(source)?.strip_prefix(':')?))
        });
        let (source, named, rest) = match prefixed {
            Some((source, named, rest)) => (Some(source), named, rest),
            None => (None, false, text),
        };
        if rest.is_empty() || rest.contains('\0') {
            let reason = "there is no path";
            return Err(ImageError::Reference {
                reference: text.to_owned(),
                reason,
            });
        }
        if named {
            return Ok(Self {
                source,
                path: rest.into(),
                image: None,
                named,
            });
        }
        let colons = rest
            .char_indices()
            .rev()
            .filter(|(_, letter)| matches!(letter, ':' | '#'));
        let ends = std::iter::once(rest.len()).chain(colons.map(|(place, _)| place));
        let is_name = source.is_none() && Name::parse(rest).is_ok();
        // `node:18` means no folder `node` that has nothing to do with images.
        let is_meant = |path: &Path, image: &str| {
            image.is_empty() || !is_name || !path.is_dir() || has_images(path)
        };
        for end in ends.take(64) {
            let Some((path, image)) = rest.split_at_checked(end) else {
                continue;
            };
            if !path.is_empty() && Path::new(path).exists() && is_meant(path.as_ref(), image) {
                let image = image
                    .strip_prefix([':', '#'])
                    .filter(|image| !image.is_empty());
                return Ok(Self {
                    source,
                    path: path.into(),
                    image: image.map(str::to_owned),
                    named,
                });
            }
        }
        Ok(Self {
            source,
            path: rest.into(),
            image: None,
            named,
        })
    }

    /// The name that was written, where it is one and no path.
    pub(crate) fn by_name(&self) -> Option<String> {
        let text = self.path.to_str()?;
        if self.named {
            return Some(text.to_owned());
        }
        let is_free = self.source.is_none() && !looks_like_a_path(text) && !self.path.exists();
        (is_free && Name::parse(text).is_ok()).then(|| text.to_owned())
    }

    /// What is wrong where nothing is at the path.
    pub(crate) fn absent(&self) -> Option<ImageError> {
        let error = std::fs::metadata(&self.path).err()?;
        if !matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
        ) {
            return None;
        }
        let text = self.path.to_string_lossy();
        if self.source.is_none() && !looks_like_a_path(&text) {
            let reason = match Name::parse(&text) {
                _ if text.contains("://") => "one is written without https://",
                Err(ImageError::Reference { reason, .. }) => reason,
                _ => "it holds letters that no name has",
            };
            return Some(ImageError::NoName {
                reference: text.into_owned(),
                reason,
            });
        }
        Some(ImageError::Absent {
            path: self.path.clone(),
            source_name: self.source,
        })
    }

    /// The same, taken apart.
    pub(crate) fn name(&self) -> Option<Name> {
        Name::parse(&self.by_name()?).ok()
    }
}

/// A file that is not there must not become a question to a registry.
fn looks_like_a_path(text: &str) -> bool {
    const ENDS: &[&str] = &[
        ".tar", ".tgz", ".tar.gz", ".tar.zst", ".tar.xz", ".tar.bz2", ".json",
    ];
    text.starts_with(['.', '/', '~']) || ENDS.iter().any(|end| text.ends_with(end))
}

/// Whether `wanted` names an image that calls itself `name`: registry, `library/` and `:latest`
/// may be left out.
pub(crate) fn names(name: &str, wanted: &str) -> bool {
    name == wanted || full(name) == full(wanted)
}

fn full(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') || last.contains('@') {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_that_is_there_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a:b.tar");
        std::fs::write(&path, b"").unwrap();
        let path = path.to_str().unwrap();
        for (text, source, image) in [
            (path.to_owned(), None, None),
            (format!("oci-archive:{path}"), Some("oci-archive"), None),
            (format!("{path}:web:1.2"), None, Some("web:1.2")),
            (format!("oci:{path}:@1"), Some("oci"), Some("@1")),
        ] {
            let sources = [("oci", false), ("oci-archive", false)];
            let reference = Reference::parse(&text, sources, |_| false).unwrap();
            assert_eq!(reference.source, source, "{text}");
            assert_eq!(reference.path.to_str().unwrap(), path, "{text}");
            assert_eq!(reference.image.as_deref(), image, "{text}");
        }
        assert!(Reference::parse("oci:", [("oci", false)], |_| false).is_err());
    }

    #[test]
    fn a_folder_that_is_called_like_an_image_is_not_taken_for_it() {
        // Tests run in the crate's folder.
        let parse = |text: &str, has_images: bool| {
            let sources = [("oci", false), ("dir", false), ("docker", true)];
            let parsed = Reference::parse(text, sources, |_| has_images).unwrap();
            (parsed.by_name(), parsed.image)
        };
        let name = |text: &str| (Some(text.to_owned()), None);
        let image = |text: &str| (None, Some(text.to_owned()));
        assert_eq!(parse("src:18", false), name("src:18"));
        assert_eq!(parse("src/layer:18", false), name("src/layer:18"));
        assert_eq!(parse("docker:src:18", false), name("src:18"));
        for text in ["src:18", "./src:18", "src#18", "src/:18", "oci:src:18"] {
            assert_eq!(parse(text, true), image("18"), "{text}");
        }
        for text in ["./src:18", "src#18", "dir:src:18"] {
            assert_eq!(parse(text, false), image("18"), "{text}");
        }
        // A file is one that someone made of an image.
        assert_eq!(parse("Cargo.toml:18", false), image("18"));
        assert_eq!(parse("src", false), (None, None));
    }

    #[test]
    fn what_is_neither_there_nor_a_name_says_why() {
        let absent = |text| {
            let sources = [("dir", false)];
            let parsed = Reference::parse(text, sources, |_| false).unwrap();
            assert_eq!(parsed.by_name(), None, "{text}");
            parsed.absent().unwrap().to_string()
        };
        for (text, why) in [
            ("https://registry.example/x:1", "without https://"),
            ("NoSuch/Image:UPPER", "lower-case letters"),
            ("alpine@sha256:abc", "what follows @ is no digest"),
            ("a b", "lower-case letters"),
        ] {
            let said = absent(text);
            assert!(
                said.contains(why) && said.contains("no image's name"),
                "{said}"
            );
        }
        for text in [
            "dir:nothere",
            "./nothere",
            "nothere.tar",
            "dir:Cargo.toml/x",
        ] {
            let path = text.strip_prefix("dir:").unwrap_or(text);
            assert_eq!(absent(text), format!("there is no file or folder {path}"));
        }
    }

    #[test]
    fn what_looks_like_a_path_is_no_name() {
        let name = |text| {
            let sources = [("oci", false), ("registry", true)];
            Reference::parse(text, sources, |_| false)
                .unwrap()
                .by_name()
        };
        for text in [
            "alpine",
            "alpine:3.19",
            "quay.io/a/b@sha256:",
            "registry:web.tar",
        ] {
            let wanted = text.strip_prefix("registry:").unwrap_or(text);
            let wanted = (!text.ends_with(':')).then(|| wanted.to_owned());
            assert_eq!(name(text), wanted, "{text}");
        }
        for text in [
            "./alpine",
            "/alpine",
            "web.tar",
            "web.tar.gz",
            "oci:alpine",
            "A b",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn short_names_are_the_full_ones() {
        assert!(names("docker.io/library/web:latest", "web"));
        assert!(names("web:latest", "docker.io/library/web:latest"));
        assert!(names("example.org:5000/web:latest", "example.org:5000/web"));
        assert!(!names("web:1", "web:2"));
        assert!(!names("web:1", "web"));
    }
}
