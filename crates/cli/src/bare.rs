//! `pellucid IMAGE` is `pellucid scan IMAGE`.
//!
//! The first word that is no flag of all commands decides: if it is no command, a scan is meant. A
//! command that was mistyped by one letter stays what it is, so that it is refused and not looked for
//! in a registry.
//!
//! `--input FILE`, as another scanner calls an archive, is the archive alone: what it is, its content says.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Args;

/// Puts `scan` where it is meant.
pub(crate) fn scan(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_global = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| {
            matches!(arg, "--quiet" | "--verbose")
                || (arg.starts_with('-')
                    && arg.len() > 1
                    && arg.bytes().skip(1).all(|byte| matches!(byte, b'q' | b'v')))
        })
    };
    let Some(at) = args.iter().skip(1).position(|arg| !is_global(arg)) else {
        return args;
    };
    let at = at + 1;
    let Some(first) = args.get(at) else {
        return args;
    };
    let stays = match first.to_str() {
        Some("-h" | "--help" | "-V" | "--version" | "help") => true,
        Some(word) => Args::command()
            .get_subcommands()
            .map(clap::Command::get_name)
            .any(|name| name == word || (is_slip(name, word) && !Path::new(word).exists())),
        None => false,
    };
    if !stays {
        args.insert(at, "scan".into());
    }
    if args.get(at).is_some_and(|command| command == "scan") {
        without_input(args, at)
    } else {
        args
    }
}

/// Takes `--input` off the image behind it.
fn without_input(args: Vec<OsString>, from: usize) -> Vec<OsString> {
    let taken = args.into_iter().enumerate().filter_map(|(at, arg)| {
        match arg.to_str().filter(|_| at > from) {
            Some("--input") => None,
            Some(text) => text
                .strip_prefix("--input=")
                .map_or(Some(arg.clone()), |file| Some(file.into())),
            None => Some(arg),
        }
    });
    taken.collect()
}

/// Whether one letter is missing, doubled, wrong, or changed places with the next.
fn is_slip(name: &str, word: &str) -> bool {
    let (name, word) = (name.as_bytes(), word.as_bytes());
    if name.len() < 4 || name.len().abs_diff(word.len()) > 1 {
        return false;
    }
    let start = name.iter().zip(word).take_while(|(a, b)| a == b).count();
    let rest = |text: &'_ [u8], skip: usize| text.get(start + skip..).map(<[u8]>::to_vec);
    let swapped = rest(word, 0).map(|mut rest| {
        if rest.len() >= 2 {
            rest.swap(0, 1);
        }
        rest
    });
    rest(name, 1) == rest(word, 1)
        || rest(name, 1) == rest(word, 0)
        || rest(name, 0) == rest(word, 1)
        || rest(name, 0) == swapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_alone_is_scanned() {
        for (line, wanted) in [
            ("p alpine", "p scan alpine"),
            ("p -q alpine", "p -q scan alpine"),
            ("p --fail-on high web.tar", "p scan --fail-on high web.tar"),
            ("p -vv docker:x -f json", "p -vv scan docker:x -f json"),
            ("p scan alpine", "p scan alpine"),
            ("p scan --input web.tar -q", "p scan web.tar -q"),
            ("p --input=web.tar", "p scan web.tar"),
            ("p db --input x", "p db --input x"),
            ("p -q db status", "p -q db status"),
            ("p scna alpine", "p scna alpine"),
            ("p pakages alpine", "p pakages alpine"),
            ("p skan", "p skan"),
            ("p scanner", "p scan scanner"),
            ("p node", "p scan node"),
            ("p --version", "p --version"),
            ("p help scan", "p help scan"),
            ("p -v", "p -v"),
            ("p", "p"),
        ] {
            let args = line.split(' ').map(OsString::from).collect();
            assert_eq!(scan(args).join(" ".as_ref()), wanted, "{line}");
        }
    }
}
