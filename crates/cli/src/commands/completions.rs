//! `pellucid completions SHELL` and `pellucid man`: what an installation puts beside the binary.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _, ValueHint};

use super::analyze_local_images;
use crate::args::Args;
use crate::exit::Exit;
use crate::output;

/// Arguments of `completions`.
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for every command into this folder; if absent, the page of pellucid itself to
    /// standard output.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<std::path::PathBuf>,
}

/// Prints the completions of a shell.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "pellucid", &mut text);
    output::write(None, |out| out.write_all(&text))?;
    Ok(Exit::Clean)
}

/// Prints or writes man pages.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Args::command();
    command.build();
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
            pages(&command, "pellucid", dir)?;
        }
        None => {
            let page = page(&command, "pellucid")?;
            output::write(None, |out| out.write_all(&page))?;
        }
    }
    Ok(Exit::Clean)
}

fn pages(command: &Command, name: &str, dir: &Path) -> anyhow::Result<()> {
    let page = page(command, name)?;
    output::write(Some(&dir.join(format!("{name}.1"))), |out| {
        out.write_all(&page)
    })?;
    let is_own = |command: &&Command| command.get_name() != "help" && !command.is_hide_set();
    for below in command.get_subcommands().filter(is_own) {
        pages(below, &format!("{name}-{}", below.get_name()), dir)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> anyhow::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone())
        .title(name)
        // A date would make two builds differ.
        .date("")
        .source(concat!("pellucid ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    let rendered = match command.get_name() == analyze_local_images::NAME {
        true => man
            .render_title(&mut page)
            .and_then(|()| man.render_name_section(&mut page))
            .and_then(|()| verbatim("SYNOPSIS", analyze_local_images::flags::USAGE, &mut page)),
        false => man.render(&mut page),
    };
    rendered.context("cannot write the man page")?;
    Ok(page)
}

/// Lines as they are, of a command that reads its arguments itself.
fn verbatim(section: &str, text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    writeln!(page, ".SH {section}\n.nf")?;
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // What begins with a dot or an apostrophe would be a request.
        writeln!(page, "\\&{line}")?;
    }
    writeln!(page, ".fi")
}
