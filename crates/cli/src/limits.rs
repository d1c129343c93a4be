//! `--limit NAME=VALUE`: every bound on an image, by name.

use std::time::Duration;

use pellucid_image::Limits;

use crate::units;

/// A bound that the command line can set.
struct Limit {
    name: &'static str,
    /// What it bounds, for the help.
    what: &'static str,
    set: Set,
}

/// How a bound is written, and where it goes.
enum Set {
    Bytes(fn(&mut Limits) -> &mut u64),
    SmallBytes(fn(&mut Limits) -> &mut usize),
    Count(fn(&mut Limits) -> &mut u64),
    SmallCount(fn(&mut Limits) -> &mut usize),
    Time(fn(&mut Limits) -> &mut Duration),
}

const LIMITS: &[Limit] = &[
    Limit {
        name: "blob-bytes",
        what: "one layer as stored",
        set: Set::Bytes(|l| &mut l.blob_bytes),
    },
    Limit {
        name: "layer-bytes",
        what: "one layer inflated",
        set: Set::Bytes(|l| &mut l.layer_bytes),
    },
    Limit {
        name: "image-bytes",
        what: "all layers inflated",
        set: Set::Bytes(|l| &mut l.image_bytes),
    },
    Limit {
        name: "ratio",
        what: "times a layer may grow",
        set: Set::Count(|l| &mut l.ratio),
    },
    Limit {
        name: "ratio-after",
        what: "inflated before the ratio counts",
        set: Set::Bytes(|l| &mut l.ratio_after),
    },
    Limit {
        name: "layer-entries",
        what: "files of one layer",
        set: Set::Count(|l| &mut l.layer_entries),
    },
    Limit {
        name: "image-entries",
        what: "files of all layers",
        set: Set::Count(|l| &mut l.image_entries),
    },
    Limit {
        name: "image-layers",
        what: "layers",
        set: Set::SmallCount(|l| &mut l.image_layers),
    },
    Limit {
        name: "archive-members",
        what: "members of an archive",
        set: Set::Count(|l| &mut l.archive_members),
    },
    Limit {
        name: "file-bytes",
        what: "one file that is looked into",
        set: Set::Bytes(|l| &mut l.file_bytes),
    },
    Limit {
        name: "spool-after",
        what: "a file that stays in memory",
        set: Set::Bytes(|l| &mut l.spool_after),
    },
    Limit {
        name: "head-bytes",
        what: "the start of a file that is looked at",
        set: Set::SmallBytes(|l| &mut l.head_bytes),
    },
    Limit {
        name: "header-bytes",
        what: "extended headers of one file",
        set: Set::Bytes(|l| &mut l.header_bytes),
    },
    Limit {
        name: "path-bytes",
        what: "one path",
        set: Set::SmallBytes(|l| &mut l.path_bytes),
    },
    Limit {
        name: "path-depth",
        what: "parts of a path",
        set: Set::SmallCount(|l| &mut l.path_depth),
    },
    Limit {
        name: "link-depth",
        what: "links in a row",
        set: Set::SmallCount(|l| &mut l.link_depth),
    },
    Limit {
        name: "json-bytes",
        what: "one manifest or configuration",
        set: Set::Bytes(|l| &mut l.json_bytes),
    },
    Limit {
        name: "index-depth",
        what: "indexes inside indexes",
        set: Set::SmallCount(|l| &mut l.index_depth),
    },
    Limit {
        name: "window-bytes",
        what: "memory of one decompressor",
        set: Set::Bytes(|l| &mut l.window_bytes),
    },
    Limit {
        name: "table-bytes",
        what: "a layer's table of contents",
        set: Set::Bytes(|l| &mut l.table_bytes),
    },
    Limit {
        name: "layer-warnings",
        what: "warnings kept of one layer",
        set: Set::SmallCount(|l| &mut l.layer_warnings),
    },
    Limit {
        name: "wall",
        what: "reading the image",
        set: Set::Time(|l| &mut l.wall),
    },
];

/// One `NAME=VALUE`, checked.
#[derive(Clone, Copy)]
pub(crate) struct LimitArg {
    index: usize,
    value: u64,
}

impl LimitArg {
    /// Reads `NAME=VALUE`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
        // Errors name the bound as the library does, with underscores.
        let name = name.replace('_', "-");
        let (index, limit) = LIMITS
            .iter()
            .enumerate()
            .find(|(_, limit)| limit.name == name)
            .ok_or_else(|| format!("there is no limit {name:?}"))?;
        let value = match limit.set {
            Set::Bytes(_) | Set::SmallBytes(_) => units::size(value)?,
            Set::Count(_) | Set::SmallCount(_) => value
                .parse()
                .map_err(|_| format!("{value:?} is no whole number"))?,
            Set::Time(_) => units::duration(value)?.as_secs(),
        };
        Ok(Self { index, value })
    }
}

/// The default limits with these changes.
pub(crate) fn with(changes: &[LimitArg]) -> Limits {
    let mut limits = Limits::default();
    for change in changes {
        let Some(limit) = LIMITS.get(change.index) else {
            continue;
        };
        let small = usize::try_from(change.value).unwrap_or(usize::MAX);
        match limit.set {
            Set::Bytes(place) | Set::Count(place) => *place(&mut limits) = change.value,
            Set::SmallBytes(place) | Set::SmallCount(place) => *place(&mut limits) = small,
            Set::Time(place) => *place(&mut limits) = Duration::from_secs(change.value),
        }
    }
    limits
}

/// The help of `--limit`: every name with its default.
pub(crate) fn help() -> String {
    let mut help =
        "Changes one bound on what an image may make pellucid do; may be given several times. \
                    Names and defaults:\n"
            .to_owned();
    let mut defaults = Limits::default();
    for limit in LIMITS {
        let default = match limit.set {
            Set::Bytes(place) => units::shown_size(*place(&mut defaults)).replace(".00", ""),
            Set::SmallBytes(place) => {
                units::shown_size(*place(&mut defaults) as u64).replace(".00", "")
            }
            Set::Count(place) => place(&mut defaults).to_string(),
            Set::SmallCount(place) => place(&mut defaults).to_string(),
            Set::Time(place) => format!("{}s", place(&mut defaults).as_secs()),
        };
        let default = default.replace(' ', "");
        help.push_str(&format!("\n  {}={default}: {}", limit.name, limit.what));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_in_the_help_can_be_given_back() {
        let lines = help();
        let given: Vec<&str> = lines
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
            .map(|(given, _)| given)
            .collect();
        assert_eq!(given.len(), LIMITS.len());
        let changes: Vec<LimitArg> = given
            .iter()
            .map(|given| LimitArg::parse(given).unwrap())
            .collect();
        assert_eq!(with(&changes), Limits::default());
    }

    #[test]
    fn each_limit_sets_its_own_bound() {
        let mut seen = Vec::new();
        for limit in LIMITS {
            let value = if matches!(limit.set, Set::Time(_)) {
                "7s"
            } else {
                "7"
            };
            let change = LimitArg::parse(&format!("{}={value}", limit.name)).unwrap();
            let limits = with(&[change]);
            assert_ne!(limits, Limits::default(), "{}", limit.name);
            assert!(!seen.contains(&limits), "{}", limit.name);
            seen.push(limits);
        }
    }
}
