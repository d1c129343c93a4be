//! Bills of materials and purls in place of an image: `sbom:FILE`, `purl:PURL`, `purl:FILE`, `-`, or a
//! file that starts as such a list does.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use pellucid_detect::BillError;
use pellucid_model::Inventory;

use crate::confined;
use crate::exit::Usage;
use crate::memory::Memory;

/// Most bytes of a list.
const LARGEST: u64 = 512 << 20;

/// A list that the caller names.
pub(crate) struct Bill<'a> {
    reference: &'a str,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Document(&'a str),
    Purl(&'a str),
    Purls(&'a str),
}

/// The list that a reference names, if it does.
pub(crate) fn asked(reference: &str) -> Option<Bill<'_>> {
    let kind = if let Some(path) = reference.strip_prefix("sbom:") {
        Kind::Document(path)
    } else if let Some(rest) = reference.strip_prefix("purl:") {
        match rest.starts_with("pkg:") {
            true => Kind::Purl(rest),
            false => Kind::Purls(rest),
        }
    } else if reference.starts_with("pkg:") {
        Kind::Purl(reference)
    } else if reference == "-" || is_list(Path::new(reference)) {
        Kind::Document(reference)
    } else {
        return None;
    };
    Some(Bill { reference, kind })
}

impl Bill<'_> {
    /// What it says is there, read within so much memory.
    pub(crate) fn read(&self, memory: Option<Memory>) -> anyhow::Result<Inventory> {
        let reference = match self.reference.starts_with("sbom:") || self.is_purl() {
            true => self.reference.to_owned(),
            false => format!("sbom:{}", self.reference),
        };
        let inventory = match self.kind {
            Kind::Document(path) => document(&reference, &bytes(path, memory)?, memory)?,
            Kind::Purl(purl) => purls(&reference, purl)?.ok_or_else(|| {
                Usage(format!(
                    "{purl} is no purl of a known type with a version, as pkg:pypi/jinja2@3.1.4"
                ))
            })?,
            Kind::Purls(path) => {
                let text = String::from_utf8(bytes(path, memory)?).context("it is not UTF-8")?;
                purls(&reference, &text)?
                    .context("no line of it is a purl of a known type with a version")?
            }
        };
        Ok(inventory)
    }

    fn is_purl(&self) -> bool {
        matches!(self.kind, Kind::Purl(_) | Kind::Purls(_))
    }
}

/// What a document says is there.
pub(crate) fn document(
    reference: &str,
    bytes: &[u8],
    memory: Option<Memory>,
) -> anyhow::Result<Inventory> {
    check(bytes, memory)?;
    let read = confined::parsing(|| pellucid_detect::read_bill(reference, bytes));
    Ok(read?)
}

/// What purls say is there; nothing where none of them can be read.
fn purls(reference: &str, text: &str) -> anyhow::Result<Option<Inventory>> {
    match confined::parsing(|| pellucid_detect::read_purls(reference, text)) {
        Ok(inventory) => Ok(Some(inventory)),
        Err(BillError::Empty) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file starts as a list does, also as one that is not read: no archive does.
fn is_list(path: &Path) -> bool {
    let mut start = Vec::new();
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path)
            .and_then(|file| file.take(64).read_to_end(&mut start))
            .is_ok()
        && {
            let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
            let start = start.trim_ascii_start();
            matches!(start.first(), Some(b'{' | b'<')) || start.starts_with(b"SPDXVersion:")
        }
}

fn bytes(path: &str, memory: Option<Memory>) -> anyhow::Result<Vec<u8>> {
    let most = largest(memory) + 1;
    let mut bytes = Vec::new();
    if path == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| {
            // Growing would hold the bytes twice.
            let size = file.metadata()?.len().min(most);
            bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
            file.take(most).read_to_end(&mut bytes)
        })
    }
    .with_context(|| format!("cannot read {path}"))?;
    check(&bytes, memory)?;
    Ok(bytes)
}

fn largest(memory: Option<Memory>) -> u64 {
    memory.map_or(LARGEST, |memory| memory.bill().min(LARGEST))
}

fn check(bytes: &[u8], memory: Option<Memory>) -> anyhow::Result<()> {
    let most = largest(memory);
    if bytes.len() as u64 <= most {
        return Ok(());
    }
    let error = anyhow::anyhow!("it is larger than {most} bytes");
    Err(match memory {
        Some(memory) if most < LARGEST => error.context(memory.too_little()),
        _ => error,
    })
}
