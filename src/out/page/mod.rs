//! The page: views made on the server, useful without a script, with nothing from elsewhere, for plants that have no
//! internet. It reads and never changes anything. Every text on it passes `markup::Markup`, and with it
//! `escape::html`; nothing else may put text between its tags.

mod audit;
mod device;
mod device_parts;
mod devices;
mod landing;
mod markup;
mod overview;
mod overview_parts;
mod picture;
mod query;
mod queue;
mod queues;
mod system;
mod system_parts;
#[cfg(test)]
mod tests;
mod topics;
mod words;

pub(super) use audit::get as audit;
pub(super) use device::get as device;
pub(super) use devices::get as devices;
pub(super) use overview::get as overview;
pub(super) use queue::get as queue;
pub(super) use queues::get as queues;
pub(super) use system::get as system;
pub(super) use topics::get as topics;

use super::Desk;
use crate::clock;
use crate::out::problem::Problem;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use markup::Markup;
use query::Asked;
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;
use watchkeeper_core::time::Wall;

static STYLE: &str = include_str!("page.css");
static SCRIPT: &str = include_str!("page.js");
static ICON: &str = include_str!("page.svg");

/// The style is allowed by its hash, so that no other style can come in; the script only as our own file.
static POLICY: LazyLock<String> = LazyLock::new(|| policy("", ""));
static SCRIPT_POLICY: LazyLock<String> = LazyLock::new(|| {
    policy(
        " script-src 'self'; connect-src 'self';",
        "; require-trusted-types-for 'script'; trusted-types 'none'",
    )
});

fn policy(more: &str, last: &str) -> String {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self';{more} base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'{last}"
    )
}

/// The views, in the order of the navigation.
const VIEWS: [(&str, &str); 6] = [
    ("/", "Overview"),
    ("/devices", "Devices"),
    ("/topics", "Topics"),
    ("/queues", "Queues"),
    ("/audit", "Audit log"),
    ("/system", "System"),
];

/// A view, ready to be framed.
struct View<'a> {
    desk: &'a Desk,
    /// The place in the navigation.
    path: &'static str,
    /// The heading, and the title of the window.
    title: &'a str,
    /// Its own address with the parameters it was asked with.
    asked: &'a Asked,
    own_path: &'a str,
    now: Wall,
    /// Our script is part of it.
    has_script: bool,
    /// Whoever sees it may see the other views as well.
    is_open: bool,
    /// It may be read again by itself.
    may_repeat: bool,
    body: Markup,
}

impl<'a> View<'a> {
    fn new(desk: &'a Desk, path: &'static str, title: &'a str, asked: &'a Asked) -> Self {
        Self {
            desk,
            path,
            title,
            asked,
            own_path: path,
            now: clock::wall(),
            has_script: false,
            is_open: true,
            may_repeat: true,
            body: Markup::new(),
        }
    }

    fn answer(self) -> Response {
        self.answer_as(StatusCode::OK)
    }

    fn answer_as(self, status: StatusCode) -> Response {
        let policy = if self.has_script { SCRIPT_POLICY.as_str() } else { POLICY.as_str() };
        let headers =
            [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
        let every =
            self.asked.get("every").filter(|_| self.may_repeat).and_then(|every| every.parse::<u8>().ok());
        let mut response = (status, headers, self.framed().into_string()).into_response();
        if let Some(every) = every {
            // The browser does it, without a script, and only where somebody asked for it.
            response
                .headers_mut()
                .insert(HeaderName::from_static("refresh"), HeaderValue::from(u16::from(every)));
        }
        response
    }

    fn framed(&self) -> Markup {
        let mut page = Markup::new();
        page.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        page.put(
            "<title>{} – Watchkeeper</title><link rel=\"icon\" href=\"/page.svg\"><style>",
            &[self.title],
        );
        page.raw(STYLE).raw("</style>");
        if self.has_script {
            page.raw("<script type=\"module\" src=\"/page.js\"></script>");
        }
        page.raw("</head>\n<body><a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
        page.raw("<header class=\"top\"><a class=\"brand\" href=\"/\">");
        page.raw("<img src=\"/page.svg\" alt=\"\" width=\"24\" height=\"24\">Watchkeeper</a>");
        if self.is_open {
            self.ways(&mut page);
        }
        page.raw("</header>\n<main id=\"main\" tabindex=\"-1\">\n<div class=\"head\">");
        page.put("<h1>{}</h1>", &[self.title]);
        self.repeat(&mut page);
        page.raw("</div>\n").add(&self.body).raw("</main>\n");
        self.foot(&mut page);
        page.raw("</body></html>\n");
        page
    }

    /// The ways to the views.
    fn ways(&self, page: &mut Markup) {
        page.raw("<nav aria-label=\"Views\"><ul>");
        for (path, name) in VIEWS {
            let current = if path == self.path { " aria-current=\"page\"" } else { "" };
            page.put("<li><a href=\"{}\"", &[path]);
            page.raw(current).put(">{}</a></li>", &[name]);
        }
        page.raw("</ul></nav>");
    }

    /// When this was true, and whether it is read again.
    fn repeat(&self, page: &mut Markup) {
        let read = words::clock(self.now);
        page.put(
            "<p class=\"as-of\">As of <time datetime=\"{}\">{} UTC</time>",
            &[&self.now.rfc3339(), &read],
        );
        if self.may_repeat {
            let (every, word) = match self.asked.get("every") {
                Some(_) => ("", "stop refreshing"),
                None => ("10", "refresh every 10 s"),
            };
            page.put(
                " · <a href=\"{}\">{}</a>",
                &[&self.asked.link(self.own_path, &[("every", every)]), word],
            );
        }
        page.raw("</p>");
    }

    fn foot(&self, page: &mut Markup) {
        let subject = &self.desk.shared.subject;
        page.put(
            "<footer><p>Watchkeeper {} ({})</p><ul><li><a href=\"{}\">Metrics</a></li>",
            &[subject.version, subject.revision, &self.desk.shared.telemetry_path],
        );
        page.raw("<li><a href=\"/api/health\">Health as JSON</a></li>");
        if self.is_open {
            page.raw("<li><a href=\"/api/openapi.json\">API description</a></li>");
        }
        page.raw("</ul></footer>\n");
    }
}

/// Why there is no such view, as a page.
fn refused(desk: &Desk, path: &'static str, problem: &Problem) -> Response {
    let asked = Asked::default();
    let title = match problem.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::BAD_REQUEST => "This cannot be asked",
        StatusCode::GONE => "No longer there",
        _ => "No answer",
    };
    let mut view = View::new(desk, path, title, &asked);
    view.may_repeat = false;
    view.body.put("<p class=\"notice bad\">{}</p>\n", &[&problem.detail]);
    view.body.put("<p><a href=\"{}\">Back to the view</a></p>\n", &[path]);
    view.answer_as(problem.status)
}

/// `GET /page.js`.
pub(super) async fn script() -> Response {
    // Not kept: the script of another version would not fit its page.
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// `GET /page.svg`.
pub(super) async fn icon() -> Response {
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, ICON).into_response()
}
