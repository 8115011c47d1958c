//! What health says of the queues: clients that are near their limit, sources that do not tell, a database that refuses.
//! None of it makes us unhealthy: what is not known is absent, and nothing of ours is lost by it.

use super::{Inputs, Issue, Severity};
use crate::queues::Window;
use crate::queues::store::keeper::Status;
use std::sync::Arc;
use watchkeeper_core::queues::Shown;
use watchkeeper_core::time::Wall;

/// That a file was set aside is said for so long.
const ASIDE_SAID: i64 = 24 * 3600 * 1_000_000;

/// The queues as the report needs them.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueuesView {
    pub(super) brokers: Vec<(String, Arc<Shown>)>,
    /// None: no source is configured.
    pub(super) store: Option<Status>,
}

impl QueuesView {
    /// Reads what there is to read now.
    pub(super) fn read(window: &Window) -> Self {
        Self { brokers: window.shown(), store: window.status() }
    }
}

/// What is wrong with them.
pub(super) fn issues(inputs: &Inputs, issues: &mut Vec<Issue>) {
    if let Some(status) = &inputs.queues.store {
        store(status, inputs.now.wall, issues);
    }
    for (broker, shown) in &inputs.queues.brokers {
        sources(broker, shown, issues);
        near_limit(broker, shown, issues);
    }
}

fn store(status: &Status, now: Wall, issues: &mut Vec<Issue>) {
    let mut add = |code, severity, summary: String, since: Wall, cure: &str| {
        let since = Some(since.rfc3339());
        issues.push(Issue { code, severity, summary, since, cure: cure.to_owned(), broker: None });
    };
    if let Some((trouble, since)) = &status.trouble {
        let summary = format!("snapshots of queues are not kept: {trouble}");
        add("queue_store_failed", Severity::Warning, summary, *since, trouble.cure());
    }
    if let Some((to, at)) = &status.set_aside
        && now.0.saturating_sub(at.0) < ASIDE_SAID
    {
        let summary = format!("queues.sqlite could not be used and was set aside as {}", to.display());
        let cure = "read it with sqlite3 as far as it goes, or delete it";
        add("queue_store_set_aside", Severity::Info, summary, *at, cure);
    }
}

fn sources(broker: &str, shown: &Shown, issues: &mut Vec<Issue>) {
    for source in &shown.sources {
        let Some((error, since)) = &source.error else { continue };
        let (error, cure) = error.rsplit_once("; ").unwrap_or((error, "see docs/queues.md"));
        issues.push(Issue {
            code: "queue_source_failed",
            severity: Severity::Warning,
            summary: format!("the source of queues {} does not tell: {error}", source.name),
            since: Some(since.rfc3339()),
            cure: cure.to_owned(),
            broker: Some(broker.to_owned()),
        });
    }
}

fn near_limit(broker: &str, shown: &Shown, issues: &mut Vec<Issue>) {
    if shown.near_limit_count == 0 {
        return;
    }
    let few = shown.near_limit.join(", ");
    let more = if shown.near_limit_count > shown.near_limit.len() { ", …" } else { "" };
    issues.push(Issue {
        code: "queue_near_limit",
        severity: Severity::Info,
        summary: format!("{} clients are near the limit of their queue: {few}{more}", shown.near_limit_count),
        since: shown.near_limit_since.map(Wall::rfc3339),
        cure: "bring them back, or raise the broker's limit before it drops: watchkeeper queues show"
            .to_owned(),
        broker: Some(broker.to_owned()),
    });
}

#[cfg(test)]
mod tests {
    use super::super::Status as Health;
    use super::super::tests::{check, inputs, up};
    use super::*;
    use crate::queues::store::trouble::{Cause, StoreTrouble};
    use watchkeeper_core::queues::ShownSource;

    fn with(shown: Shown, store: Status) -> Inputs {
        let mut inputs = inputs(vec![up()]);
        inputs.queues =
            QueuesView { brokers: vec![("main".to_owned(), Arc::new(shown))], store: Some(store) };
        inputs
    }

    #[test]
    fn what_is_wrong_with_queues_degrades_at_most() {
        check(&with(Shown::default(), Status::default()), Health::Healthy, &[]);
        let near = Shown { near_limit: vec!["c".into()], near_limit_count: 1, ..Shown::default() };
        check(&with(near, Status::default()), Health::Healthy, &["queue_near_limit"]);
        let source =
            ShownSource { error: Some(("away; wait".to_owned(), Wall(0))), ..ShownSource::default() };
        let failed = Shown { sources: vec![source], ..Shown::default() };
        check(&with(failed, Status::default()), Health::Degraded, &["queue_source_failed"]);
        let full = StoreTrouble { cause: Cause::Full, detail: "no room".to_owned() };
        let store = Status { trouble: Some((full, Wall(0))), ..Status::default() };
        check(&with(Shown::default(), store), Health::Degraded, &["queue_store_failed"]);
    }
}
