//! Generated pairs, judged by the native tools where they are installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use pellucid_version::Scheme;

const PAIRS: usize = 10_000;

#[test]
fn dpkg_agrees() {
    // Dpkg::Version is dpkg's own Perl module: one process for all pairs.
    let script = "use Dpkg::Version; while (<STDIN>) { chomp; my ($a, $b) = split / /; \
                  print version_compare($a, $b), \"\\n\" }";
    let pairs = pairs(b"0123456789abzAZ.+~-", &["", "", "1:", "0:", "12:"]);
    let valid = |text: &str| {
        let upstream = text.split_once(':').map_or(text, |(_, upstream)| upstream);
        // Perl's module refuses what dpkg itself only warns of.
        upstream.starts_with(|c: char| c.is_ascii_digit()) && Scheme::Dpkg.is_valid(text)
    };
    let pairs: Vec<_> = pairs
        .into_iter()
        .filter(|(a, b)| valid(a) && valid(b))
        .collect();
    assert!(pairs.len() > PAIRS / 4);
    let Some(answers) = answers(Command::new("perl").args(["-e", script]), &pairs) else {
        println!("skipped: perl or Dpkg::Version is not installed");
        return;
    };
    judge(Scheme::Dpkg, &pairs, &answers);
}

#[test]
fn dpkg_accepts_the_same_texts() {
    let texts = [
        "1.0-",
        ":1",
        "a:1",
        "1 2",
        "99999999999:1",
        "2147483647:1",
        "2147483648:1",
        "1:",
        "foo",
        "1.0_x",
        "1:-1",
        "1.0-1_2",
        "0:0",
        "00001:1",
        "+1",
        "1.é",
    ];
    for text in texts {
        let Ok(output) = Command::new("dpkg")
            .args(["--compare-versions", text, "ge", "0"])
            .output()
        else {
            println!("skipped: dpkg is not installed");
            return;
        };
        assert_eq!(
            Scheme::Dpkg.is_valid(text),
            output.status.code() != Some(2),
            "{text}"
        );
    }
}

#[test]
fn rpm_agrees() {
    let pairs = pairs(b"0123456789abzAZ.+~^-_:", &["", "", "1:", "0:", "12:"]);
    let script = "%{lua: for line in io.lines() do local a, b = line:match('(%S+) (%S+)') \
                  print(rpm.vercmp(a, b) .. '\\n') end}";
    let Some(answers) = answers(Command::new("rpm").args(["--eval", script]), &pairs) else {
        println!("skipped: rpm is not installed");
        return;
    };
    judge(Scheme::Rpm, &pairs, &answers);
}

/// What the tool printed for `a b` lines on its standard input, one number a line.
fn answers(command: &mut Command, pairs: &[(String, String)]) -> Option<Vec<i32>> {
    let mut input = String::new();
    for (a, b) in pairs {
        writeln!(input, "{a} {b}").unwrap();
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    // The tool may end before it has read everything, if its module is missing.
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| {
        text.split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect()
    })
}

fn judge(scheme: Scheme, pairs: &[(String, String)], answers: &[i32]) {
    assert_eq!(pairs.len(), answers.len());
    let wrong: Vec<_> = pairs
        .iter()
        .zip(answers)
        .filter_map(|((a, b), answer)| {
            let got = scheme.compare(a, b).unwrap();
            (got != answer.cmp(&0)).then(|| format!("{a} {b}: got {got:?}, the tool says {answer}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
}

/// Pairs of similar random texts: half of the second ones are the first with one byte changed.
fn pairs(alphabet: &[u8], epochs: &[&str]) -> Vec<(String, String)> {
    let mut random = Random(0x5eed);
    (0..PAIRS)
        .map(|_| {
            let a = text(&mut random, alphabet);
            let b = if random.below(2) == 0 {
                text(&mut random, alphabet)
            } else {
                let mut bytes = a.clone().into_bytes();
                let at = random.below(bytes.len());
                bytes[at] = alphabet[random.below(alphabet.len())];
                if random.below(3) == 0 {
                    bytes.insert(at, alphabet[random.below(alphabet.len())]);
                }
                String::from_utf8(bytes).unwrap()
            };
            let (first, second) = (random.below(epochs.len()), random.below(epochs.len()));
            (
                format!("{}{a}", epochs[first]),
                format!("{}{b}", epochs[second]),
            )
        })
        .collect()
}

fn text(random: &mut Random, alphabet: &[u8]) -> String {
    let length = 1 + random.below(9);
    let digits = b"0129";
    (0..length)
        .map(|_| {
            let from: &[u8] = if random.below(3) == 0 {
                digits
            } else {
                alphabet
            };
            char::from(from[random.below(from.len())])
        })
        .collect()
}

/// A small generator of our own, so that every run judges the same pairs.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).unwrap()
    }
}
