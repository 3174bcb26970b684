//! The settings of a flow that asks over REST, checked: every problem is told at once. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use guichet_http::header::{HeaderName, HeaderValue};
use guichet_http::list::{Binding, Changed, Pages, Path, Template};
use guichet_http::{Settings as Http, Url, address};
use guichet_sdk::format::{Format, Shape};
use guichet_sdk::settings::{read, unusable};
use guichet_sdk::{FlowSettings, Issue};
use serde_json::{Map, Value};

use crate::command::{self, Order};
use crate::settings::{Detail, Method, Paging, Settings};

/// Checked settings: what the rest of the crate works with.
pub struct Intake {
    /// Address of the interface.
    pub base_url: Url,
    /// What is asked for, as it is written.
    pub shown: String,
    /// The list.
    pub list: Asking,
    /// How the list is paged.
    pub paging: Pages,
    /// How details are asked for.
    pub detail: Option<Details>,
    /// How "changed since" is asked.
    pub since: Option<Changed>,
    /// Ask conditionally where that can be.
    pub conditional: bool,
    /// How commands are sent, by verb.
    pub commands: BTreeMap<String, Order>,
    /// How list items are written.
    pub format: Format,
    /// How the peer is talked to.
    pub http: Http,
    /// Folder of the project, for secrets and certificates.
    pub base: PathBuf,
}

/// A request to fill.
pub struct Asking {
    /// Path segments.
    pub path: Vec<Template>,
    /// Query parameters.
    pub query: Vec<(String, Template)>,
    /// Headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body of a `post`.
    pub body: Option<Filling>,
}

/// A JSON value with bindings in its texts.
pub enum Filling {
    /// A text.
    Text(Template),
    /// An object; members whose value has no value yet are left out.
    Object(Vec<(String, Filling)>),
    /// An array.
    Array(Vec<Filling>),
    /// Anything else.
    Plain(Value),
}

/// How details are asked for.
pub struct Details {
    /// The request.
    pub asking: Asking,
    /// Path of the id in a list item.
    pub id: Path,
    /// How a detail answer is written.
    pub format: Format,
    /// At once.
    pub concurrency: usize,
}

/// Checks the settings of a flow; tells every problem at once.
pub fn check(flow: FlowSettings) -> Result<Intake, Vec<Issue>> {
    let settings: Settings = read(&flow.settings)?;
    let mut issues = settings.http.issues();
    let mut checked = Checked { issues: &mut issues };
    let base_url = checked.base_url(settings.base_url.as_deref());
    let path = checked.path("path", settings.path.as_deref(), "/cases.json");
    checked.format(&flow.format);
    let shown = shown(&settings);
    let headers = checked.headers(&settings.headers);
    let body = checked.body(settings.method, settings.body.as_ref());
    let list = Asking { path, query: settings.query.into_iter().collect(), headers: headers.clone(), body };
    let since = settings.since.and_then(|since| since.check(checked.issues));
    let paging = settings.page.map_or(Pages::One, |page| checked.paging(page));
    let detail = settings.detail.and_then(|detail| checked.detail(detail, headers, &flow.format));
    checked.bindings(&list, &paging, since.as_ref());
    let commands = command::check(&settings.commands, checked.issues);
    match base_url {
        Some(base_url) if issues.is_empty() => Ok(Intake {
            shown,
            base_url,
            list,
            paging,
            detail,
            since,
            conditional: settings.conditional,
            commands,
            format: flow.format,
            http: settings.http,
            base: flow.base,
        }),
        _ => Err(issues),
    }
}

/// The list as it is written: address, query and body.
fn shown(settings: &Settings) -> String {
    let text = |part: &Option<String>| part.as_deref().unwrap_or_default().trim_end_matches('/').to_owned();
    let query: Vec<_> = settings.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let body = settings.body.as_ref().map(|body| Value::Object(body.clone()).to_string()).unwrap_or_default();
    format!("{}{}?{}{body}", text(&settings.base_url), text(&settings.path), query.join("&"))
}

/// Checks part by part, and keeps what is wrong.
struct Checked<'a> {
    issues: &'a mut Vec<Issue>,
}

impl Checked<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>, hint: &str) {
        self.issues.push(unusable(key, message).hint(hint));
    }

    fn base_url(&mut self, base_url: Option<&str>) -> Option<Url> {
        let Some(text) = base_url else {
            self.wrong("base_url", "`base_url` is missing", "write `base_url = \"https://permits.example.org/api\"`");
            return None;
        };
        let url = address("base_url", text).map_err(|issue| self.issues.push(issue)).ok()?;
        if url.query().is_some() {
            self.wrong("base_url", "`base_url` holds a query", "write its parameters in `query`");
        }
        Some(url)
    }

    /// A path as segments, so that a value can never add one.
    fn path(&mut self, key: &str, path: Option<&str>, example: &str) -> Vec<Template> {
        let hint = format!("write `path = \"{example}\"`, relative to `base_url`");
        let Some(path) = path.filter(|path| !path.trim_matches('/').is_empty()) else {
            self.wrong(key, "`path` is missing", &hint);
            return Vec::new();
        };
        if path.contains(['?', '#']) || path.contains("://") {
            self.wrong(
                key,
                "`path` holds more than a path",
                "write parameters in `query`, and the address in `base_url`",
            );
        }
        let segments = path.trim_start_matches('/').split('/');
        segments.map(|segment| self.template(key, segment)).collect()
    }

    fn template(&mut self, key: &str, text: &str) -> Template {
        Template::parse(text).unwrap_or_else(|message| {
            self.issues.push(unusable(key, message));
            Template::default()
        })
    }

    fn picked(&mut self, key: &str, path: &str) -> Option<Path> {
        let parsed = Path::parse(path);
        if parsed.is_none() {
            self.wrong(
                key,
                format!("`{path}` is not a path"),
                "write keys with `/` between them, as `meta/next`, or `@name` for an attribute",
            );
        }
        parsed
    }

    fn format(&mut self, format: &Format) {
        match &format.shape {
            Shape::Json { .. } | Shape::Xml { .. } => {}
            Shape::Ndjson | Shape::Csv { .. } | Shape::Fixed { .. } => {
                self.wrong(
                    "path",
                    "the mapping reads neither JSON nor XML",
                    "write `format = \"json\"` or `\"xml\"` in its `[source]`",
                );
            }
        }
    }

    fn headers(&mut self, headers: &BTreeMap<String, String>) -> Vec<(HeaderName, HeaderValue)> {
        let mut usable = Vec::new();
        for (name, value) in headers {
            match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                (Ok(name), Ok(_)) if ["authorization", "cookie", "proxy-authorization"].contains(&name.as_str()) => {
                    self.wrong("headers", format!("`{name}` is a secret"), "write it in `auth`, as a reference");
                }
                (Ok(name), Ok(value)) => usable.push((name, value)),
                _ => self.wrong(
                    "headers",
                    format!("`{name}` is not a usable header"),
                    "write `headers = { Accept = \"application/json\" }`",
                ),
            }
        }
        usable
    }

    fn body(&mut self, method: Method, body: Option<&Map<String, Value>>) -> Option<Filling> {
        match (method, body) {
            (Method::Get, None) => None,
            (Method::Get, Some(_)) => {
                self.wrong("body", "a `get` carries no body", "write `method = \"post\"`");
                None
            }
            (Method::Post, body) => Some(self.filling(&Value::Object(body.cloned().unwrap_or_default()))),
        }
    }

    fn filling(&mut self, value: &Value) -> Filling {
        match value {
            Value::String(text) => Filling::Text(self.template("body", text)),
            Value::Array(items) => Filling::Array(items.iter().map(|item| self.filling(item)).collect()),
            Value::Object(members) => {
                Filling::Object(members.iter().map(|(key, value)| (key.clone(), self.filling(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Filling::Plain(value.clone()),
        }
    }

    fn paging(&mut self, paging: Paging) -> Pages {
        let picked = |checked: &mut Self, path: Option<String>| path.and_then(|path| checked.picked("page", &path));
        if let Paging::Page { size: Some(0), .. } | Paging::Offset { size: Some(0), .. } = paging {
            self.wrong("page", "`size` is 0", "write `size = 100`");
        }
        match paging {
            Paging::Page { first, size, total, more } => {
                Pages::Number { first, size, total: picked(self, total), more: picked(self, more) }
            }
            Paging::Offset { size, total, more } => {
                Pages::Offset { size, total: picked(self, total), more: picked(self, more) }
            }
            Paging::Cursor { path } => self.picked("page", &path).map_or(Pages::One, Pages::Cursor),
            Paging::NextUrl { path } => self.picked("page", &path).map_or(Pages::One, Pages::NextUrl),
            Paging::Link => Pages::Link,
        }
    }

    fn detail(&mut self, detail: Detail, headers: Vec<(HeaderName, HeaderValue)>, format: &Format) -> Option<Details> {
        let path = self.path("detail", Some(&detail.path), "/cases/{id}.json");
        let query: Vec<_> = detail.query.into_iter().collect();
        let bound: Vec<_> =
            path.iter().chain(query.iter().map(|(_, value)| value)).flat_map(Template::bindings).collect();
        if bound.iter().any(|binding| *binding != Binding::Id) || !bound.contains(&Binding::Id) {
            self.wrong(
                "detail",
                "a detail is asked for by `{id}` and nothing else",
                "write `path = \"/cases/{id}.json\"`",
            );
        }
        if !(1..=32).contains(&detail.concurrency) {
            self.wrong("detail", "`concurrency` is not between 1 and 32", "write `concurrency = 4`");
        }
        let id = self.picked("detail", &detail.id)?;
        let shape = match (&format.shape, detail.record) {
            (Shape::Json { .. }, record) => Shape::Json { record: record.unwrap_or_default() },
            (Shape::Xml { namespaces, raw, .. }, Some(record)) => {
                Shape::Xml { record, namespaces: namespaces.clone(), raw: raw.clone() }
            }
            (shape, _) => shape.clone(),
        };
        let asking = Asking { path, query, headers, body: None };
        Some(Details { asking, id, format: Format { shape, ..format.clone() }, concurrency: detail.concurrency })
    }

    /// Each binding has something to hold, and what must be bound is.
    fn bindings(&mut self, list: &Asking, paging: &Pages, since: Option<&Changed>) {
        let bound = list.bindings();
        let needed = match paging {
            Pages::One | Pages::NextUrl(_) | Pages::Link => None,
            Pages::Number { .. } => Some(Binding::Page),
            Pages::Offset { .. } => Some(Binding::Offset),
            Pages::Cursor(_) => Some(Binding::Cursor),
        };
        let sized = matches!(paging, Pages::Number { size: Some(_), .. } | Pages::Offset { size: Some(_), .. });
        let unknown = bound.iter().find(|binding| match binding {
            Binding::Since => since.is_none(),
            Binding::Page | Binding::Offset | Binding::Cursor => needed != Some(**binding),
            Binding::Size => !sized,
            Binding::Id => true,
        });
        if let Some(binding) = unknown {
            self.wrong(
                "query",
                format!("`{binding}` has nothing to hold"),
                "write the `since` or `page` it belongs to, or leave it out",
            );
        }
        if let Some(needed) = needed.filter(|needed| !bound.contains(needed)) {
            let hint = format!("write it into `query`, as `page = \"{needed}\"`");
            self.wrong("query", format!("`{needed}` stands nowhere: every page would be the first"), &hint);
        }
        if since.is_some_and(|since| !since.filter) && !bound.contains(&Binding::Since) {
            self.wrong(
                "since",
                "`{since}` stands nowhere",
                "write it into `query`, or `filter = true` where the interface cannot filter",
            );
        }
    }
}

impl Asking {
    /// The bindings of every part.
    pub fn bindings(&self) -> Vec<Binding> {
        fn within(filling: &Filling, found: &mut Vec<Binding>) {
            match filling {
                Filling::Text(template) => found.extend(template.bindings()),
                Filling::Object(members) => members.iter().for_each(|(_, member)| within(member, found)),
                Filling::Array(items) => items.iter().for_each(|item| within(item, found)),
                Filling::Plain(_) => {}
            }
        }
        let parts = self.path.iter().chain(self.query.iter().map(|(_, value)| value));
        let mut found: Vec<_> = parts.flat_map(Template::bindings).collect();
        if let Some(body) = &self.body {
            within(body, &mut found);
        }
        found
    }
}
