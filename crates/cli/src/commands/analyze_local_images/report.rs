//! The report: what affects the image, the most severe first.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use super::client::{Feature, Vulnerability};
use super::flags::{Color, Flags};
use super::wrap::wrap;

/// Columns of a description.
const WIDTH: usize = 80;

/// Clair's severities in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Unknown,
    Negligible,
    Low,
    Medium,
    High,
    Critical,
    Defcon1,
}

impl Severity {
    /// The severity of exactly this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Unknown" => Self::Unknown,
            "Negligible" => Self::Negligible,
            "Low" => Self::Low,
            "Medium" => Self::Medium,
            "High" => Self::High,
            "Critical" => Self::Critical,
            "Defcon1" => Self::Defcon1,
            _ => return None,
        })
    }

    fn color(self) -> Paint {
        match self {
            Self::High | Self::Critical => Paint::Red,
            Self::Medium => Paint::Yellow,
            _ => Paint::White,
        }
    }
}

#[derive(Clone, Copy)]
enum Paint {
    Red = 31,
    Green = 32,
    Yellow = 33,
    White = 37,
}

/// The whole report.
pub(super) fn text(flags: &Flags, features: &[Feature], now: jiff::Timestamp) -> String {
    let colored = match flags.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::io::stdout().is_terminal()
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    };
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, flags, features, now, colored);
    text
}

fn write(
    out: &mut String,
    flags: &Flags,
    features: &[Feature],
    now: jiff::Timestamp,
    colored: bool,
) -> std::fmt::Result {
    let paint = |text: &str, paint: Paint| {
        if colored {
            format!("\x1b[{}m{text}\x1b[0m", paint as u8)
        } else {
            text.to_owned()
        }
    };
    let time = now.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC");
    writeln!(
        out,
        "Clair report for image {} ({time})",
        printable(&flags.image)
    )?;
    let note = paint("NOTE:", Paint::Yellow);
    if features.is_empty() {
        return writeln!(
            out,
            "{note} No features have been detected in the image. This usually means that the \
             image isn't supported by Clair."
        );
    }
    let mut found: Vec<(Severity, &Vulnerability, &Feature)> = features
        .iter()
        .flat_map(|feature| {
            let vulnerabilities = feature.vulnerabilities.iter().flatten();
            vulnerabilities.map(move |vulnerability| {
                let severity = Severity::named(&vulnerability.severity);
                (
                    severity.unwrap_or(Severity::Unknown),
                    vulnerability,
                    feature,
                )
            })
        })
        .collect();
    if found.is_empty() {
        let success = paint("Success!", Paint::Green);
        return writeln!(
            out,
            "{success} No vulnerabilities were detected in your image"
        );
    }
    found.retain(|(severity, ..)| *severity >= flags.minimum);
    if found.is_empty() {
        return writeln!(
            out,
            "{note} No vulnerabilities matching the minimum severity level were detected in your \
             image"
        );
    }
    // Those of one severity stay as the server orders them.
    found.sort_by_key(|(severity, ..)| std::cmp::Reverse(*severity));
    for (severity, vulnerability, feature) in found {
        let word = paint(&printable(&vulnerability.severity), severity.color());
        writeln!(out, "{} ({word})", printable(&vulnerability.name))?;
        if !vulnerability.description.is_empty() {
            for line in wrap(&printable(&vulnerability.description), WIDTH) {
                writeln!(out, "{}{line}", if line.is_empty() { "" } else { "\t" })?;
            }
            writeln!(out)?;
        }
        let (name, version) = (printable(&feature.name), printable(&feature.version));
        writeln!(out, "\tPackage:       {name} @ {version}")?;
        for (label, value) in [
            ("Fixed version: ", &vulnerability.fixed_by),
            ("Link:          ", &vulnerability.link),
        ] {
            if !value.is_empty() {
                writeln!(out, "\t{label}{}", printable(value))?;
            }
        }
        writeln!(out, "\tLayer:         {}\n", printable(&feature.added_by))?;
    }
    Ok(())
}

/// The text without what would steer a terminal: advisories and names come from anywhere.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            _ if letter.is_control() => '\u{fffd}',
            _ => letter,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vulnerability(name: &str, severity: &str, description: &str) -> Vulnerability {
        Vulnerability {
            name: name.to_owned(),
            severity: severity.to_owned(),
            description: description.to_owned(),
            ..Vulnerability::default()
        }
    }

    fn report(minimum: Severity, color: Color, vulnerabilities: Vec<Vulnerability>) -> String {
        let flags = Flags {
            endpoint: String::new(),
            my_address: String::new(),
            minimum,
            color,
            image: "x".to_owned(),
        };
        let feature = Feature {
            name: "bash".to_owned(),
            version: "1".to_owned(),
            added_by: "layer".to_owned(),
            vulnerabilities: Some(vulnerabilities),
        };
        let now = "2026-11-23T19:16:40.69319989Z".parse().unwrap();
        text(&flags, &[feature], now)
    }

    #[test]
    fn the_most_severe_comes_first_and_escapes_are_harmless() {
        let found = || {
            vec![
                vulnerability("A", "Low", ""),
                vulnerability("B", "Defcon1", "evil \x1b[2J"),
                vulnerability("C", "Medium", ""),
            ]
        };
        let tail = "\tPackage:       bash @ 1\n\tLayer:         layer\n\n";
        assert_eq!(
            report(Severity::Medium, Color::Always, found()),
            format!(
                "Clair report for image x (2026-11-23 19:16:40.69319989 +0000 UTC)\n\
                 B (\x1b[37mDefcon1\x1b[0m)\n\tevil \u{fffd}[2J\n\n{tail}\
                 C (\x1b[33mMedium\x1b[0m)\n{tail}"
            )
        );
        let none = report(
            Severity::High,
            Color::Never,
            vec![vulnerability("A", "Low", "")],
        );
        assert!(none.ends_with("NOTE: No vulnerabilities matching the minimum severity level were detected in your image\n"));
    }
}
