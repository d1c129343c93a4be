//! What is shown, and what fails.

use pellucid_matcher::{FailRule, Matched, Pattern, Place, Policy, Scene};
use pellucid_model::{Advisory, Cvss, Epss, FixState, Fraction, Kev, Severity};
use pellucid_version::Range;

use crate::fixture::{TODAY, advisory, affected, deb, entry, inventory, matched};

fn matched_all() -> Matched {
    let of = |id: &str, severity, range| Advisory {
        severity,
        ..advisory(id, vec![affected("a", range)])
    };
    let all = [
        of("CVE-1", Severity::High, Range::all()),
        of("CVE-2", Severity::Low, Range::before("2")),
        of("CVE-3", Severity::Unknown, Range::before("2")),
    ];
    let mut matched = matched(deb("a", "1"), &all);
    for finding in &mut matched.findings {
        if finding.id == "CVE-1" {
            finding.cvss = vec![Cvss {
                source: "nvd".into(),
                vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into(),
            }];
        }
        if finding.id == "CVE-2" {
            finding.published = Some((TODAY - 1) * 24 * 3600);
        }
    }
    matched
}

/// How many are shown, left out, and reach each rule.
fn judge(policy: &Policy, base_layers: Option<usize>) -> (usize, usize, Vec<usize>) {
    let inventory = inventory(vec![entry(deb("a", "1"))]);
    let scene = Scene {
        inventory: &inventory,
        base_layers,
        today: TODAY,
    };
    let matched = matched_all();
    let judged = policy.judge(matched.findings, &matched.coverage, &scene);
    let reached = judged.outcomes.iter().map(|outcome| outcome.reached_by);
    (judged.findings.len(), judged.left_out, reached.collect())
}

#[test]
fn the_gate_counts_what_is_shown() {
    let judge = |policy: Policy| judge(&policy, None);
    assert_eq!(judge(Policy::default()), (3, 0, vec![]));
    let at = |severity| Policy {
        fail: vec![FailRule::at(severity)],
        ..Policy::default()
    };
    assert_eq!(judge(at(Severity::Critical)), (3, 0, vec![0]));
    assert_eq!(judge(at(Severity::High)), (3, 0, vec![1]));
    assert_eq!(judge(at(Severity::Low)), (3, 0, vec![2]));
    assert_eq!(judge(at(Severity::Unknown)), (3, 0, vec![3]));
    let fixed = Policy {
        only_fixed: true,
        ..at(Severity::High)
    };
    assert_eq!(judge(fixed), (2, 1, vec![0]));
    let low = Policy {
        severities: [Severity::Low].into(),
        ..at(Severity::Negligible)
    };
    assert_eq!(judge(low), (1, 2, vec![1]));
    assert!(
        matched_all()
            .findings
            .iter()
            .any(|finding| finding.fix_state == FixState::NotFixed)
    );
}

#[test]
fn every_condition_of_a_rule_must_hold_and_one_rule_is_enough() {
    let reached = |rules: &[FailRule], base| {
        let policy = Policy {
            fail: rules.to_vec(),
            ..Policy::default()
        };
        judge(&policy, base).2
    };
    let rule = FailRule::default;
    let fixable = FailRule {
        fixable: Some(true),
        ..rule()
    };
    let low = FailRule {
        fixable: Some(true),
        ..FailRule::at(Severity::Low)
    };
    assert_eq!(reached(&[fixable, low, rule()], None), [2, 1, 3]);
    let named = |name: &str| FailRule {
        package: Some(Pattern::new(name).unwrap()),
        ..rule()
    };
    assert_eq!(reached(&[named("a"), named("b*")], None), [3, 0]);
    let scored = |cvss| FailRule {
        cvss: Some(cvss),
        ..rule()
    };
    assert_eq!(reached(&[scored(9.8), scored(9.9)], None), [1, 0]);
    // What has no date is old enough; CVE-2 is of yesterday.
    let aged = |days| FailRule {
        age: Some(days),
        ..rule()
    };
    assert_eq!(reached(&[aged(1), aged(2)], None), [3, 2]);
    // Exploited is what CISA says; likely what EPSS says, and silence is neither.
    let kev = |kev| FailRule {
        kev: Some(kev),
        ..rule()
    };
    let likely = |epss| FailRule {
        epss: Some(epss),
        ..rule()
    };
    assert_eq!(
        reached(&[kev(true), kev(false), likely(0.0)], None),
        [0, 3, 0]
    );
    // Without a known base image everything is the image's own.
    let at = |layer| FailRule {
        layer: Some(layer),
        ..rule()
    };
    let places = [at(Place::Own), at(Place::Base), at(Place::Number(0))];
    assert_eq!(reached(&places, None), [3, 0, 3]);
    assert_eq!(reached(&places, Some(1)), [0, 3, 3]);
    let covered = FailRule {
        not_covered: true,
        ..rule()
    };
    let ended = FailRule {
        end_of_life: true,
        ..rule()
    };
    assert_eq!(reached(&[covered, ended], None), [0, 0]);
}

#[test]
fn exploited_and_likely_findings_reach_the_rules_that_ask_for_them() {
    let inventory = inventory(vec![entry(deb("a", "1"))]);
    let scene = Scene {
        inventory: &inventory,
        base_layers: None,
        today: TODAY,
    };
    let mut finding = matched_all().findings.remove(0);
    finding.kev = Some(Kev {
        cve: "CVE-1".into(),
        date_added: "2024-01-01".into(),
        due_date: None,
        ransomware: false,
        required_action: None,
    });
    finding.epss = Some(Epss {
        cve: "CVE-1".into(),
        score: Fraction::new(0.5).unwrap(),
        percentile: Fraction::new(0.97).unwrap(),
    });
    let reaches = |rule: FailRule| rule.is_reached_by(&finding, &scene);
    let kev = |kev| FailRule {
        kev: Some(kev),
        ..FailRule::default()
    };
    assert!(reaches(kev(true)) && !reaches(kev(false)));
    let likely = |epss| FailRule {
        epss: Some(epss),
        ..FailRule::default()
    };
    assert!(reaches(likely(0.5)) && !reaches(likely(0.51)));
}

#[test]
fn malware_is_a_condition_of_its_own_and_never_filtered_for_want_of_a_fix() {
    let evil = Advisory {
        malware: true,
        severity: Severity::Critical,
        ..advisory("MAL-1", vec![affected("a", Range::all())])
    };
    let flaw = Advisory {
        severity: Severity::Critical,
        ..advisory("CVE-1", vec![affected("a", Range::all())])
    };
    let matched = matched(deb("a", "1"), &[evil, flaw]);
    let inventory = inventory(vec![entry(deb("a", "1"))]);
    let scene = Scene {
        inventory: &inventory,
        base_layers: None,
        today: TODAY,
    };
    let reached = |malware, only_fixed| {
        let policy = Policy {
            fail: vec![FailRule {
                malware: Some(malware),
                ..FailRule::default()
            }],
            only_fixed,
            ..Policy::default()
        };
        let judged = policy.judge(matched.findings.clone(), &matched.coverage, &scene);
        let reaching = judged.reaching.into_iter().map(|(_, id)| id);
        reaching.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(reached(true, false), "MAL-1");
    assert_eq!(reached(false, false), "CVE-1");
    assert_eq!(reached(true, true), "MAL-1");
    assert_eq!(reached(false, true), "");
}

#[test]
fn nothing_recognised_is_not_covered() {
    let inventory = inventory(Vec::new());
    let scene = Scene {
        inventory: &inventory,
        base_layers: None,
        today: TODAY,
    };
    let policy = Policy {
        fail: vec![FailRule {
            not_covered: true,
            ..FailRule::default()
        }],
        ..Policy::default()
    };
    assert!(policy.judge(Vec::new(), &[], &scene).is_reached());
}

#[test]
fn what_nobody_rated_is_counted_where_a_rule_asks_for_it() {
    let undecided = |policy: &Policy| {
        let inventory = inventory(vec![entry(deb("a", "1"))]);
        let scene = Scene {
            inventory: &inventory,
            base_layers: None,
            today: TODAY,
        };
        let matched = matched_all();
        let judged = policy.judge(matched.findings, &matched.coverage, &scene);
        let of_rules = judged.outcomes.iter();
        let of_rules = of_rules.map(|outcome| (outcome.unrated, outcome.unscored));
        (of_rules.collect::<Vec<_>>(), judged.undecided)
    };
    let policy = |fail: &[FailRule]| Policy {
        fail: fail.to_vec(),
        ..Policy::default()
    };
    let high = FailRule::at(Severity::High);
    let scored = FailRule {
        cvss: Some(9.0),
        ..FailRule::default()
    };
    // CVE-3 has neither, CVE-2 a severity alone.
    assert_eq!(
        undecided(&policy(std::slice::from_ref(&high))),
        (vec![(1, 0)], 1)
    );
    assert_eq!(
        undecided(&policy(std::slice::from_ref(&scored))),
        (vec![(0, 2)], 2)
    );
    let both = policy(&[high.clone(), scored.clone()]);
    assert_eq!(undecided(&both), (vec![(1, 0), (0, 2)], 2));
    // Who fails on everything has judged everything.
    let any = FailRule::at(Severity::Unknown);
    assert_eq!(undecided(&policy(&[high.clone(), any.clone()])).1, 0);
    assert_eq!(undecided(&policy(&[FailRule::default()])).1, 0);
    // The other conditions would not hold, whatever the severity.
    let exploited = FailRule {
        kev: Some(true),
        ..high.clone()
    };
    assert_eq!(undecided(&policy(&[exploited])).1, 0);
    let unfixed = FailRule {
        fixable: Some(false),
        ..high.clone()
    };
    assert_eq!(undecided(&policy(&[unfixed])).1, 0);
    // What is left out because it has no severity is counted, what is for another reason is not.
    let shown = |severity, rule: &FailRule| Policy {
        severities: [severity].into(),
        ..policy(std::slice::from_ref(rule))
    };
    assert_eq!(undecided(&shown(Severity::High, &high)), (vec![(1, 0)], 1));
    let all = FailRule::default();
    assert_eq!(undecided(&shown(Severity::High, &all)), (vec![(1, 0)], 1));
    assert_eq!(undecided(&shown(Severity::Unknown, &any)).1, 0);
    assert_eq!(undecided(&shown(Severity::High, &scored)).1, 1);
}
