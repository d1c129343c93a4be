//! A saved report, as `convert`, `diff` and `explain` read it back.

use pellucid_report::{Assessment, Report, Style, Tool};

/// Reads it, and writes what was read in every format.
pub(crate) fn run(data: &[u8]) {
    let Ok(report) = pellucid_report::read_json(data) else {
        return;
    };
    let style = Style::default();
    for format in pellucid_report::FORMATS {
        let written = format.write(&report, &style, &mut std::io::sink());
        assert!(written.is_ok(), "{} cannot be written", format.name());
    }
}

/// Reports of the archives that [`super::archive`] begins with, packages alone.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    super::archive::docker()
        .iter()
        .chain(&super::archive::oci())
        .filter_map(|archive| written(archive))
        .chain([br#"{"schema":"pellucid-report/1"}"#.to_vec()])
        .collect()
}

fn written(archive: &[u8]) -> Option<Vec<u8>> {
    let inventory = super::archive::inventory(archive)?;
    let tool = Tool {
        version: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
    };
    let report = Report::new(tool, inventory, Some(Assessment::default()), Vec::new());
    let mut json = Vec::new();
    let format = pellucid_report::format("json")?;
    format.write(&report, &Style::default(), &mut json).ok()?;
    Some(json)
}
