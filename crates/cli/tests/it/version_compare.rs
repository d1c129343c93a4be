//! `version-compare`.

use crate::bench::Bench;

#[test]
fn two_versions_give_a_sign() {
    let bench = Bench::new();
    let compare = |scheme: &str, a: &str, b: &str| bench.run(&["version-compare", scheme, a, b]);
    assert_eq!(compare("dpkg", "1.0~rc1", "1.0").ended(0), "<\n");
    assert_eq!(compare("rpm", "1.0-1", "1.0-1").ended(0), "=\n");
    assert_eq!(compare("apk", "1.0_p1", "1.0").ended(0), ">\n");
    let told = compare("dpkg", "", "1").failed(2);
    assert!(told.starts_with("error: "), "{told}");
}

#[test]
fn a_file_shows_only_what_is_wrong() {
    let bench = Bench::new();
    bench.file(
        "good.txt",
        "# comment\n// too\n\n1.0~rc1 < 1.0\n1:0 > 2\n1 = 1\n",
    );
    assert_eq!(
        bench
            .run(&["version-compare", "dpkg", "--file", "good.txt"])
            .ended(0),
        ""
    );
    bench.file("wrong.txt", "1 < 2\n2 < 1\n1 > 1\n");
    assert_eq!(
        bench
            .run(&["version-compare", "dpkg", "--file", "wrong.txt"])
            .ended(1),
        "2 > 1 (the file says <)\n1 = 1 (the file says >)\n",
    );
    for bad in ["1 < 2\n1 <\n", "1 < 2\n1 <= 2\n", "1 < 2\n1 < 2 3\n"] {
        bench.file("bad.txt", bad);
        let told = bench
            .run(&["version-compare", "dpkg", "--file", "bad.txt"])
            .failed(2);
        assert!(told.starts_with("error: bad.txt line 2\n"), "{told}");
    }
    bench
        .run(&["version-compare", "dpkg", "--file", "none.txt"])
        .failed(3);
}
