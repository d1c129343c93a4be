//! `pellucid-fuzz list` prints the targets, `pellucid-fuzz seeds DIR` writes their corpora to
//! `DIR/<target>/`.

use std::io::Write as _;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    match words.as_slice() {
        ["list"] => {
            for target in pellucid_fuzz::targets() {
                writeln!(out, "{}", target.name)?;
            }
        }
        ["seeds", folder] => {
            for target in pellucid_fuzz::targets() {
                let corpus = Path::new(folder).join(&target.name);
                std::fs::create_dir_all(&corpus)?;
                for (number, seed) in target.seeds().iter().enumerate() {
                    std::fs::write(corpus.join(format!("seed-{number:04}")), seed)?;
                }
            }
        }
        _ => {
            return Err(std::io::Error::other(
                "say `list`, or `seeds DIR` to write corpora",
            ));
        }
    }
    Ok(())
}
