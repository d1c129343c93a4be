//! Times comparisons of typical versions in each scheme: `cargo run --profile fast
//! --example compare`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

use std::hint::black_box;
use std::time::Instant;

use pellucid_version::Scheme;

const BATCHES: usize = 50;
const ROUNDS: usize = 4_000;

fn main() {
    for &scheme in Scheme::ALL {
        let pairs = typical(scheme);
        let parsed: Vec<_> = pairs
            .iter()
            .map(|(a, _)| scheme.parse(a).unwrap())
            .collect();
        // The fastest batch: the others were disturbed.
        let fastest = (0..BATCHES)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..ROUNDS {
                    for (version, (_, other)) in parsed.iter().zip(pairs) {
                        black_box(version.compare_text(black_box(other)).unwrap());
                    }
                }
                start.elapsed()
            })
            .min()
            .unwrap_or_default();
        let nanoseconds = fastest.as_nanos() / (ROUNDS * pairs.len()) as u128;
        println!("{scheme:>9} {nanoseconds:>5} ns a comparison");
    }
}

fn typical(scheme: Scheme) -> &'static [(&'static str, &'static str)] {
    match scheme {
        Scheme::Dpkg => &[
            ("3.0.15-1~deb12u1", "3.0.16-1~deb12u1"),
            ("1:2.38.1-5+deb12u3", "1:2.38.1-5+deb12u2"),
            ("2.36-9+deb12u10", "2.36-9+deb12u10"),
            ("7.88.1-10+deb12u8", "7.88.1-10+deb12u14"),
        ],
        Scheme::Rpm => &[
            ("1:3.0.7-27.el9", "1:3.0.7-28.el9_4"),
            ("2.34-100.el9_4.2", "2.34-100.el9_4.4"),
            ("7.76.1-29.el9_4", "7.76.1-29.el9_4"),
            ("5.14.0-427.13.1.el9_4", "5.14.0-427.16.1.el9_4"),
        ],
        Scheme::Apk => &[
            ("3.1.4-r5", "3.1.4-r6"),
            ("1.36.1-r15", "1.36.1-r15"),
            ("2.12.10_git20230101-r0", "2.12.10-r1"),
            ("9.0.2073_p1-r0", "9.0.2073_p2-r0"),
        ],
        Scheme::Pacman => &[
            ("1:3.2.1-1", "1:3.2.1-2"),
            ("6.9.1.arch1-1", "6.9.1.arch1-2"),
        ],
        Scheme::Ebuild => &[
            ("8.2.24", "8.2.24-r1"),
            ("3.12.3_p1", "3.12.4"),
            ("2.48.5", "2.48.5"),
        ],
        Scheme::Go => &[
            ("v0.0.0-20220314234659-1baeb1ce4c0b", "v0.17.0"),
            ("v1.2.3", "v1.2.4+incompatible"),
        ],
        Scheme::Cran | Scheme::Hackage => &[("1.2.3", "1.2.4"), ("4.17.20", "4.17.21")],
        _ => &[
            ("1.2.3", "1.2.4"),
            ("4.17.20", "4.17.21"),
            ("2.0.0-rc.1", "2.0.0"),
        ],
    }
}
