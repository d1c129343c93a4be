//! Images as engines keep them on disk: Docker's data root with overlay2, and containers/storage.
//!
//! Layers are unpacked as an overlay file system has them: what is removed is a character device 0:0,
//! what hides everything below has an attribute. A system may refuse either; that is the error.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::symlink;
use std::path::Path;

use base64::Engine as _;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use serde_json::{Value, json};

use crate::registry::digest;
use crate::{ImageBuilder, LayerBuilder};

/// What a container adds to its image, and what it is called.
pub struct ContainerOf {
    /// Its name.
    pub name: String,
    /// What it wrote.
    pub upper: LayerBuilder,
}

/// The id of the only container that is written.
pub const CONTAINER: &str = "c0ffee0000000000000000000000000000000000000000000000000000000000";

impl ImageBuilder {
    /// Writes Docker's data root with this image, and a container of it.
    ///
    /// # Errors
    /// The system refuses what an overlay needs.
    pub fn docker_root(self, root: &Path, container: Option<ContainerOf>) -> io::Result<()> {
        let tag = self.tag_of();
        let (config, layers) = self.unpacked();
        let id = digest(&config);
        let images = root.join("image/overlay2");
        let image = json!({"Repositories": {"test": {tag: id}}});
        put(&images.join("repositories.json"), image.to_string())?;
        put(
            &images.join("imagedb/content/sha256").join(hex(&id)),
            &config,
        )?;
        let mut chain = String::new();
        let mut links = Vec::new();
        let overlay = |name: &str, links: &mut Vec<String>| -> io::Result<()> {
            let folder = root.join("overlay2").join(name);
            let link = format!("LINK{}", links.len());
            put(&folder.join("link"), &link)?;
            if !links.is_empty() {
                let lower: Vec<_> = links.iter().rev().map(|link| format!("l/{link}")).collect();
                put(&folder.join("lower"), lower.join(":"))?;
            }
            fs::create_dir_all(root.join("overlay2/l"))?;
            symlink(
                format!("../{name}/diff"),
                root.join("overlay2/l").join(&link),
            )?;
            links.push(link);
            Ok(())
        };
        for (number, tar) in layers.iter().enumerate() {
            let diff_id = digest(tar);
            chain = match chain.as_str() {
                "" => diff_id.clone(),
                below => digest(format!("{below} {diff_id}").as_bytes()),
            };
            let name = format!("cache{number}");
            let layer = images.join("layerdb/sha256").join(hex(&chain));
            put(&layer.join("cache-id"), &name)?;
            put(&layer.join("diff"), &diff_id)?;
            put(&layer.join("size"), tar.len().to_string())?;
            unpack(tar, &root.join("overlay2").join(&name).join("diff"))?;
            overlay(&name, &mut links)?;
        }
        if let Some(container) = container {
            let mount = images.join("layerdb/mounts").join(CONTAINER);
            put(&mount.join("init-id"), "mount-init")?;
            put(&mount.join("mount-id"), "mount")?;
            put(&mount.join("parent"), &chain)?;
            fs::create_dir_all(root.join("overlay2/mount-init/diff"))?;
            overlay("mount-init", &mut links)?;
            unpack(&container.upper.tar(), &root.join("overlay2/mount/diff"))?;
            overlay("mount", &mut links)?;
            let about =
                json!({"ID": CONTAINER, "Name": format!("/{}", container.name), "Image": id});
            let path = root
                .join("containers")
                .join(CONTAINER)
                .join("config.v2.json");
            put(&path, about.to_string())?;
        }
        Ok(())
    }

    /// Writes podman's storage with this image, and a container of it.
    ///
    /// # Errors
    /// The system refuses what an overlay needs.
    pub fn containers_storage(self, root: &Path, container: Option<ContainerOf>) -> io::Result<()> {
        let tag = self.tag_of();
        let (config, layers) = self.unpacked();
        let id = digest(&config);
        let mut stored: Vec<Value> = Vec::new();
        for (number, tar) in layers.iter().enumerate() {
            let name = format!("{number:064x}");
            unpack(tar, &root.join("overlay").join(&name).join("diff"))?;
            let mut layer = json!({"id": name, "diff-digest": digest(tar), "diff-size": tar.len()});
            if let Some(parent) = number.checked_sub(1) {
                layer["parent"] = format!("{parent:064x}").into();
            }
            stored.push(layer);
        }
        let top = format!("{:064x}", layers.len().saturating_sub(1));
        let image = json!([{"id": hex(&id), "names": [format!("localhost/{tag}")], "layer": top}]);
        put(&root.join("overlay-images/images.json"), image.to_string())?;
        let name = base64::engine::general_purpose::STANDARD.encode(&id);
        let folder = root.join("overlay-images").join(hex(&id));
        put(&folder.join(format!("={name}")), &config)?;
        if let Some(container) = container {
            unpack(&container.upper.tar(), &root.join("overlay/upper/diff"))?;
            stored.push(json!({"id": "upper", "parent": top}));
            let about = json!([{
                "id": CONTAINER, "names": [container.name], "image": hex(&id), "layer": "upper"
            }]);
            put(
                &root.join("overlay-containers/containers.json"),
                about.to_string(),
            )?;
        }
        put(
            &root.join("overlay-layers/layers.json"),
            Value::from(stored).to_string(),
        )
    }
}

fn put(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    fs::write(path, bytes)
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn unpack(tar: &[u8], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let parent = folder.join(path.parent().unwrap_or(Path::new("")));
        fs::create_dir_all(&parent)?;
        let place = parent.join(name);
        if name == ".wh..wh..opq" {
            let attribute = match rustix::process::geteuid().is_root() {
                true => "trusted.overlay.opaque",
                false => "user.overlay.opaque",
            };
            setxattr(&parent, attribute, b"y", XattrFlags::empty())?;
        } else if let Some(removed) = name.strip_prefix(".wh.") {
            let device = FileType::CharacterDevice;
            mknodat(
                CWD,
                parent.join(removed),
                device,
                Mode::empty(),
                makedev(0, 0),
            )?;
        } else {
            match (entry.header().entry_type(), entry.link_name()?) {
                (tar::EntryType::Directory, _) => fs::create_dir_all(&place)?,
                (tar::EntryType::Symlink, Some(target)) => symlink(target, &place)?,
                (tar::EntryType::Link, Some(target)) => fs::hard_link(folder.join(target), &place)?,
                _ => {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes)?;
                    fs::write(&place, bytes)?;
                }
            }
        }
    }
    Ok(())
}
