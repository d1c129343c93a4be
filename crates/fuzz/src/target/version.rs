//! A scheme on two lines: each a version, and a requirement. What it accepts it must order.

use std::cmp::Ordering;

use pellucid_version::{Scheme, complement, parse_requirement};

/// Reads, compares, and asks a range made of the second what it thinks of the first.
pub(crate) fn run(scheme: Scheme, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(ranges) = parse_requirement(scheme, b) {
        let _ = complement(scheme, &ranges);
        if let Ok(version) = scheme.parse(a) {
            for range in &ranges {
                let _ = range.contains(&version);
            }
        }
    }
    assert_eq!(scheme.is_valid(a), scheme.parse(a).is_ok(), "{a:?}");
    let (Ok(first), Ok(second)) = (scheme.parse(a), scheme.parse(b)) else {
        return;
    };
    let order = first.compare(&second);
    assert_eq!(order, second.compare(&first).reverse(), "{a:?} and {b:?}");
    assert_eq!(first.compare(&first), Ordering::Equal, "{a:?}");
    assert_eq!(scheme.compare(a, b), Ok(order), "{a:?} and {b:?}");
    assert_eq!(first.compare_text(b), Ok(order), "{a:?} and {b:?}");
}

/// A few versions with every mark that some scheme knows.
pub(crate) fn seeds(_scheme: Scheme) -> Vec<Vec<u8>> {
    const VERSIONS: &[&str] = &[
        "1.2.3",
        "1:1.0~rc1-2+deb12u1",
        "1.0^git1-3.el9_2.1",
        "1.2.3_rc1-r4",
        "1.0.0-alpha.1+build",
        "v1.2.4-0.20200101000000-abcdefabcdef",
        "go1.21rc2",
        "1!1.0.post1.dev2+local.1",
        "1.0-SNAPSHOT",
        "1.0.0.Final",
        "1.0.pre1",
        "dev-main",
        "1.0.0.0-beta1",
        ">=1.2,<2.0 || ^3.1",
        "~> 1.2",
        "[1.0,2.0)",
        "",
    ];
    let pairs = VERSIONS.iter().zip(VERSIONS.iter().cycle().skip(1));
    pairs
        .map(|(a, b)| format!("{a}\n{b}").into_bytes())
        .collect()
}
