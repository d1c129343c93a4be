//! Flags as Go reads them: one dash or two, `-name value` or `-name=value`, up to the first
//! argument that is none.

use std::ffi::OsString;

use super::report::Severity;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// An image is to be analysed.
    Analyse(Flags),
    /// The usage is to be printed.
    Help,
}

/// What to analyse, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) endpoint: String,
    pub(super) my_address: String,
    pub(super) minimum: Severity,
    pub(super) color: Color,
    pub(super) image: String,
}

/// When the report is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// On terminals.
    Auto,
    Always,
    Never,
}

/// Flags that make no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// A line before the usage, or nothing.
    pub(super) message: String,
    pub(super) status: u8,
}

/// Clair's text to the byte.
pub(crate) const USAGE: &str = "\
Usage: analyze-local-images [options] image-id

Options:
  -color string
    \tColorize the output (always, auto, never) (default \"auto\")
  -endpoint string
    \tAddress to Clair API (default \"http://127.0.0.1:6060\")
  -minimum-severity string
    \tMinimum severity of vulnerabilities to show (Unknown, Negligible, Low, Medium, High, Critical, Defcon1) (default \"Negligible\")
  -my-address string
    \tAddress from the point of view of Clair (default \"127.0.0.1\")
";

/// Reads the arguments after the command's name.
pub(super) fn parse(args: &[OsString]) -> Result<Asked, Wrong> {
    let mut color = "auto".to_owned();
    let mut endpoint = "http://127.0.0.1:6060".to_owned();
    let mut minimum = "Negligible".to_owned();
    let mut my_address = "127.0.0.1".to_owned();
    let wrong = |message: String| Wrong {
        message: message + "\n",
        status: 2,
    };
    let mut args = args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .peekable();
    while let Some(arg) = args.next_if(|arg| arg.len() > 1 && arg.starts_with('-')) {
        if arg == "--" {
            break;
        }
        let name = arg
            .strip_prefix("--")
            .or(arg.strip_prefix('-'))
            .unwrap_or(&arg);
        if name.is_empty() || name.starts_with(['-', '=']) {
            return Err(wrong(format!("bad flag syntax: {arg}")));
        }
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let flag = match name {
            "color" => &mut color,
            "endpoint" => &mut endpoint,
            "minimum-severity" => &mut minimum,
            "my-address" => &mut my_address,
            "h" | "help" => return Ok(Asked::Help),
            _ => return Err(wrong(format!("flag provided but not defined: -{name}"))),
        };
        *flag = match value.or_else(|| args.next()) {
            Some(value) => value,
            None => return Err(wrong(format!("flag needs an argument: -{name}"))),
        };
    }
    let usage = || Wrong {
        message: String::new(),
        status: 1,
    };
    let image = args.next().ok_or_else(usage)?;
    if args.next().is_some() {
        return Err(usage());
    }
    Ok(Asked::Analyse(Flags {
        endpoint,
        my_address,
        minimum: Severity::named(&minimum).ok_or_else(usage)?,
        color: match color.as_str() {
            "always" => Color::Always,
            "never" => Color::Never,
            _ => Color::Auto,
        },
        image,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Result<Asked, Wrong> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        parse(&args)
    }

    #[test]
    fn one_dash_two_dashes_and_equal_signs() {
        let all = "-endpoint=http://clair:6060 --my-address 10.0.0.1 -minimum-severity High -color=never x";
        let wanted = Asked::Analyse(Flags {
            endpoint: "http://clair:6060".to_owned(),
            my_address: "10.0.0.1".to_owned(),
            minimum: Severity::High,
            color: Color::Never,
            image: "x".to_owned(),
        });
        assert_eq!(flags(all), Ok(wanted));
        assert!(matches!(flags("-- -x"), Ok(Asked::Analyse(flags)) if flags.image == "-x"));
        assert!(matches!(flags("-h"), Ok(Asked::Help)));
    }

    #[test]
    fn what_makes_no_sense_ends_as_in_go() {
        for (line, status, message) in [
            ("", 1, ""),
            ("x y", 1, ""),
            ("x -color never", 1, ""),
            ("-minimum-severity high x", 1, ""),
            ("-nope x", 2, "flag provided but not defined: -nope\n"),
            ("-color", 2, "flag needs an argument: -color\n"),
            ("-=x y", 2, "bad flag syntax: -=x\n"),
            ("---color x", 2, "bad flag syntax: ---color\n"),
        ] {
            let wrong = flags(line).unwrap_err();
            assert_eq!(
                (wrong.status, wrong.message.as_str()),
                (status, message),
                "{line}"
            );
        }
    }
}
