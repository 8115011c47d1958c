//! Pictures as inline SVG: lines over time and shares of a whole. They are drawn of numbers alone, in whole units, so
//! that a page of them stays small; whoever cannot see them has the same in words beside them.

use super::markup::Markup;
use std::fmt::Write as _;

/// The points of a line: more than these are thinned, lowest and highest staying.
const POINTS_MAX: usize = 120;

/// A line over time.
pub(super) struct Line<'a> {
    /// Moments and values, in order of the moments; those that are no numbers are left out.
    pub(super) points: &'a [(f64, f64)],
    /// The lowest value that is in the picture in any case.
    pub(super) floor: Option<f64>,
    /// The highest one.
    pub(super) ceiling: Option<f64>,
    /// Values hold until the next one.
    pub(super) is_stepped: bool,
}

/// A line in a frame of so many units; the class is one of `spark`, `chart`, whose area is filled, and `chart over`.
pub(super) fn line(
    page: &mut Markup,
    line: &Line,
    (width, height): (u32, u32),
    label: &str,
    class: &'static str,
) {
    let box_text = format!("0 0 {width} {height}");
    page.put(
        "<svg class=\"{}\" viewBox=\"{}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        &[class, &box_text, label],
    );
    let path = path(line, f64::from(width), f64::from(height));
    if !path.is_empty() {
        if class == "chart" {
            let area = format!("{path}V{height}H0Z");
            page.put("<path class=\"area\" d=\"{}\"/>", &[&area]);
        }
        page.put("<path d=\"{}\"/>", &[&path]);
    }
    page.raw("</svg>");
}

fn path(line: &Line, width: f64, height: f64) -> String {
    let points: Vec<(f64, f64)> =
        line.points.iter().copied().filter(|(at, value)| at.is_finite() && value.is_finite()).collect();
    let points = thin(&points);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let values = || points.iter().map(|(_, value)| *value);
    let low = values().chain(line.floor).fold(f64::INFINITY, f64::min);
    let high = values().chain(line.ceiling).fold(f64::NEG_INFINITY, f64::max);
    let (begin, end) = (first.0, last.0);
    let x = |at: f64| if end > begin { (at - begin) / (end - begin) * width } else { 0.0 };
    // A value that never moves is a line in the middle. Halved first, because the span may be beyond what fits.
    let y = |value: f64| {
        let span = high / 2.0 - low / 2.0;
        if span > 0.0 {
            height - 1.0 - (value / 2.0 - low / 2.0) / span * (height - 2.0)
        } else {
            height / 2.0
        }
    };
    let mut path = String::new();
    let mut before = None;
    for (at, value) in points.iter().copied() {
        let (x, y) = (x(at).round(), y(value).round());
        // Writing to a string cannot fail.
        let _ = match before {
            None => write!(path, "M{x} {y}"),
            Some(_) if line.is_stepped => write!(path, "H{x}V{y}"),
            Some(_) => write!(path, "L{x} {y}"),
        };
        before = Some((x, y));
    }
    if points.len() == 1
        && let Some((_, y)) = before
    {
        let _ = write!(path, "M0 {y}H{width}");
    }
    path
}

/// Of each stretch the lowest and the highest, in their order.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(POINTS_MAX / 2);
    let mut kept = Vec::with_capacity(POINTS_MAX);
    for part in points.chunks(stretch) {
        let by = |one: &&(f64, f64), other: &&(f64, f64)| one.1.total_cmp(&other.1);
        let (low, high) = (part.iter().min_by(by), part.iter().max_by(by));
        let mut pair: Vec<(f64, f64)> = low.into_iter().chain(high).copied().collect();
        pair.sort_by(|one, other| one.0.total_cmp(&other.0));
        pair.dedup();
        kept.append(&mut pair);
    }
    kept
}

/// Shares of a whole in one bar, each with its class; the words beside it say the same.
pub(super) fn bar(page: &mut Markup, shares: &[(&'static str, u64)], label: &str) {
    const WIDTH: u64 = 1000;
    let whole: u64 = shares.iter().map(|(_, share)| share).sum::<u64>().max(1);
    page.put(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        &[label],
    );
    let mut at = 0;
    for (class, share) in shares.iter().filter(|(_, share)| *share > 0) {
        // Each is seen, however few they are.
        let width = (u128::from(*share) * u128::from(WIDTH) / u128::from(whole)).max(4).to_string();
        page.put(
            "<rect class=\"{}\" x=\"{}\" width=\"{}\" height=\"10\"/>",
            &[class, &at.to_string(), &width],
        );
        at += width.parse::<u64>().unwrap_or(0);
    }
    page.raw("</svg>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[(f64, f64)]) -> String {
        path(&Line { points, floor: None, ceiling: None, is_stepped: false }, 100.0, 20.0)
    }

    #[test]
    fn a_line_fills_its_frame_and_odd_values_break_nothing() {
        assert_eq!(drawn(&[(0.0, 1.0), (5.0, 3.0), (10.0, 1.0)]), "M0 19L50 1L100 19");
        assert_eq!(drawn(&[(0.0, 7.0), (9.0, 7.0)]), "M0 10L100 10");
        assert_eq!(drawn(&[(3.0, 7.0)]), "M0 10M0 10H100");
        assert_eq!(drawn(&[]), "");
        assert_eq!(drawn(&[(0.0, f64::NAN), (1.0, f64::INFINITY)]), "");
        assert_eq!(drawn(&[(0.0, f64::MIN), (1.0, f64::MAX)]), "M0 19L100 1");
        let line = Line {
            points: &[(0.0, 1.0), (1.0, 2.0)],
            floor: Some(0.0),
            ceiling: Some(4.0),
            is_stepped: true,
        };
        assert_eq!(path(&line, 100.0, 20.0), "M0 15H100V10");
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_peaks() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|n| (f64::from(n), f64::from(n % 7))).collect();
        points[5003].1 = 1000.0;
        let kept = thin(&points);
        assert!(kept.len() <= POINTS_MAX && kept.contains(&(5003.0, 1000.0)));
        assert!(kept.is_sorted_by(|one, other| one.0 <= other.0));
    }

    #[test]
    fn a_share_is_seen_however_small_it_is() {
        let mut page = Markup::new();
        bar(&mut page, &[("good", 1_000_000), ("bad", 1), ("idle", 0)], "\"all\"");
        let text = page.into_string();
        assert!(text.contains("class=\"bad\" x=\"999\" width=\"4\"") && !text.contains("idle"), "{text}");
        assert!(text.contains("&quot;all&quot;"));
    }
}
