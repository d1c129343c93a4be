//! What is shown, and what fails.

use pellucid_matcher::Policy;
use pellucid_model::{Advisory, Finding, FixState, Severity};
use pellucid_version::Range;

use crate::fixture::{advisory, affected, deb, matched};

fn findings() -> Vec<Finding> {
    let of = |id: &str, severity, range| Advisory {
        severity,
        ..advisory(id, vec![affected("a", range)])
    };
    let all = [
        of("CVE-1", Severity::High, Range::all()),
        of("CVE-2", Severity::Low, Range::before("2")),
        of("CVE-3", Severity::Unknown, Range::before("2")),
    ];
    matched(deb("a", "1"), &all).findings
}

#[test]
fn the_gate_counts_what_is_shown() {
    let judge = |policy: Policy| {
        let judged = policy.judge(findings());
        (
            judged.findings.len(),
            judged.left_out,
            judged.reached_by,
            judged.is_reached(),
        )
    };
    assert_eq!(judge(Policy::default()), (3, 0, 0, false));
    let at = |severity| Policy {
        fail_on: Some(severity),
        ..Policy::default()
    };
    assert_eq!(judge(at(Severity::Critical)), (3, 0, 0, false));
    assert_eq!(judge(at(Severity::High)), (3, 0, 1, true));
    assert_eq!(judge(at(Severity::Low)), (3, 0, 2, true));
    assert_eq!(judge(at(Severity::Unknown)), (3, 0, 3, true));
    let fixed = Policy {
        only_fixed: true,
        ..at(Severity::High)
    };
    assert_eq!(judge(fixed), (2, 1, 0, false));
    let low = Policy {
        severities: [Severity::Low].into(),
        ..at(Severity::Negligible)
    };
    assert_eq!(judge(low), (1, 2, 1, true));
    assert!(
        findings()
            .iter()
            .any(|finding| finding.fix_state == FixState::NotFixed)
    );
}
