//! Hostile text: long, deep, binary.

use pellucid_version::{MAX_LENGTH, Scheme, parse_requirement};
use proptest::prelude::*;

#[test]
fn empty_and_long_text_is_invalid() {
    for &scheme in Scheme::ALL {
        for text in ["", " \t"] {
            assert_eq!(
                scheme.parse(text).unwrap_err().reason,
                "it is empty",
                "{scheme}"
            );
        }
        let long = "1".repeat(MAX_LENGTH + 1);
        assert_eq!(
            scheme.parse(&long).unwrap_err().reason,
            "it is too long",
            "{scheme}"
        );
        assert!(scheme.is_valid(&long[1..]), "{scheme}");
        assert!(parse_requirement(scheme, &long).is_err(), "{scheme}");
    }
}

#[test]
fn an_error_shows_no_control_characters_and_little_text() {
    let error = Scheme::Dpkg.parse("1 \u{1b}[31m\u{202e}\n").unwrap_err();
    assert_eq!(&*error.text, "1 \\u{1b}[31m\\u{202e}\\n");
    let error = Scheme::Semver.parse(&"é".repeat(1000)).unwrap_err();
    assert_eq!(error.text.chars().count(), 65);
    assert_eq!(
        Scheme::Semver.parse("latest").unwrap_err().to_string(),
        "\"latest\" is not a semver version: it does not begin with a number"
    );
}

#[test]
fn text_of_the_longest_length_is_compared_in_linear_time() {
    // A quadratic reader would need minutes in a debug build.
    for &scheme in Scheme::ALL {
        for piece in [
            "1.", "1-", "a.", "a1", "-", ".", "~", "0.", "_p1", "1!", "^", "0-",
        ] {
            let a = format!("1{}1", piece.repeat((MAX_LENGTH - 2) / piece.len()));
            let b = format!("{}2", &a[..a.len() - 1]);
            for _ in 0..20 {
                let _ = scheme.compare(&a, &b);
            }
        }
        for piece in ["1,", "!=1,", "||", "<1 ", "^", "~1,", "[1,2],", "(", "*."] {
            let _ = parse_requirement(scheme, &piece.repeat(MAX_LENGTH / piece.len()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(a in "\\PC{0,20}", b in "[0-9a-z.~^<>=!|,*x \\[\\]()+-]{0,24}", c in any::<String>()) {
        for &scheme in Scheme::ALL {
            let _ = scheme.compare(&a, &b);
            let _ = scheme.compare(&b, &c);
            for text in [&a, &b, &c] {
                let _ = parse_requirement(scheme, text);
            }
        }
    }
}
