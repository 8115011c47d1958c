//! Which of the two expositions a scraper wants. Whatever it says, it gets one of them: a scrape must never fail
//! for want of a better format.

use axum::http::{HeaderMap, header};
use watchkeeper_core::sample::Exposition;

/// What the `Accept` headers ask for: `OpenMetrics` only where it is named and liked no less than plain text.
pub(crate) fn exposition(headers: &HeaderMap) -> Exposition {
    let mut open_metrics = 0;
    let mut text = 0;
    for line in headers.get_all(header::ACCEPT) {
        for range in line.to_str().unwrap_or_default().split(',') {
            let (kind, liking) = media_range(range);
            match kind {
                Kind::OpenMetrics => open_metrics = open_metrics.max(liking),
                Kind::Text => text = text.max(liking),
                Kind::Other => {}
            }
        }
    }
    if open_metrics > 0 && open_metrics >= text { Exposition::OpenMetrics } else { Exposition::Text }
}

/// The media type of an exposition.
pub(crate) fn content_type(exposition: Exposition) -> &'static str {
    match exposition {
        Exposition::Text => "text/plain; version=0.0.4; charset=utf-8",
        Exposition::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
}

enum Kind {
    OpenMetrics,
    Text,
    Other,
}

/// The kind of a media range and its q-value in thousandths.
fn media_range(range: &str) -> (Kind, u16) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (mut liking, mut version) = (1000, None);
    for parameter in parts {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => liking = thousandths(value),
            "version" => version = Some(value),
            _ => {}
        }
    }
    let kind = match (name.as_str(), version) {
        ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => Kind::OpenMetrics,
        ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Kind::Text,
        _ => Kind::Other,
    };
    (kind, liking)
}

/// `0.6` is 600; what is no q-value counts as a refusal.
fn thousandths(value: &str) -> u16 {
    match value.parse::<f32>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: Exposition) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(exposition(&headers), expected, "{accept}");
    }

    #[test]
    fn each_known_scraper_gets_what_it_likes_best() {
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        check(prometheus_3, Exposition::OpenMetrics);
        check("application/openmetrics-text", Exposition::OpenMetrics);
        check("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=1", Exposition::OpenMetrics);
        check("text/plain, application/openmetrics-text", Exposition::OpenMetrics);
        check("application/openmetrics-text;q=0.5, text/plain;q=0.9", Exposition::Text);
        check("application/openmetrics-text;q=0", Exposition::Text);
        check("application/openmetrics-text;version=2.0.0", Exposition::Text);
        check("application/openmetrics-text;q=much", Exposition::Text);
        check("text/html,application/xhtml+xml,*/*;q=0.8", Exposition::Text);
        for odd in ["*/*", "", "application/json", ";;;,=,q", "application/openmetrics-text;q=NaN"] {
            check(odd, Exposition::Text);
        }
        assert_eq!(exposition(&HeaderMap::new()), Exposition::Text);
    }
}
