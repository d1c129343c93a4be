//! A data root of Docker's, without the daemon: `docker-root:DIR[#IMAGE|#CONTAINER]`.
//!
//! `image/overlay2` says which images there are (`repositories.json`), holds their configurations
//! (`imagedb`) and, for each chain of layers, the name of the directory with its files (`layerdb`).
//! Those are `overlay2/NAME/diff`; `link` is the directory's short name, `lower` the short names of
//! those below it, and what they say is compared with what the layer database says. A container adds
//! two layers: what Docker prepared, and what it wrote since.
//!
//! Nothing is written, and no link is followed: `overlay2/l` is not needed.
//!
//! Not here: other storage drivers, and roots whose images containerd keeps.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::Digest;
use serde::Deserialize;

use crate::document::{self, Config};
use crate::layer::digest::digest_like;
use crate::reference::names;
use crate::source::storage::{Root, Tree, is_id_of, is_part};
use crate::source::{Asked, Found, Opened, Source};
use crate::{ImageError, OpenOptions};

/// The `docker-root:` source.
pub(crate) struct DockerRoot;

const REPOSITORIES: &str = "image/overlay2/repositories.json";

#[derive(Deserialize)]
struct Repositories {
    #[serde(rename = "Repositories", default)]
    repositories: BTreeMap<String, BTreeMap<String, Digest>>,
}

/// A container's `config.v2.json`.
#[derive(Deserialize)]
struct Container {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Image")]
    image: Digest,
}

impl Source for DockerRoot {
    fn name(&self) -> &'static str {
        "docker-root"
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        matches!(found, Found::Folder(_)) && found.has(REPOSITORIES)
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        let root = Root::of(&asked, false)?;
        let repositories: Repositories =
            root.json(REPOSITORIES)?
                .ok_or_else(|| ImageError::NotAnImage {
                    path: root.path.clone(),
                    reason: format!(
                        "there is no {REPOSITORIES}: no data root of Docker's, another storage \
                         driver, or images that containerd keeps"
                    ),
                })?;
        let docker = Docker { root, repositories };
        let wanted = asked.reference.image.as_deref();
        let (id, container) = docker.chosen(wanted)?;
        docker.image(id, container)
    }
}

struct Docker<'a> {
    root: Root<'a>,
    repositories: Repositories,
}

impl Docker<'_> {
    /// The image, and the container of it, that are asked for.
    fn chosen(&self, wanted: Option<&str>) -> Result<(Digest, Option<Container>), ImageError> {
        let path = || self.root.path.clone();
        let ids = self.root.names("image/overlay2/imagedb/content/sha256")?;
        let Some(wanted) = wanted else {
            let mut digests = ids.iter().map(|id| format!("sha256:{id}").parse());
            return match (digests.next(), digests.next()) {
                (Some(Ok(only)), None) => Ok((only, None)),
                (None, _) => Err(ImageError::NotAnImage {
                    path: path(),
                    reason: "it holds no image".to_owned(),
                }),
                _ => Err(ImageError::SeveralImages {
                    path: path(),
                    available: self.available(&ids),
                }),
            };
        };
        let mut found = BTreeSet::new();
        for (tag, id) in self.repositories.repositories.values().flatten() {
            if names(tag, wanted) {
                found.insert(*id);
            }
        }
        if found.is_empty() {
            let of_image = ids.iter().filter(|id| is_id_of(id, wanted));
            found.extend(of_image.filter_map(|id| format!("sha256:{id}").parse::<Digest>().ok()));
        }
        let containers = self.containers(wanted)?;
        match (found.len(), containers.len()) {
            (1, 0) => found.pop_first().map(|id| (id, None)),
            (0, 1) => containers
                .into_iter()
                .next()
                .map(|one| (one.image, Some(one))),
            (0, 0) => None,
            _ => {
                let mut available: Vec<_> = found.iter().map(ToString::to_string).collect();
                available.extend(containers.into_iter().map(|one| one.id));
                return Err(ImageError::SeveralImages {
                    path: path(),
                    available,
                });
            }
        }
        .ok_or_else(|| ImageError::NoSuchImage {
            path: path(),
            wanted: wanted.to_owned(),
            available: self.available(&ids),
        })
    }

    fn available(&self, ids: &[String]) -> Vec<String> {
        let tags = self.repositories.repositories.values().flatten();
        let tags: Vec<_> = tags
            .map(|(tag, _)| tag.clone())
            .filter(|tag| !tag.contains('@'))
            .collect();
        let all = if tags.is_empty() { ids.to_vec() } else { tags };
        all.into_iter().take(50).collect()
    }

    /// Containers of this name or id.
    fn containers(&self, wanted: &str) -> Result<Vec<Container>, ImageError> {
        let mut containers = Vec::new();
        for id in self.root.names("containers")? {
            let path = format!("containers/{id}/config.v2.json");
            // One that is being removed has none any more.
            let Some(container) = self.root.json::<Container>(&path)? else {
                continue;
            };
            let name = container.name.trim_start_matches('/');
            if container.id == id && (name == wanted || is_id_of(&id, wanted)) {
                containers.push(container);
            }
        }
        Ok(containers)
    }

    fn image(&self, id: Digest, container: Option<Container>) -> Result<Opened, ImageError> {
        let path = format!(
            "image/overlay2/imagedb/content/{}/{}",
            id.algorithm(),
            id.hex()
        );
        let missing = |name: String| ImageError::Missing {
            document: REPOSITORIES.to_owned(),
            name,
        };
        let bytes = self
            .root
            .bytes(&path)?
            .ok_or_else(|| missing(path.clone()))?;
        document::verify(&path, id, &bytes)?;
        let config: Config = document::json(&path, &bytes)?;
        let diff_ids = config.layers(&path)?;
        let mut warnings = Vec::new();
        let steps = document::steps(&config, diff_ids.len(), &mut warnings);
        let mut trees = Vec::new();
        let mut folders = Vec::new();
        let mut chain: Option<Digest> = None;
        for (diff_id, created_by) in diff_ids.into_iter().zip(steps) {
            let id = match chain {
                None => diff_id,
                Some(below) => digest_like(None, format!("{below} {diff_id}").as_bytes()),
            };
            chain = Some(id);
            let layer = format!("image/overlay2/layerdb/{}/{}", id.algorithm(), id.hex());
            let line = |name: &str| self.root.line(&format!("{layer}/{name}"));
            let folder = line("cache-id")?.ok_or_else(|| missing(format!("{layer}/cache-id")))?;
            if line("diff")?.is_some_and(|own| own != diff_id.to_string()) {
                let reason = format!("it is not {diff_id}, as the image says");
                return Err(self.root.wrong(&format!("{layer}/diff"), reason));
            }
            let size = line("size")?.and_then(|size| size.parse().ok());
            trees.push(Tree {
                path: self.diff(&folder)?,
                diff_id: Some(diff_id),
                size: size.unwrap_or_default(),
                created_by,
            });
            folders.push(folder);
        }
        let mut reference = format!("docker-root:{}", self.root.path.display());
        if let Some(container) = &container {
            let mount = format!("image/overlay2/layerdb/mounts/{}", container.id);
            for (file, what) in [("init-id", "prepared"), ("mount-id", "written")] {
                let path = format!("{mount}/{file}");
                let Some(folder) = self.root.line(&path)? else {
                    // Docker prepares nothing for some.
                    if file == "init-id" {
                        continue;
                    }
                    return Err(missing(path));
                };
                let name = container.name.trim_start_matches('/');
                trees.push(Tree {
                    path: self.diff(&folder)?,
                    diff_id: None,
                    size: 0,
                    created_by: Some(format!("{what} for the container {name}")),
                });
                folders.push(folder);
            }
            reference = format!("{reference}#{}", container.name.trim_start_matches('/'));
        }
        self.check_lower(&folders)?;
        let mut opened = self.root.opened(reference, id, &config, trees, warnings)?;
        let tags = self.repositories.repositories.values().flatten();
        let own = tags.filter(|(tag, of)| **of == id && !tag.contains('@'));
        opened.image.tags = own.map(|(tag, _)| tag.clone()).collect();
        opened.image.tags.sort();
        Ok(opened)
    }

    fn diff(&self, folder: &str) -> Result<String, ImageError> {
        if is_part(folder) {
            return Ok(format!("overlay2/{folder}/diff"));
        }
        Err(self.root.wrong(
            "image/overlay2/layerdb",
            "it names a directory that cannot be",
        ))
    }

    /// Compares what the highest directory says lies below it with what the layer database says.
    fn check_lower(&self, folders: &[String]) -> Result<(), ImageError> {
        let Some((top, below)) = folders.split_last() else {
            return Ok(());
        };
        let path = format!("overlay2/{top}/lower");
        let Some(lower) = self.root.line(&path)? else {
            return match below.is_empty() {
                true => Ok(()),
                false => Err(self
                    .root
                    .wrong(&path, "it is not there, though there are layers below")),
            };
        };
        let mut wanted = Vec::new();
        for folder in below.iter().rev() {
            let link = format!("overlay2/{folder}/link");
            let name = self.root.line(&link)?;
            let name = name.ok_or_else(|| self.root.wrong(&link, "it is not there"))?;
            wanted.push(format!("l/{name}"));
        }
        if lower.split(':').eq(wanted.iter().map(String::as_str)) {
            Ok(())
        } else {
            Err(self
                .root
                .wrong(&path, "it names other layers than the layer database does"))
        }
    }
}
