//! CSAF 2.0 documents of the VEX profile, as far as their product tree speaks of RPMs.
//!
//! Source: OASIS CSAF 2.0. Products stand in a tree of branches, with a CPE (platforms) or a purl
//! (components); a relationship puts a component on a platform and makes a third product, which is
//! what statements name. A module puts one more relationship between. Identifiers hold colons in all
//! their parts and are never taken apart, only followed.
//!
//! Not here: scores and text in other languages, product groups, containers, anything but RPMs.

use std::collections::HashMap;

use serde::Deserialize;

use super::json::Text;

/// Most relationships from a product to its platform.
const HOPS: usize = 4;

#[derive(Deserialize)]
pub(crate) struct Document<'a> {
    #[serde(borrow)]
    pub(crate) document: Head<'a>,
    #[serde(borrow)]
    pub(crate) product_tree: Option<Tree<'a>>,
    #[serde(borrow, default)]
    pub(crate) vulnerabilities: Vec<Vulnerability<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) aggregate_severity: Option<AggregateSeverity<'a>>,
    #[serde(borrow)]
    pub(crate) tracking: Tracking<'a>,
}

#[derive(Deserialize)]
pub(crate) struct AggregateSeverity<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Tracking<'a> {
    #[serde(borrow)]
    pub(crate) current_release_date: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) initial_release_date: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
pub(crate) struct Tree<'a> {
    #[serde(borrow, default)]
    branches: Vec<Branch<'a>>,
    #[serde(borrow, default)]
    full_product_names: Vec<Product<'a>>,
    #[serde(borrow, default)]
    relationships: Vec<Relationship<'a>>,
}

#[derive(Deserialize)]
struct Branch<'a> {
    #[serde(borrow, default)]
    branches: Vec<Self>,
    #[serde(borrow)]
    product: Option<Product<'a>>,
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
    #[serde(borrow)]
    product_identification_helper: Option<Identification<'a>>,
}

#[derive(Deserialize)]
struct Identification<'a> {
    #[serde(borrow)]
    cpe: Option<Text<'a>>,
    #[serde(borrow)]
    purl: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    full_product_name: FullName<'a>,
    #[serde(borrow)]
    product_reference: Text<'a>,
    #[serde(borrow)]
    relates_to_product_reference: Text<'a>,
}

#[derive(Deserialize)]
struct FullName<'a> {
    #[serde(borrow)]
    product_id: Text<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Vulnerability<'a> {
    #[serde(borrow)]
    pub(crate) cve: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) cwe: Option<Cwe<'a>>,
    #[serde(borrow)]
    pub(crate) title: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) notes: Vec<Note<'a>>,
    #[serde(borrow)]
    pub(crate) release_date: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) scores: Vec<Score<'a>>,
    #[serde(borrow, default)]
    pub(crate) threats: Vec<Threat<'a>>,
    #[serde(borrow, default)]
    pub(crate) remediations: Vec<Remediation<'a>>,
    #[serde(borrow, default)]
    pub(crate) product_status: ProductStatus<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Cwe<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Note<'a> {
    #[serde(borrow)]
    pub(crate) category: Text<'a>,
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Score<'a> {
    #[serde(borrow)]
    pub(crate) cvss_v2: Option<Vector<'a>>,
    #[serde(borrow)]
    pub(crate) cvss_v3: Option<Vector<'a>>,
    #[serde(borrow)]
    pub(crate) cvss_v4: Option<Vector<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Vector<'a> {
    #[serde(borrow, rename = "vectorString")]
    pub(crate) vector: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Threat<'a> {
    #[serde(borrow)]
    pub(crate) category: Text<'a>,
    #[serde(borrow)]
    pub(crate) details: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) product_ids: Vec<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Remediation<'a> {
    #[serde(borrow)]
    pub(crate) category: Text<'a>,
    #[serde(borrow)]
    pub(crate) details: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) url: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) product_ids: Vec<Text<'a>>,
}

#[derive(Deserialize, Default)]
pub(crate) struct ProductStatus<'a> {
    #[serde(borrow, default)]
    pub(crate) fixed: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) known_affected: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) known_not_affected: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) under_investigation: Vec<Text<'a>>,
}

/// Products by their identifiers.
pub(crate) struct Products<'d> {
    helpers: HashMap<&'d str, &'d Identification<'d>>,
    relations: HashMap<&'d str, (&'d str, &'d str)>,
}

/// A component on a platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Component<'d> {
    /// CPE of the platform.
    pub(crate) cpe: &'d str,
    /// The component's own identifier.
    pub(crate) id: &'d str,
    /// Its purl, where it has one.
    pub(crate) purl: Option<&'d str>,
    /// Purl of the module that it is part of.
    pub(crate) module: Option<&'d str>,
}

impl<'d> Products<'d> {
    /// The products of a tree.
    pub(crate) fn new(tree: &'d Tree<'d>) -> Self {
        let mut helpers = HashMap::new();
        let mut branches: Vec<&Branch<'_>> = tree.branches.iter().collect();
        let mut add = |product: &'d Product<'d>| {
            if let Some(helper) = &product.product_identification_helper {
                helpers.insert(&*product.product_id, helper);
            }
        };
        tree.full_product_names.iter().for_each(&mut add);
        while let Some(branch) = branches.pop() {
            branch.product.iter().for_each(&mut add);
            branches.extend(&branch.branches);
        }
        let relations = tree
            .relationships
            .iter()
            .map(|relation| {
                let made: &str = &relation.full_product_name.product_id;
                let component: &str = &relation.product_reference;
                let platform: &str = &relation.relates_to_product_reference;
                (made, (component, platform))
            })
            .collect();
        Self { helpers, relations }
    }

    /// What a statement's product is; `None` if it is no component on a known platform.
    pub(crate) fn resolve(&self, product: &str) -> Option<Component<'d>> {
        let purl_of = |id: &str| {
            self.helpers
                .get(id)
                .and_then(|helper| helper.purl.as_deref())
        };
        let (id, mut platform) = *self.relations.get(product)?;
        let mut module = None;
        for _ in 0..HOPS {
            let Some((between, below)) = self.relations.get(platform) else {
                break;
            };
            module = purl_of(between);
            platform = below;
        }
        Some(Component {
            cpe: self.helpers.get(platform)?.cpe.as_deref()?,
            id,
            purl: purl_of(id),
            module,
        })
    }
}

/// An RPM by its purl (`pkg:rpm/redhat/bash@4.4.19-14.el8?arch=aarch64&epoch=1`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RpmPurl {
    pub(crate) name: String,
    /// With its epoch, if that is not zero.
    pub(crate) evr: Option<String>,
    pub(crate) arch: Option<String>,
    /// Module and stream.
    pub(crate) module: Option<String>,
}

impl RpmPurl {
    /// Reads a purl; `None` if it is no RPM's or not well formed.
    pub(crate) fn read(purl: &str) -> Option<Self> {
        let rest = purl.strip_prefix("pkg:rpm/")?;
        let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match path.split_once('@') {
            Some((path, version)) => (path, Some(decode(version)?)),
            None => (path, None),
        };
        let mut read = Self {
            name: decode(path.rsplit('/').next()?)?,
            ..Self::default()
        };
        let mut epoch = None;
        for qualifier in qualifiers.split('&') {
            match qualifier.split_once('=') {
                Some(("arch", value)) => read.arch = Some(decode(value)?),
                Some(("epoch", value)) => epoch = Some(decode(value)?),
                Some(("rpmmod", value)) => read.module = stream(&decode(value)?),
                _ => {}
            }
        }
        read.evr = version.map(|version| match epoch.as_deref() {
            None | Some("0" | "") => version,
            Some(epoch) => format!("{epoch}:{version}"),
        });
        (!read.name.is_empty()).then_some(read)
    }
}

/// Module and stream of a module's purl (`pkg:rpmmod/redhat/postgresql@12:8020020231128165246:4cda2c84`).
pub(crate) fn module_of(purl: &str) -> Option<String> {
    let rest = purl.strip_prefix("pkg:rpmmod/")?;
    let path = rest.split('?').next()?;
    let name = decode(path.rsplit('/').next()?)?;
    stream(&name.replacen('@', ":", 1))
}

/// `name:stream` of `name:stream:version:context`.
fn stream(label: &str) -> Option<String> {
    let mut parts = label.split(':');
    let (name, stream) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !stream.is_empty()).then(|| format!("{name}:{stream}"))
}

/// A part of a purl without its percent escapes.
fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            (high * 16 + low) as u8
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_read_with_epoch_module_and_escapes() {
        let read = RpmPurl::read("pkg:rpm/redhat/perl-FCGI@0.78-12.module%2Bel8.10.0%2B23147%2B20b7d289?arch=aarch64&epoch=1&rpmmod=perl-FCGI:0.78:8100020250529111022:69ef70f8").unwrap();
        assert_eq!(read.name, "perl-FCGI");
        assert_eq!(
            read.evr.as_deref(),
            Some("1:0.78-12.module+el8.10.0+23147+20b7d289")
        );
        assert_eq!(read.arch.as_deref(), Some("aarch64"));
        assert_eq!(read.module.as_deref(), Some("perl-FCGI:0.78"));
        let read = RpmPurl::read("pkg:rpm/redhat/curl").unwrap();
        assert_eq!((read.evr, read.arch), (None, None));
        assert_eq!(RpmPurl::read("pkg:oci/x"), None);
        assert_eq!(RpmPurl::read("pkg:rpm/redhat/a%2"), None);
        assert_eq!(
            module_of("pkg:rpmmod/redhat/postgresql@12:8020020231128165246:4cda2c84").as_deref(),
            Some("postgresql:12")
        );
        assert_eq!(
            module_of("pkg:rpmmod/redhat/log4j@2").as_deref(),
            Some("log4j:2")
        );
    }
}
