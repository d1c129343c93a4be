//! Names in a layer, made into paths below its root.
//!
//! Engines clean a name lexically before they unpack it: `./a//b/../c` is `a/c`, `/etc` is `etc`,
//! and `..` at the top of an absolute name goes nowhere. A relative name that leads out of the root
//! is refused by Docker and bent back into the root by containerd; here it is no path of the image.
//! A backslash is a letter like any other.
//!
//! Whiteouts (OCI image-spec, `layer.md#whiteouts`) are told by the last part of the name, whatever
//! the entry's type. Other names that begin with `.wh..wh.` are notes of the old aufs driver; files
//! *below* such a directory are kept, because hard links lead to them.

use crate::{LayerFault, Limits};

/// Whether a name leads to a place below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Inside,
    Outside,
}

/// Writes the path that `name` means into `path`.
pub(crate) fn normalise(
    name: &[u8],
    path: &mut Vec<u8>,
    limits: &Limits,
) -> Result<Place, LayerFault> {
    path.clear();
    if name.len() > limits.path_bytes {
        let allowed = limits.path_bytes as u64;
        return Err(LayerFault::Limit {
            limit: "path_bytes",
            allowed,
        });
    }
    let absolute = name.first() == Some(&b'/');
    let mut depth = 0;
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 && absolute => {}
            b".." if depth == 0 => return Ok(Place::Outside),
            b".." => {
                depth -= 1;
                path.truncate(path.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
            }
            _ => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
                depth += 1;
                if depth > limits.path_depth {
                    let allowed = limits.path_depth as u64;
                    return Err(LayerFault::Limit {
                        limit: "path_depth",
                        allowed,
                    });
                }
            }
        }
    }
    Ok(Place::Inside)
}

/// What the last part of a path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// An ordinary name.
    None,
    /// The path (now without the mark) is removed.
    Whiteout,
    /// The directory (now without the mark) hides what is below it in lower layers.
    Opaque,
    /// A note of aufs.
    Metadata,
    /// A whiteout of nothing, or of a directory by way of `.` or `..`.
    Meaningless,
}

/// Looks at the last part of a normalised path, and takes the mark off it.
pub(crate) fn unmark(path: &mut Vec<u8>) -> Mark {
    let start = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let Some(name) = path
        .get(start..)
        .and_then(|name| name.strip_prefix(b".wh."))
    else {
        return Mark::None;
    };
    match name {
        b".wh..opq" => {
            path.truncate(start.saturating_sub(1));
            Mark::Opaque
        }
        b"" | b"." | b".." => Mark::Meaningless,
        _ if name.starts_with(b".wh.") => Mark::Metadata,
        _ => {
            path.drain(start..start + 4);
            Mark::Whiteout
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Option<String> {
        let mut path = Vec::new();
        let place = normalise(name.as_bytes(), &mut path, &Limits::default()).unwrap();
        (place == Place::Inside).then(|| String::from_utf8(path).unwrap())
    }

    #[test]
    fn names_are_cleaned_as_engines_clean_them() {
        for (name, wanted) in [
            ("etc/os-release", "etc/os-release"),
            ("./var/./lib//dpkg/status", "var/lib/dpkg/status"),
            ("/etc/x", "etc/x"),
            ("a/b/", "a/b"),
            ("a/../b", "b"),
            ("a/b/../../c", "c"),
            ("/../../etc/passwd", "etc/passwd"),
            ("", ""),
            (".", ""),
            ("/", ""),
            ("a/..", ""),
            ("C:\\x\\..\\y", "C:\\x\\..\\y"),
            ("...", "..."),
        ] {
            assert_eq!(path(name).as_deref(), Some(wanted), "{name}");
        }
        for name in ["..", "../x", "a/../../b", "./../etc/passwd", "a/../.."] {
            assert_eq!(path(name), None, "{name}");
        }
    }

    #[test]
    fn long_and_deep_names_are_over_the_limit() {
        let limits = Limits {
            path_bytes: 10,
            path_depth: 3,
            ..Limits::default()
        };
        let mut path = Vec::new();
        assert!(normalise(b"0123456789", &mut path, &limits).is_ok());
        assert!(normalise(b"0123456789a", &mut path, &limits).is_err());
        assert!(normalise(b"a/b/c", &mut path, &limits).is_ok());
        assert!(normalise(b"a/b/c/d", &mut path, &limits).is_err());
    }

    #[test]
    fn marks_are_told_by_the_last_part_alone() {
        for (name, wanted, mark) in [
            ("a/.wh.b", "a/b", Mark::Whiteout),
            (".wh.b", "b", Mark::Whiteout),
            ("a/.wh..wh..opq", "a", Mark::Opaque),
            (".wh..wh..opq", "", Mark::Opaque),
            (".wh..wh.aufs", ".wh..wh.aufs", Mark::Metadata),
            (".wh..wh.plnk/1.2", ".wh..wh.plnk/1.2", Mark::None),
            ("a/.wh.b/c", "a/.wh.b/c", Mark::None),
            ("a/.wh.", "a/.wh.", Mark::Meaningless),
            ("a/.wh..", "a/.wh..", Mark::Meaningless),
            ("a/.wh...", "a/.wh...", Mark::Meaningless),
            ("a/.wh...x", "a/..x", Mark::Whiteout),
            ("a/.who", "a/.who", Mark::None),
        ] {
            let mut path = name.as_bytes().to_vec();
            assert_eq!(unmark(&mut path), mark, "{name}");
            assert_eq!(path, wanted.as_bytes(), "{name}");
        }
    }
}
