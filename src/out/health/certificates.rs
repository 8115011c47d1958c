//! Certificates on the way to a broker: told weeks before they end, since a renewal takes people and days. Nothing here
//! may judge trust; a connection that fails has its own issue.

use super::link::LinkView;
use super::{Inputs, Issue, Severity};
use crate::ingest::dial::Which;
use watchkeeper_core::certificate::Certificate;
use watchkeeper_core::time::Wall;

/// From so long before the end it is told: three weeks.
const BEFORE: i64 = 21 * DAY;
/// In microseconds.
const DAY: i64 = 86_400 * 1_000_000;

/// One for each certificate that ends soon or has ended, and one where nobody verifies any.
pub(super) fn issues(link: &LinkView, inputs: &Inputs, issues: &mut Vec<Issue>) {
    if link.unverified {
        issues.push(Issue {
            code: "certificate_not_verified",
            severity: Severity::Warning,
            summary: format!("whoever answers is taken for broker {}: verification is switched off", link.name),
            // The setting is one of the start.
            since: Some(inputs.started.wall.rfc3339()),
            cure: "set ca_file to the certificate of the broker's authority, and take insecure_skip_verification away"
                .to_owned(),
            broker: Some(link.name.clone()),
        });
    }
    for (which, certificate) in &link.devices.certificates {
        let left = certificate.not_after.0 - inputs.now.wall.0;
        if left < BEFORE {
            issues.push(expires(link, *which, certificate, left));
        }
    }
}

fn expires(link: &LinkView, which: Which, certificate: &Certificate, left: i64) -> Issue {
    let (whose, cure) = match which {
        Which::Server => {
            ("the certificate", "renew the certificate of the broker, and let the broker read it anew")
        }
        Which::Authority => (
            "the certificate of an authority",
            "renew the authority's certificate, give it to the broker and to ca_file of every client",
        ),
        Which::Client => (
            "our own certificate",
            "put a renewed certificate and key in the place of cert_file and key_file; the next connection takes them",
        ),
    };
    let when = match left {
        ..0 => format!("has expired at {}", certificate.not_after.rfc3339()),
        _ => format!("expires in {} days, at {}", left / DAY, certificate.not_after.rfc3339()),
    };
    let soon = Wall(certificate.not_after.0.saturating_sub(BEFORE));
    Issue {
        code: "certificate_expires",
        severity: Severity::Warning,
        summary: format!("{whose} «{}» on the way to broker {} {when}", certificate.subject, link.name),
        since: Some(soon.max(certificate.not_before).rfc3339()),
        cure: cure.to_owned(),
        broker: Some(link.name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(not_after: i64) -> Certificate {
        Certificate {
            subject: "broker".into(),
            issuer: "authority".into(),
            is_self_issued: false,
            names: Vec::new(),
            not_before: Wall(0),
            not_after: Wall(not_after),
        }
    }

    #[test]
    fn what_ends_is_told_with_its_days() {
        let link = LinkView { name: "main".into(), ..LinkView::default() };
        let told = |left| expires(&link, Which::Client, &certificate(100 * DAY + left), left);
        let soon = told(20 * DAY + 5);
        assert_eq!((soon.code, soon.severity), ("certificate_expires", Severity::Warning));
        assert!(soon.summary.contains("our own certificate «broker»"), "{}", soon.summary);
        assert!(soon.summary.contains("expires in 20 days"), "{}", soon.summary);
        // It is true from three weeks before the end on, or from the beginning of one that is shorter.
        assert_eq!(soon.since, Some(Wall(99 * DAY + 5).rfc3339()));
        assert!(told(-1).summary.contains("has expired"), "{}", told(-1).summary);
    }
}
