//! Node packages: the `package.json` of what is installed.
//!
//! Source: npm's `package.json`(5) and Node's search below `node_modules`. Installed is what lies
//! below a `node_modules` (scopes `@s/n`, pnpm's `.pnpm/n@v/node_modules/n`, Yarn's `unplugged`), in
//! Debian's `usr/share/nodejs`, in Yarn's own folder of the official images, or zipped in Yarn's
//! cache. The package is what its own file says, not its folder: `npm install a@npm:b` puts `b`
//! into `a`. A `package.json` without name and version only tells Node how to load a folder. An
//! application's own `package.json` installs nothing; lock files are another detector's.

use pellucid_image::{Body, Want};
use pellucid_model::{Package, PackageKind, WarningKind};

use super::{NAME, VERSION, value};
use crate::DetectError;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::{below, parts};
use crate::region::Region;
use crate::zip::Archive;

/// The detector.
pub(crate) struct Node;

/// Largest `package.json`.
const LIMIT: u64 = 16 << 20;

/// Packages in one archive of Yarn's cache.
const ZIPPED: usize = 64;

impl Detector for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn version(&self) -> u32 {
        2
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Name("package.json"), Trigger::Extension("zip")]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if candidate.name() == b"package.json" {
            if is_installed(candidate.path) {
                return Want::Whole { limit: LIMIT };
            }
        } else if is_cached(candidate.folder()) {
            return Want::Whole { limit: 512 << 20 };
        }
        Want::Skip
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        if file.path.ends_with(b"package.json") {
            return package(file.body, out);
        }
        let archive = Archive::open(Region::of(file.body)?)?;
        let mut entries = archive.entries();
        for _ in 0..ZIPPED {
            let Some(entry) = entries.next(is_root)? else {
                return Ok(());
            };
            let (json, whole) = archive.read(&entry, LIMIT as usize)?;
            if whole {
                package(&Body::Memory(json), out)?;
            } else {
                out.warn(
                    WarningKind::TooLarge,
                    None,
                    "a package.json of more than 16 MiB",
                );
            }
        }
        Ok(())
    }
}

fn package(body: &Body, out: &mut Detected) -> Result<(), DetectError> {
    let [name, version] = crate::json::texts(body, ["name", "version"])?;
    let (Some(name), Some(version)) = (name, version) else {
        return Ok(());
    };
    // npm itself drops the `v` and `=` that old packages wrote.
    let clean = version.trim().trim_start_matches(['=', 'v']);
    match (
        value(name.as_bytes(), NAME),
        value(clean.as_bytes(), VERSION),
    ) {
        (Some(""), _) | (_, Some("")) => {}
        (Some(name), Some(version)) => {
            out.packages
                .push(Package::new(PackageKind::Npm, name, version));
        }
        _ => out.bad_record(1, "a name or version that is too long"),
    }
    Ok(())
}

/// Whether the `package.json` at a path is that of an installed package or of a folder in one.
fn is_installed(path: &[u8]) -> bool {
    let debian = below(path, b"usr/share/nodejs").or_else(|| below(path, b"usr/lib/nodejs"));
    let mut inside = debian;
    let mut rest = path;
    while let Some(at) = rest.iter().position(|byte| *byte == b'/') {
        let (part, after) = rest.split_at(at);
        rest = after.get(1..).unwrap_or_default();
        if part == b"node_modules" {
            inside = Some(rest);
        }
    }
    let Some(inside) = inside else {
        return is_kept_elsewhere(path);
    };
    // Yarn's linker `pnpm` puts a package into `.store/NAME-HASH/package`.
    if let Some(stored) = inside.strip_prefix(b".store/") {
        let package = parts(stored).nth(1);
        return package == Some(b"package")
            && !parts(stored).skip(2).any(|part| TESTS.contains(&part));
    }
    // `.pnpm` and the like hold a node_modules of their own; the rest is caches and half-done work.
    let mut parts = parts(inside);
    let Some(first) = parts.next() else {
        return false;
    };
    // A package may well be called `@playwright/test`.
    if first.starts_with(b"@") {
        parts.next();
    }
    !first.starts_with(b".") && first != b"package.json" && !parts.any(|part| TESTS.contains(&part))
}

/// Whether a `package.json` is that of a package outside any `node_modules`: Yarn's own in `opt/yarn-v*`,
/// those of Deno in `npm/registry.npmjs.org/NAME/VERSION`, and the package managers that corepack fetched,
/// in `corepack/v1/NAME/VERSION`.
fn is_kept_elsewhere(path: &[u8]) -> bool {
    let is_yarn = |rest: &[u8]| rest.starts_with(b"yarn-v") && parts(rest).count() == 2;
    if below(path, b"opt").is_some_and(is_yarn) {
        return true;
    }
    let all: Vec<&[u8]> = parts(path).collect();
    let is_version = |part: &&[u8]| part.first().is_some_and(u8::is_ascii_digit);
    let is_package = |rest: &[&[u8]]| match rest {
        [scope, _, version, b"package.json"] => scope.starts_with(b"@") && is_version(version),
        [_, version, b"package.json"] => is_version(version),
        _ => false,
    };
    all.iter().enumerate().any(|(at, part)| {
        let rest = all.get(at + 1..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| all.get(before));
        match (*part, rest) {
            (b"registry.npmjs.org", rest) => before == Some(&&b"npm"[..]) && is_package(rest),
            (b"corepack", [first, below @ ..]) if first.starts_with(b"v") => is_package(below),
            (b"corepack", rest) => is_package(rest),
            _ => false,
        }
    })
}

/// Folders whose `package.json` is made up for tests of the package around them.
const TESTS: &[&[u8]] = &[
    b"test",
    b"tests",
    b"__tests__",
    b"fixtures",
    b"__fixtures__",
    b"testdata",
];

/// Whether Yarn keeps its archives in this folder.
fn is_cached(folder: &[u8]) -> bool {
    folder.ends_with(b".yarn/cache") || folder.ends_with(b".yarn/berry/cache")
}

/// Whether an entry of an archive is the `package.json` of a package in it.
fn is_root(name: &[u8]) -> bool {
    let mut parts = parts(name);
    if parts.next() != Some(b"node_modules") {
        return false;
    }
    let scoped = parts.next().is_some_and(|first| first.starts_with(b"@"));
    if scoped {
        parts.next();
    }
    parts.next() == Some(b"package.json") && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_is_what_lies_below_node_modules() {
        for path in [
            "srv/node_modules/a/package.json",
            "srv/node_modules/@s/a/package.json",
            "srv/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json",
            "srv/node_modules/a/node_modules/b/package.json",
            "srv/node_modules/a/vendor/b/package.json",
            "usr/lib/node_modules/npm/package.json",
            "usr/share/nodejs/a/package.json",
            "opt/yarn-v1.22.19/package.json",
            "srv/.yarn/unplugged/a-npm-1/node_modules/a/package.json",
            "srv/node_modules/test/package.json",
            "srv/node_modules/@playwright/test/package.json",
            "srv/node_modules/.store/lodash-npm-4.17.20-79c49e2e2f/package/package.json",
            "deno-dir/npm/registry.npmjs.org/lodash/4.17.20/package.json",
            "deno-dir/npm/registry.npmjs.org/@s/a/1.0.0/package.json",
            "root/.cache/node/corepack/v1/pnpm/8.6.0/package.json",
            "root/.cache/node/corepack/yarn/1.22.19/package.json",
        ] {
            assert!(is_installed(path.as_bytes()), "{path}");
        }
        for path in [
            "srv/package.json",
            "package.json",
            "srv/node_modules/package.json",
            "srv/node_modules/.cache/a/package.json",
            "srv/node_modules/a/test/b/package.json",
            "srv/node_modules/@s/a/test/b/package.json",
            "opt/yarn-v1.22.19/lib/package.json",
            "srv/not_node_modules/a/package.json",
            "srv/node_modules/.store/a-npm-1-0/package/test/b/package.json",
            "srv/node_modules/.store/package.json",
            "registry.npmjs.org/a/1.0.0/package.json",
            "root/.cache/node/corepack/v1/pnpm/8.6.0/dist/package.json",
        ] {
            assert!(!is_installed(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn an_archive_holds_the_package_of_its_root() {
        assert!(is_root(b"node_modules/a/package.json"));
        assert!(is_root(b"node_modules/@s/a/package.json"));
        assert!(!is_root(b"node_modules/a/lib/package.json"));
        assert!(!is_root(b"package.json"));
    }
}
