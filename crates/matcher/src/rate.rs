//! Whose severity holds, where the user does not want the vendor's.

use pellucid_model::Finding;

/// The word for the severity that matching chose: the vendor's, where there is one.
const VENDOR: &str = "vendor";

/// Gives each finding the severity of the first of these sources that has one: `vendor`, or part of a
/// CVSS scorer's name (`nvd`, `redhat`, `ghsa`) whose vector has a score. Where none has, it stays.
pub fn rate(findings: &mut [Finding], sources: &[String]) {
    for finding in findings {
        for source in sources {
            if source == VENDOR {
                break;
            }
            let is_meant = |name: &str| {
                name.to_ascii_lowercase()
                    .contains(&source.to_ascii_lowercase())
            };
            let mut scored = finding.cvss.iter().filter(|cvss| is_meant(&cvss.source));
            let rated = scored.find_map(|cvss| Some((cvss.severity()?, cvss.source.clone())));
            if let Some((severity, source)) = rated {
                finding.severity = severity;
                finding.severity_word = None;
                finding.severity_source = source;
                break;
            }
        }
    }
}
