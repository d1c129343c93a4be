//! The structures of the API, with their members in Clair's order.

use pellucid_store::LayerView;

use super::decode::{Members, Place, envelope};
use super::error::ApiError;
use super::json::{self, Object};

/// A layer as it is posted.
#[derive(Debug, Default)]
pub(crate) struct PostedLayer {
    pub(crate) name: String,
    pub(crate) path: String,
    /// Sorted by name.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) parent: String,
    pub(crate) format: String,
}

/// A feature.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) version_format: String,
    pub(crate) version: String,
    pub(crate) vulnerabilities: Vec<Vulnerability>,
    pub(crate) added_by: String,
}

/// A vulnerability.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vulnerability {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) description: String,
    pub(crate) link: String,
    pub(crate) severity: String,
    /// JSON in Go's spelling.
    pub(crate) metadata: Option<String>,
    pub(crate) fixed_by: String,
    pub(crate) fixed_in: Vec<Feature>,
}

impl PostedLayer {
    /// Reads the body of a POST.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let top = Place {
            structure: "LayerEnvelope",
            path: "",
        };
        let mut members = envelope(body, "LayerEnvelope")?
            .object("Layer", &top, "v1.Layer")?
            .ok_or_else(|| ApiError::bad("failed to provide layer"))?;
        let place = Place {
            structure: "Layer",
            path: "Layer.",
        };
        Ok(Self {
            name: members.text("Name", &place)?,
            path: members.text("Path", &place)?,
            headers: members.texts("Headers", &place)?,
            parent: members.text("ParentName", &place)?,
            format: members.text("Format", &place)?,
        })
    }

    /// Writes it back. The values of headers are secrets: that they are there is all that is said.
    pub(crate) fn write(&self, engine_version: u32, it: &mut Object<'_>) {
        it.text("Name", &self.name);
        it.text("Path", &self.path);
        if !self.headers.is_empty() {
            it.object("Headers", |it| {
                for (name, value) in &self.headers {
                    it.text_always(name, if value.is_empty() { "" } else { "***" });
                }
            });
        }
        it.text("ParentName", &self.parent);
        it.text("Format", &self.format);
        it.number("IndexedByVersion", engine_version.into());
    }
}

/// Writes a stored layer.
pub(crate) fn write_layer(layer: &LayerView, features: &[Feature], it: &mut Object<'_>) {
    it.text("Name", &layer.name);
    it.text(
        "NamespaceName",
        layer.namespace.as_deref().unwrap_or_default(),
    );
    it.text("ParentName", layer.parent.as_deref().unwrap_or_default());
    it.number("IndexedByVersion", layer.engine_version.into());
    it.list("Features", features, Feature::write);
}

impl Feature {
    /// Reads the body of a PUT of a fix.
    pub(crate) fn read_envelope(body: &[u8]) -> Result<Self, ApiError> {
        let top = Place {
            structure: "FeatureEnvelope",
            path: "",
        };
        let members = envelope(body, "FeatureEnvelope")?
            .object("Feature", &top, "v1.Feature")?
            .ok_or_else(|| ApiError::bad("failed to provide feature"))?;
        Self::read(members, "Feature.")
    }

    fn read(mut members: Members, path: &str) -> Result<Self, ApiError> {
        let place = Place {
            structure: "Feature",
            path,
        };
        Ok(Self {
            name: members.text("Name", &place)?,
            namespace: members.text("NamespaceName", &place)?,
            version_format: members.text("VersionFormat", &place)?,
            version: members.text("Version", &place)?,
            vulnerabilities: Vec::new(),
            added_by: members.text("AddedBy", &place)?,
        })
    }

    pub(crate) fn write(&self, it: &mut Object<'_>) {
        it.text("Name", &self.name);
        it.text("NamespaceName", &self.namespace);
        it.text("VersionFormat", &self.version_format);
        it.text("Version", &self.version);
        it.list(
            "Vulnerabilities",
            &self.vulnerabilities,
            Vulnerability::write,
        );
        it.text("AddedBy", &self.added_by);
    }
}

impl Vulnerability {
    /// Reads the body of a POST or PUT.
    pub(crate) fn read_envelope(body: &[u8]) -> Result<Self, ApiError> {
        let top = Place {
            structure: "VulnerabilityEnvelope",
            path: "",
        };
        let mut members = envelope(body, "VulnerabilityEnvelope")?
            .object("Vulnerability", &top, "v1.Vulnerability")?
            .ok_or_else(|| ApiError::bad("failed to provide vulnerability"))?;
        let place = Place {
            structure: "Vulnerability",
            path: "Vulnerability.",
        };
        Ok(Self {
            name: members.text("Name", &place)?,
            namespace: members.text("NamespaceName", &place)?,
            description: members.text("Description", &place)?,
            link: members.text("Link", &place)?,
            severity: members.text("Severity", &place)?,
            metadata: members
                .object("Metadata", &place, "map[string]interface {}")?
                .map(|members| members.into_value())
                .filter(|value| value.as_object().is_some_and(|members| !members.is_empty()))
                .map(|value| json::value(&value)),
            fixed_by: members.text("FixedBy", &place)?,
            fixed_in: members
                .objects("FixedIn", &place, "v1.Feature")?
                .into_iter()
                .map(|members| Feature::read(members, "Vulnerability.FixedIn."))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn write(&self, it: &mut Object<'_>) {
        it.text("Name", &self.name);
        it.text("NamespaceName", &self.namespace);
        it.text("Description", &self.description);
        it.text("Link", &self.link);
        it.text("Severity", &self.severity);
        it.raw("Metadata", self.metadata.as_deref());
        it.text("FixedBy", &self.fixed_by);
        it.list("FixedIn", &self.fixed_in, Feature::write);
    }
}
