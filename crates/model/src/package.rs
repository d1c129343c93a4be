//! An installed package, as the file that proves it describes it.
//!
//! The namespace is not part of it: a package database does not know which release it stands in.
//! The overlay joins the two ([`crate::PackageEntry`]).

use std::borrow::Cow;
use std::fmt;

use pellucid_version::Scheme;
use serde::{Deserialize, Serialize};

/// What kind of package manager or ecosystem a package belongs to. Names are purl types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PackageKind {
    /// Debian packages (dpkg).
    Deb,
    /// Alpine packages (apk-tools).
    Apk,
    /// RPM packages.
    Rpm,
    /// Arch packages (pacman).
    Alpm,
    /// Gentoo packages (Portage), `category/name`.
    Ebuild,
    /// Python distributions.
    Pypi,
    /// Conda packages.
    Conda,
    /// Node packages.
    Npm,
    /// Java archives, `group:artifact`.
    Maven,
    /// Go modules.
    Golang,
    /// Rust crates.
    Cargo,
    /// Ruby gems.
    Gem,
    /// PHP packages, `vendor/package`.
    Composer,
    /// .NET packages.
    Nuget,
    /// Erlang and Elixir packages.
    Hex,
    /// Dart packages.
    Pub,
    /// Swift packages.
    Swift,
    /// Haskell packages.
    Hackage,
    /// R packages.
    Cran,
    /// Lua rocks.
    Luarocks,
    /// Perl distributions.
    Cpan,
    /// Julia packages.
    Julia,
    /// C and C++ packages (Conan).
    Conan,
    /// Bitnami components.
    Bitnami,
    /// Software known only by a binary, or another file of its own, that carries its version.
    Generic,
}

impl PackageKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Alpm,
        Self::Ebuild,
        Self::Pypi,
        Self::Conda,
        Self::Npm,
        Self::Maven,
        Self::Golang,
        Self::Cargo,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
        Self::Hex,
        Self::Pub,
        Self::Swift,
        Self::Hackage,
        Self::Cran,
        Self::Luarocks,
        Self::Cpan,
        Self::Julia,
        Self::Conan,
        Self::Bitnami,
        Self::Generic,
    ];

    /// The purl type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Alpm => "alpm",
            Self::Ebuild => "ebuild",
            Self::Pypi => "pypi",
            Self::Conda => "conda",
            Self::Npm => "npm",
            Self::Maven => "maven",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Hex => "hex",
            Self::Pub => "pub",
            Self::Swift => "swift",
            Self::Hackage => "hackage",
            Self::Cran => "cran",
            Self::Luarocks => "luarocks",
            Self::Cpan => "cpan",
            Self::Julia => "julia",
            Self::Conan => "conan",
            Self::Bitnami => "bitnami",
            Self::Generic => "generic",
        }
    }

    /// The kind of a purl type, if pellucid knows it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a distribution's package manager installs it, so that its namespace is a release.
    pub const fn is_os(self) -> bool {
        matches!(
            self,
            Self::Deb | Self::Apk | Self::Rpm | Self::Alpm | Self::Ebuild
        )
    }

    /// A name as advisories and packages are compared by: what the ecosystem takes for one name is
    /// one name. PyPI as PEP 503 says, NuGet, Packagist, Hex, Pub and Bitnami without letter case,
    /// Swift without scheme, `.git` and letter case; elsewhere a name is what it is. Go modules are told
    /// apart by letter case, but their purls are written in small letters, and no two that differ in
    /// case alone are known. Software known by its binary has the name of Bitnami's advisories, where these
    /// speak of it ([`Package::ecosystem`]).
    pub fn normalise(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Pypi => {
                let mut normal = String::with_capacity(name.len());
                let mut separated = false;
                for char in name.chars() {
                    let separator = matches!(char, '-' | '_' | '.');
                    if !separator {
                        normal.extend(char.to_lowercase());
                    } else if !separated {
                        normal.push('-');
                    }
                    separated = separator;
                }
                if normal == name {
                    name.into()
                } else {
                    normal.into()
                }
            }
            Self::Swift => lower(repository(name)),
            Self::Golang | Self::Nuget | Self::Composer | Self::Hex | Self::Pub | Self::Bitnami => {
                lower(name)
            }
            Self::Generic => bitnami_name(name).unwrap_or(name).into(),
            _ => name.into(),
        }
    }

    /// How versions of this kind are ordered.
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Deb => Scheme::Dpkg,
            Self::Apk => Scheme::Apk,
            Self::Rpm => Scheme::Rpm,
            Self::Alpm => Scheme::Pacman,
            Self::Ebuild => Scheme::Ebuild,
            Self::Pypi | Self::Conda => Scheme::Pep440,
            Self::Npm => Scheme::Npm,
            Self::Maven => Scheme::Maven,
            Self::Golang => Scheme::Go,
            Self::Cargo => Scheme::Cargo,
            Self::Gem => Scheme::Gem,
            Self::Composer => Scheme::Composer,
            Self::Nuget => Scheme::Nuget,
            Self::Hex => Scheme::Hex,
            Self::Pub => Scheme::Pub,
            Self::Hackage => Scheme::Hackage,
            Self::Cran => Scheme::Cran,
            Self::Bitnami | Self::Generic => Scheme::Bitnami,
            Self::Swift | Self::Luarocks | Self::Cpan | Self::Julia | Self::Conan => Scheme::Semver,
        }
    }
}

/// What names a repository in its address: neither scheme nor `.git`, unless that is all of its name.
pub(crate) fn repository(address: &str) -> &str {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let bare = bare.trim_end_matches('/');
    match bare.trim_end_matches(".git") {
        "" => bare,
        name if name.ends_with('/') => bare,
        name => name,
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.chars().any(char::is_uppercase) {
        name.to_lowercase().into()
    } else {
        name.into()
    }
}

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Software known by a file of its own of which Bitnami's advisories speak, by upstream's versions, and their name
/// for it. Some names are those of syft's lists.
const OF_BITNAMI: &[(&str, &str)] = &[
    ("apache", "apache"),
    ("discourse", "discourse"),
    ("ghost", "ghost"),
    ("git", "git"),
    ("gitlab", "gitlab"),
    ("graalvm", "java"),
    ("haproxy", "haproxy"),
    ("httpd", "apache"),
    ("java", "java"),
    ("jdk", "java"),
    ("joomla", "joomla"),
    ("jre", "java"),
    ("kibana", "kibana"),
    ("lua", "lua"),
    ("mariadb", "mariadb"),
    ("mastodon", "mastodon"),
    ("memcached", "memcached"),
    ("modsecurity", "modsecurity"),
    ("mongodb", "mongodb"),
    ("moodle", "moodle"),
    ("nextcloud", "nextcloud"),
    ("nginx", "nginx"),
    ("node", "node"),
    ("openjdk", "java"),
    ("pgbouncer", "pgbouncer"),
    ("php", "php"),
    ("php-cli", "php"),
    ("php-fpm", "php"),
    ("phpmyadmin", "phpmyadmin"),
    ("postgresql", "postgresql"),
    ("python", "python"),
    ("rabbitmq", "rabbitmq"),
    ("redis", "redis"),
    ("redmine", "redmine"),
    ("ruby", "ruby"),
    ("valkey", "valkey"),
    ("varnish", "varnish"),
    ("wordpress", "wordpress"),
];

fn bitnami_name(product: &str) -> Option<&'static str> {
    let mut rows = OF_BITNAMI.iter();
    rows.find_map(|(own, theirs)| (*own == product).then_some(*theirs))
}

/// The source package that a binary package was built from.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Name of the source package.
    pub name: String,
    /// Its version where it differs from the binary package's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl SourcePackage {
    /// The source package that the qualifier `upstream` of a purl names: `NAME[@VERSION]`, or the file of
    /// a source RPM.
    #[must_use]
    pub fn of_purl(text: &str) -> Option<Self> {
        if let Some(file) = text.strip_suffix(".src.rpm") {
            let (rest, _release) = file.rsplit_once('-')?;
            let (name, _version) = rest.rsplit_once('-')?;
            return Some(Self {
                name: name.to_owned(),
                version: None,
            });
        }
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (text, None),
        };
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            version,
        })
    }
}

/// An installed package.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Package {
    /// Package manager or ecosystem.
    pub kind: PackageKind,
    /// Name as the ecosystem writes it: `group:artifact` for Maven, `@scope/name` for npm.
    pub name: String,
    /// Full version, with the epoch where the ecosystem has one (`1:2.3-4`).
    pub version: String,
    /// Architecture as the package database writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Source package, where the database names one other than the package itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    /// Modularity label of an RPM (`php:7.4:8010020190322:9edba152`), slot of an ebuild (`8.2`,
    /// with its sub-slot `0/3.1`): what several versions of one package are installed side by side in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Who built it, as the database says (RPM's Vendor tag).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

impl Package {
    /// A package of this kind, name and version, with nothing else known of it.
    pub fn new(kind: PackageKind, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            arch: None,
            source: None,
            module: None,
            vendor: None,
        }
    }

    /// Name of the namespace that a package of no distribution is in: its kind's. Software known by its binary is in
    /// Bitnami's, whose advisories are of upstream's versions, where these speak of it.
    pub fn ecosystem(&self) -> &'static str {
        match self.kind {
            PackageKind::Generic if bitnami_name(&self.name).is_some() => {
                PackageKind::Bitnami.name()
            }
            kind => kind.name(),
        }
    }

    /// Name of the source package; the package's own name where none is recorded.
    pub fn source_name(&self) -> &str {
        self.source
            .as_ref()
            .map_or(self.name.as_str(), |source| source.name.as_str())
    }

    /// Version of the source package; the package's own version where none is recorded.
    pub fn source_version(&self) -> &str {
        self.source
            .as_ref()
            .and_then(|source| source.version.as_deref())
            .unwrap_or(self.version.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_of_which_bitnami_s_advisories_speak_is_in_their_namespace() {
        let ecosystem = |kind, name| Package::new(kind, name, "1").ecosystem();
        assert_eq!(ecosystem(PackageKind::Generic, "node"), "bitnami");
        assert_eq!(ecosystem(PackageKind::Generic, "openssl"), "generic");
        assert_eq!(ecosystem(PackageKind::Npm, "node"), "npm");
        assert!(OF_BITNAMI.is_sorted());
        for (own, theirs) in OF_BITNAMI {
            assert_eq!(PackageKind::Generic.normalise(own), *theirs);
        }
    }

    #[test]
    fn a_name_is_compared_as_its_ecosystem_does() {
        let check = |kind: PackageKind, name: &str, normal: &str| {
            assert_eq!(kind.normalise(name), normal, "{kind} {name}");
            assert_eq!(kind.normalise(normal), normal);
        };
        check(PackageKind::Pypi, "Foo._Bar--baz", "foo-bar-baz");
        check(PackageKind::Nuget, "Newtonsoft.Json", "newtonsoft.json");
        check(
            PackageKind::Composer,
            "Symfony/HTTP-kernel",
            "symfony/http-kernel",
        );
        check(
            PackageKind::Swift,
            "https://github.com/Apple/swift-nio.git",
            "github.com/apple/swift-nio",
        );
        check(PackageKind::Swift, "host/.git", "host/.git");
        check(PackageKind::Npm, "@Scope/Name", "@Scope/Name");
        check(PackageKind::Golang, "github.com/A/b", "github.com/a/b");
        check(PackageKind::Maven, "org.A:b", "org.A:b");
        check(PackageKind::Generic, "httpd", "apache");
        check(PackageKind::Generic, "openssl", "openssl");
    }
}
