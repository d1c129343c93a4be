//! Judges a table of known answers: reads lines `A op B` from standard input and prints those that
//! the scheme, the first argument, answers otherwise. `benches/version-oracle.sh` feeds it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

use pellucid_version::Scheme;

fn main() {
    let scheme: Scheme = std::env::args().nth(1).unwrap_or_default().parse().unwrap();
    let (mut lines, mut wrong) = (0, 0);
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let mut words = line.split(' ');
        let (Some(a), Some(op), Some(b)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let got = match scheme.compare(a, b) {
            Ok(order) if order.is_lt() => "<".to_owned(),
            Ok(order) if order.is_gt() => ">".to_owned(),
            Ok(_) => "=".to_owned(),
            Err(error) => error.to_string(),
        };
        lines += 1;
        if got != op {
            wrong += 1;
            println!("{line}: got {got}");
        }
    }
    println!("{scheme}: {wrong} of {lines} disagree");
    if wrong > 0 || lines == 0 {
        std::process::exit(1);
    }
}
