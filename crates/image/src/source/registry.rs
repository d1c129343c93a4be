//! An image in a registry, by OCI's distribution protocol.
//!
//! Manifest and configuration are fetched and verified; layers are streams from the connection into
//! the layer's reader, and several are read at once. What was cut is resumed, what failed for the
//! moment is asked for again, a mirror that has nothing is passed over. Layers that have a table of
//! contents are read by it, unless every byte is to be verified.
//!
//! Not here: Docker's first manifest format, and registries that Docker's would guess to speak plain
//! HTTP (loopback too): that is said or it is not done.

pub(crate) mod answer;
mod blob;
mod body;
mod challenge;
mod client;
pub(crate) mod credentials;
mod fault;
mod lazy;
mod name;
mod realm;
mod settings;

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use pellucid_model::{Digest, Platform};
use reqwest::Response;

use crate::document::{self, Config, Descriptor, Document, serving};
use crate::layer::digest::digest_like;
use crate::layer::toc::Toc;
use crate::source::{Asked, Bytes, Found, Layers, Opened, Source, warning};
use crate::{ImageError, Limits, Verify};
use blob::{BlobReader, first};
use body::Body;
pub(crate) use challenge::Challenge;
use client::{Client, Endpoint, Get};
pub use fault::{Rate, RegistryFault};
use lazy::Parts;
pub(crate) use lazy::Table;
pub(crate) use name::Name;
pub use name::{is_mirror, is_registry};
pub use settings::{Login, RegistryOptions, Secret};

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

/// The `registry:` source.
pub(crate) struct Registry;

impl Source for Registry {
    fn name(&self) -> &'static str {
        "registry"
    }

    fn takes_names(&self) -> bool {
        true
    }

    fn recognises(&self, found: &Found, _: &crate::OpenOptions) -> bool {
        matches!(found, Found::Name(_))
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        let platform = asked.options.platform.clone();
        let repository = Repository::of(&asked)?;
        let mut opened = asked.options.confined(None, || {
            let manifests = repository.manifests();
            let chosen = manifests
                .and_then(|(manifests, _)| repository.chosen(manifests, platform.as_ref()));
            let chosen = chosen.map_err(|error| repository.besides(error))?;
            repository.image(chosen)
        })?;
        if let (Some(wanted), Some(own)) = (&platform, &opened.image.platform)
            && !own.serves(wanted)
        {
            let message = format!("the image is for {own}, not {wanted}, and there is no other");
            opened.warnings.push(warning(message));
        }
        Ok(opened)
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        let repository = Repository::of(&asked)?;
        let manifests = asked.options.confined(None, || repository.manifests());
        let (manifests, _) = manifests.map_err(|error| repository.besides(error))?;
        let mut images = Vec::new();
        for manifest in manifests {
            // Each has its own connections, and may be closed before the others.
            let own = Repository::of(&asked)?;
            images.push(asked.options.confined(None, || own.image(manifest))?);
        }
        if let Some(first) = images.first_mut() {
            first.warnings.extend(repository.passed_over().map(warning));
        }
        Ok(images)
    }
}

/// The repository of an image's name.
struct Repository {
    name: Name,
    client: Client,
    endpoints: Vec<Endpoint>,
    limits: Limits,
    /// Whether layers may be read by their tables of contents.
    by_table: bool,
}

/// A manifest of an image, fetched and verified.
#[derive(Clone)]
struct Manifest {
    descriptor: Descriptor,
    config: Box<Descriptor>,
    layers: Vec<Descriptor>,
    /// Where it was; its blobs are asked for there first.
    endpoint: Endpoint,
}

/// What the name leads to: fetched, or only listed.
enum Listed {
    Here(Manifest),
    There(Descriptor),
}

impl Repository {
    fn of(asked: &Asked<'_>) -> Result<Self, ImageError> {
        let Found::Name(text) = &asked.found else {
            return Err(ImageError::Reference {
                reference: asked.reference.path.display().to_string(),
                reason: "a registry has names, not paths",
            });
        };
        let name = Name::parse(text)?;
        if asked.options.offline {
            let host = name.host().to_owned();
            return Err(at(&name)(RegistryFault::Offline { host }));
        }
        let client = Client::new(name.clone(), &asked.options.registry).map_err(at(&name))?;
        Ok(Self {
            endpoints: client.endpoints(),
            name,
            client,
            limits: asked.options.limits.clone(),
            by_table: asked.options.verify == Verify::Read,
        })
    }

    /// All image manifests that the name leads to.
    fn manifests(&self) -> Result<(Vec<Listed>, bool), ImageError> {
        let selector = self.name.selector();
        let (bytes, endpoint, digest) = self.document(&selector, self.name.digest)?;
        let descriptor = Descriptor::of(digest, bytes.len() as u64);
        let document = format!("manifest {selector}");
        let mut level = match Document::parse(&document, &bytes)? {
            Document::Manifest { config, layers } => {
                let manifest = Manifest {
                    descriptor,
                    config,
                    layers,
                    endpoint,
                };
                return Ok((vec![Listed::Here(manifest)], false));
            }
            Document::Index(entries) => entries,
        };
        let mut listed = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..=self.limits.index_depth {
            let mut below = Vec::new();
            for entry in level {
                if entry.is_attestation() || !seen.insert(entry.digest) {
                    continue;
                }
                if seen.len() > self.limits.index_entries {
                    return Err(self.limit("index_entries", self.limits.index_entries));
                }
                if entry.is_index() {
                    let (bytes, _, _) =
                        self.document(&entry.digest.to_string(), Some(entry.digest))?;
                    match Document::parse(&format!("manifest {}", entry.digest), &bytes)? {
                        Document::Index(entries) => below.extend(entries),
                        Document::Manifest { .. } => listed.push(Listed::There(entry)),
                    }
                } else {
                    listed.push(Listed::There(entry));
                }
            }
            if below.is_empty() {
                return Ok((listed, true));
            }
            level = below;
        }
        Err(self.limit("index_depth", self.limits.index_depth))
    }

    /// The only one, or the one for the platform.
    fn chosen(
        &self,
        mut manifests: Vec<Listed>,
        asked: Option<&Platform>,
    ) -> Result<Listed, ImageError> {
        let is_alone = manifests.len() == 1
            && (asked.is_none() || matches!(manifests.first(), Some(Listed::Here(_))));
        if is_alone && let Some(only) = manifests.pop() {
            return Ok(only);
        }
        let mut platforms: Vec<_> = manifests
            .iter()
            .map(|listed| match listed {
                Listed::There(entry) => entry.platform(),
                Listed::Here(_) => None,
            })
            .collect();
        let wanted = asked.cloned().unwrap_or_else(Platform::host);
        let mut chosen = serving(platforms.iter().map(Option::as_ref), &wanted);
        // An index need not say what its images are for; their configurations do.
        let untold = platforms.iter_mut().zip(&mut manifests).enumerate();
        for (at, (platform, listed)) in untold.filter(|(_, (platform, _))| platform.is_none()) {
            if chosen.is_some() {
                break;
            }
            let manifest = self.fetched(listed)?;
            *platform = self.platform_of(&manifest)?;
            *listed = Listed::Here(manifest);
            if platform.as_ref().is_some_and(|own| own.serves(&wanted)) {
                chosen = Some(at);
            }
        }
        match chosen {
            Some(at) => Ok(manifests.swap_remove(at)),
            None if platforms.is_empty() => Err(ImageError::Document {
                document: format!("the index of {}", self.name),
                reason: "it lists no image".to_owned(),
            }),
            None => {
                let all: BTreeSet<_> = platforms
                    .iter()
                    .flatten()
                    .map(ToString::to_string)
                    .collect();
                if all.is_empty() {
                    return Err(ImageError::Document {
                        document: format!("the index of {}", self.name),
                        reason: "none of its images tells its platform".to_owned(),
                    });
                }
                Err(ImageError::NoSuchPlatform {
                    wanted,
                    available: all.into_iter().collect(),
                })
            }
        }
    }

    /// A manifest, fetched if it was only listed.
    fn fetched(&self, listed: &Listed) -> Result<Manifest, ImageError> {
        let descriptor = match listed {
            Listed::Here(manifest) => return Ok(manifest.clone()),
            Listed::There(descriptor) => descriptor.clone(),
        };
        let digest = descriptor.digest;
        let (bytes, endpoint, _) = self.document(&digest.to_string(), Some(digest))?;
        let document = format!("manifest {digest}");
        match Document::parse(&document, &bytes)? {
            Document::Manifest { config, layers } => Ok(Manifest {
                descriptor,
                config,
                layers,
                endpoint,
            }),
            Document::Index(_) => Err(ImageError::Document {
                document,
                reason: "it is an index in place of a manifest".to_owned(),
            }),
        }
    }

    /// The places to ask for a manifest's blobs, the one that had it first.
    fn endpoints_of(&self, manifest: &Manifest) -> Vec<Endpoint> {
        let others = self.endpoints.iter();
        let others = others.filter(|one| **one != manifest.endpoint);
        std::iter::once(&manifest.endpoint)
            .chain(others)
            .cloned()
            .collect()
    }

    /// The configuration of a manifest.
    fn config(&self, manifest: &Manifest) -> Result<Config, ImageError> {
        let config = &manifest.config;
        let document = format!("configuration {}", config.digest);
        if config.size > self.limits.json_bytes {
            return Err(self.limit("json_bytes", self.limits.json_bytes as usize));
        }
        let get = Get {
            path: format!("blobs/{}", config.digest),
            accept: "*/*",
            range: None,
        };
        let endpoints = self.endpoints_of(manifest);
        let (response, _) = first(&self.client, &endpoints, &get).map_err(at(&self.name))?;
        let bytes = self.bytes(response)?;
        document::verify(&document, config.digest, &bytes)?;
        document::json(&document, &bytes)
    }

    /// What an image is for by its configuration. What is no image is for nothing.
    fn platform_of(&self, manifest: &Manifest) -> Result<Option<Platform>, ImageError> {
        match document::check_config_type("", manifest.config.media_type.as_deref()) {
            Ok(()) => self.config(manifest).map(|config| config.platform()),
            Err(_) => Ok(None),
        }
    }

    /// The image of a manifest.
    fn image(self, listed: Listed) -> Result<Opened, ImageError> {
        let besides = |error| self.besides(error);
        let manifest = self.fetched(&listed).map_err(besides)?;
        let endpoints = self.endpoints_of(&manifest);
        let config = &manifest.config;
        let parsed = self.config(&manifest).map_err(besides)?;
        let mut described = document::described(
            &manifest.descriptor,
            config,
            &parsed,
            &manifest.layers,
            &self.limits,
        )?;
        described.image.reference = format!("registry:{}", self.name);
        let tag = self
            .name
            .tag
            .as_ref()
            .filter(|_| self.name.digest.is_none());
        if tag.is_some() || self.name.digest.is_none() {
            described.image.tags.push(self.name.to_string());
        }
        let blobs = manifest
            .layers
            .iter()
            .map(|layer| Blob {
                digest: layer.digest,
                size: layer.size,
                table: Table::of(layer).filter(|_| self.by_table),
                toc: OnceLock::new(),
            })
            .collect();
        described.warnings.extend(self.passed_over().map(warning));
        Ok(Opened {
            image: described.image,
            warnings: described.warnings,
            expected: described.expected,
            layers: Box::new(Blobs {
                client: self.client,
                endpoints,
                blobs,
                limits: self.limits,
            }),
            read_through: true,
        })
    }

    /// A manifest or index, verified where its digest is known; with where it was, and its digest.
    fn document(
        &self,
        selector: &str,
        digest: Option<Digest>,
    ) -> Result<(Vec<u8>, Endpoint, Digest), ImageError> {
        let get = Get {
            path: format!("manifests/{selector}"),
            accept: MANIFESTS,
            range: None,
        };
        let (response, endpoint) =
            first(&self.client, &self.endpoints, &get).map_err(at(&self.name))?;
        let said = response.headers().get("docker-content-digest");
        let said = said.and_then(|said| said.to_str().ok()?.trim().parse::<Digest>().ok());
        let bytes = self.bytes(response)?;
        let document = format!("manifest {selector}");
        // What a tag leads to has the digest that the registry says, or it came broken.
        for declared in [digest, said].into_iter().flatten() {
            document::verify(&document, declared, &bytes)?;
        }
        let digest = digest.or(said).unwrap_or_else(|| digest_like(None, &bytes));
        Ok((bytes, endpoint, digest))
    }

    /// A small body.
    fn bytes(&self, response: Response) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let mut body = Body::of(response, &self.client).map_err(at(&self.name))?;
        let mut piece = Vec::new();
        while let Some(next) = body.next(piece).map_err(at(&self.name))? {
            if (bytes.len() + next.len()) as u64 > self.limits.json_bytes {
                return Err(ImageError::Limit {
                    what: format!("the description of {}", self.name),
                    limit: "json_bytes",
                    allowed: self.limits.json_bytes,
                });
            }
            bytes.extend_from_slice(&next);
            piece = next;
        }
        Ok(bytes)
    }

    /// A line for each mirror that could not be asked.
    fn passed_over(&self) -> impl Iterator<Item = String> + use<> {
        let all = self.client.passed_over().into_iter();
        all.map(|(host, why)| format!("the mirror {host} was passed over: {why}"))
    }

    /// The same error, with the mirrors that could not be asked either where the registry gave no answer.
    fn besides(&self, error: ImageError) -> ImageError {
        match error {
            ImageError::Registry { .. } => error.besides(self.passed_over().collect()),
            other => other,
        }
    }

    fn limit(&self, limit: &'static str, allowed: usize) -> ImageError {
        ImageError::Limit {
            what: format!("the description of {}", self.name),
            limit,
            allowed: allowed as u64,
        }
    }
}

/// An image's layers in a registry.
struct Blobs {
    client: Client,
    endpoints: Vec<Endpoint>,
    blobs: Vec<Blob>,
    limits: Limits,
}

struct Blob {
    digest: Digest,
    size: u64,
    /// Where its table of contents is, if it may be read by one.
    table: Option<Table>,
    /// Looked for once: a layer that is read again shows the same entries.
    toc: OnceLock<Option<Toc>>,
}

impl Layers for Blobs {
    fn layer(&self, index: usize) -> Result<Bytes<'_>, ImageError> {
        let Some(blob) = self.blobs.get(index) else {
            return Err(ImageError::Missing {
                document: "the image".to_owned(),
                name: format!("layer {index}"),
            });
        };
        let endpoints = self.endpoints.clone();
        let digest = blob.digest.to_string();
        if let Some(table) = &blob.table {
            let parts = Parts {
                client: &self.client,
                endpoints: endpoints.clone(),
                digest: digest.clone(),
                size: blob.size,
                transferred: AtomicU64::new(0),
            };
            let toc = blob.toc.get_or_init(|| parts.table(table, &self.limits));
            if let Some(toc) = toc {
                return Ok(Bytes::Listed(toc, Box::new(parts)));
            }
        }
        let reader = BlobReader::whole(&self.client, endpoints, &digest, blob.size);
        Ok(Bytes::Stream(Box::new(reader)))
    }
}

fn at(name: &Name) -> impl Fn(RegistryFault) -> ImageError {
    let image = name.to_string();
    move |source| ImageError::Registry {
        image: image.clone(),
        source: Box::new(source),
    }
}
