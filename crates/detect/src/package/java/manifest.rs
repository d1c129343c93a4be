//! The main section of a manifest.
//!
//! Source: the JAR file specification. A line is at most 72 bytes; a longer value goes on in the
//! next one, after a space. Names are compared without regard to case. An empty line ends the
//! section; signatures of every class may follow.

/// What names the archive.
#[derive(Default, Debug)]
pub(super) struct Manifest {
    pub(super) group_id: Option<String>,
    pub(super) vendor_id: Option<String>,
    pub(super) title: Option<String>,
    pub(super) short_name: Option<String>,
    /// Without the parameters that may follow it.
    pub(super) symbolic_name: Option<String>,
    pub(super) plugin_version: Option<String>,
    pub(super) version: Option<String>,
    pub(super) bundle_version: Option<String>,
    pub(super) specification_version: Option<String>,
}

impl Manifest {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut manifest = Self::default();
        let mut current = String::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if let Some(more) = line.strip_prefix(' ') {
                current.push_str(more);
                continue;
            }
            manifest.take(&current);
            current.clear();
            if line.is_empty() {
                return manifest;
            }
            current.push_str(&line);
        }
        manifest.take(&current);
        manifest
    }

    fn take(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let value = value.trim().trim_matches('"');
        let place = match name.to_ascii_lowercase().as_str() {
            "group-id" => &mut self.group_id,
            "implementation-vendor-id" => &mut self.vendor_id,
            "implementation-title" => &mut self.title,
            "short-name" => &mut self.short_name,
            "bundle-symbolicname" => &mut self.symbolic_name,
            "plugin-version" => &mut self.plugin_version,
            "implementation-version" => &mut self.version,
            "bundle-version" => &mut self.bundle_version,
            "specification-version" => &mut self.specification_version,
            _ => return,
        };
        let value = match name.eq_ignore_ascii_case("bundle-symbolicname") {
            true => value.split(';').next().unwrap_or_default().trim(),
            false => value,
        };
        if !value.is_empty() && value.len() <= 512 && !value.contains("${") {
            *place = Some(value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_section_is_read_with_its_continued_lines() {
        let manifest = Manifest::of(
            b"Manifest-Version: 1.0\r\nBundle-SymbolicName: org.apache.\r\n commons.io;singleton:=true\r\n\
              implementation-version: 2.11.0\nImplementation-Title: ${name}\n\nName: a\nBundle-Version: 9\n",
        );
        assert_eq!(
            manifest.symbolic_name.as_deref(),
            Some("org.apache.commons.io")
        );
        assert_eq!(manifest.version.as_deref(), Some("2.11.0"));
        assert_eq!(manifest.title, None);
        assert_eq!(manifest.bundle_version, None);
    }
}
