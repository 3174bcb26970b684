//! The settings of a flow that asks over SOAP, checked: every problem is told at once. Pure.

use std::path::PathBuf;

use guichet_http::header::{HeaderName, HeaderValue};
use guichet_http::list::{Binding, Changed, Pages, Path};
use guichet_http::{Settings as Http, Url, address};
use guichet_sdk::format::{Format, Shape};
use guichet_sdk::settings::{read, unusable};
use guichet_sdk::{FlowSettings, Issue};

use crate::body::Body;
use crate::envelope::Version;
use crate::rules::FaultRule;
use crate::settings::{
    ActionWritten, Addressed, Attachments, Detail, Paging, PasswordKind, Securing, Settings, Spoken,
};

/// Checked settings: what the rest of the crate works with.
pub struct Intake {
    /// Address of the interface.
    pub url: Url,
    /// What is asked for, as it is written.
    pub shown: String,
    /// How every request is written.
    pub manner: Manner,
    /// The list.
    pub list: Operation,
    /// How the list is paged.
    pub paging: Pages,
    /// How details are asked for.
    pub detail: Option<Details>,
    /// How "changed since" is asked.
    pub since: Option<Changed>,
    /// How list items are written.
    pub format: Format,
    /// What faults mean.
    pub faults: Vec<FaultRule>,
    /// What becomes of attachments.
    pub attachments: Attachments,
    /// How the peer is talked to.
    pub http: Http,
    /// Folder of the project, for secrets and certificates.
    pub base: PathBuf,
}

/// How requests are written.
pub struct Manner {
    /// Version of SOAP.
    pub version: Version,
    /// How the action travels.
    pub action: ActionWritten,
    /// The content type, where it is not that of the version.
    pub content_type: Option<HeaderValue>,
    /// Further headers of HTTP.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// WS-Security.
    pub security: Option<Securing>,
    /// WS-Addressing.
    pub addressing: Option<Addressed>,
}

/// A request to fill.
pub struct Operation {
    /// What it is called on the wire.
    pub action: Option<String>,
    /// What stands in its body.
    pub body: Body,
}

/// How details are asked for.
pub struct Details {
    /// The request.
    pub operation: Operation,
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
    issues.extend(settings.faults.iter().enumerate().filter_map(|(position, rule)| rule.issue(position)));
    let mut checked = Checked { issues: &mut issues };
    let url = checked.url(settings.url.as_deref());
    checked.format(&flow.format);
    let shown = shown(&settings);
    let manner = checked.manner(&settings);
    let list = checked.operation("body", settings.action, settings.body.as_deref().unwrap_or_default());
    let since = settings.since.and_then(|since| since.check(checked.issues));
    let paging = settings.page.map_or(Pages::One, |page| checked.paging(page));
    let detail = settings.detail.and_then(|detail| checked.detail(detail, &flow.format));
    checked.bindings(&list, &paging, since.as_ref());
    match url {
        Some(url) if issues.is_empty() => Ok(Intake {
            url,
            shown,
            manner,
            list,
            paging,
            detail,
            since,
            format: of_record(flow.format, settings.record),
            faults: settings.faults,
            attachments: settings.attachments,
            http: settings.http,
            base: flow.base,
        }),
        _ => Err(issues),
    }
}

/// The request as it is written.
fn shown(settings: &Settings) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}#{} {}", text(&settings.url), text(&settings.action), text(&settings.body))
}

/// A format whose record is another element.
fn of_record(format: Format, element: Option<String>) -> Format {
    match (format.shape, element) {
        (Shape::Xml { namespaces, raw, .. }, Some(record)) => {
            Format { shape: Shape::Xml { record, namespaces, raw }, ..format }
        }
        (shape, _) => Format { shape, ..format },
    }
}

/// Checks part by part, and keeps what is wrong.
struct Checked<'a> {
    issues: &'a mut Vec<Issue>,
}

impl Checked<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>, hint: &str) {
        self.issues.push(unusable(key, message).hint(hint));
    }

    fn url(&mut self, url: Option<&str>) -> Option<Url> {
        let Some(text) = url else {
            self.wrong("url", "`url` is missing", "write `url = \"https://planning.example.org/services/Cases.svc\"`");
            return None;
        };
        address("url", text).map_err(|issue| self.issues.push(issue)).ok()
    }

    fn format(&mut self, format: &Format) {
        if !matches!(format.shape, Shape::Xml { .. }) {
            self.wrong("body", "the mapping does not read XML", "write `format = \"xml\"` in its `[source]`");
        }
    }

    fn manner(&mut self, settings: &Settings) -> Manner {
        let version = match settings.version {
            Spoken::Soap11 => Version::Soap11,
            Spoken::Soap12 => Version::Soap12,
        };
        let mut headers = Vec::new();
        for (name, value) in &settings.headers {
            match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                (Ok(name), Ok(_)) if ["authorization", "cookie", "proxy-authorization"].contains(&name.as_str()) => {
                    self.wrong("headers", format!("`{name}` is a secret"), "write it in `auth`, as a reference");
                }
                (Ok(name), Ok(_)) if name == "content-type" => {
                    self.wrong("headers", "`content-type` has a setting of its own", "write `content_type = \"…\"`");
                }
                (Ok(name), Ok(value)) => headers.push((name, value)),
                _ => self.wrong(
                    "headers",
                    format!("`{name}` is not a usable header"),
                    "write `headers = { Accept-Language = \"fr\" }`",
                ),
            }
        }
        let content_type = settings.content_type.as_deref().map(HeaderValue::from_str);
        if let Some(Err(_)) = content_type {
            self.wrong("content_type", "`content_type` is no header", "write `content_type = \"text/xml\"`");
        }
        if let Some(Securing { user, password, kind, expires, .. }) = &settings.security {
            if user.is_some() != password.is_some() {
                let hint = "write `security = { user = \"hub\", password = { file = \"secrets/planning\" } }`";
                self.wrong("security", "an account needs both `user` and `password`", hint);
            }
            if user.is_none() && expires.0.is_zero() {
                self.wrong("security", "`security` sends nothing", "write an account, or a time in `expires`");
            }
            let plain = settings.url.as_deref().is_some_and(|url| url.starts_with("http://"));
            if *kind == PasswordKind::Text && user.is_some() && plain && !is_local(settings.url.as_deref()) {
                let hint = "write `type = \"digest\"`, or an address with `https`";
                self.wrong("security", "the password would travel for everyone to read", hint);
            }
        }
        if settings.addressing.is_some() && settings.action.is_none() {
            self.wrong("addressing", "WS-Addressing needs an `action`", "write `action` as the WSDL says");
        }
        Manner {
            version,
            action: settings.action_written,
            content_type: content_type.and_then(Result::ok),
            headers,
            security: settings.security.clone(),
            addressing: settings.addressing.clone(),
        }
    }

    fn operation(&mut self, key: &str, action: Option<String>, body: &str) -> Operation {
        let example = "write `body = '<ListCases xmlns=\"urn:planning\"><from>{since}</from></ListCases>'`";
        if body.trim().is_empty() {
            self.wrong(key, "`body` is missing: what does the peer understand?", example);
            return Operation { action, body: Body::default() };
        }
        if action.as_ref().is_some_and(|action| action.contains(|c: char| c == '"' || c.is_control() || !c.is_ascii()))
        {
            self.wrong("action", "`action` holds a character that no header carries", "write it as the WSDL says");
        }
        let body = Body::parse(body.trim_end()).unwrap_or_else(|wrong| {
            let (line, column) = (wrong.place.line.unwrap_or(1), wrong.place.column.unwrap_or(1));
            let message = format!("line {line}, column {column} of the body: {}", wrong.message);
            self.wrong(key, message, example);
            Body::default()
        });
        Operation { action, body }
    }

    fn picked(&mut self, key: &str, path: &str) -> Option<Path> {
        let parsed = Path::parse(path);
        if parsed.is_none() {
            let hint = "write elements with `/` between them, as `ListResponse/more`, or `@name` for an attribute";
            self.wrong(key, format!("`{path}` is not a path"), hint);
        }
        parsed
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
        }
    }

    fn detail(&mut self, detail: Detail, format: &Format) -> Option<Details> {
        let operation = self.operation("detail", detail.action, &detail.body);
        let bound = operation.body.bindings();
        if !operation.body.operation.is_empty()
            && (!bound.contains(&Binding::Id) || bound.iter().any(|b| *b != Binding::Id))
        {
            let hint = "write `body = '<GetCase xmlns=\"urn:planning\"><number>{id}</number></GetCase>'`";
            self.wrong("detail", "a detail is asked for by `{id}` and nothing else", hint);
        }
        if !(1..=32).contains(&detail.concurrency) {
            self.wrong("detail", "`concurrency` is not between 1 and 32", "write `concurrency = 4`");
        }
        let id = self.picked("detail", &detail.id)?;
        let format = of_record(format.clone(), detail.record);
        Some(Details { operation, id, format, concurrency: detail.concurrency })
    }

    /// Each binding has something to hold, and what must be bound is.
    fn bindings(&mut self, list: &Operation, paging: &Pages, since: Option<&Changed>) {
        if list.body.operation.is_empty() {
            return;
        }
        let bound = list.body.bindings();
        let needed = match paging {
            Pages::One | Pages::NextUrl(_) | Pages::Link => None,
            Pages::Number { .. } => Some(Binding::Page),
            Pages::Offset { .. } => Some(Binding::Offset),
            Pages::Cursor(_) => Some(Binding::Cursor),
        };
        let unknown = bound.iter().find(|binding| match binding {
            Binding::Since => since.is_none(),
            Binding::Page | Binding::Offset | Binding::Cursor => needed != Some(**binding),
            Binding::Size => paging.size().is_none(),
            Binding::Id => true,
        });
        if let Some(binding) = unknown {
            let hint = "write the `since` or `page` it belongs to, or leave it out";
            self.wrong("body", format!("`{binding}` has nothing to hold"), hint);
        }
        if let Some(needed) = needed.filter(|needed| !bound.contains(needed)) {
            let hint = format!("write it into `body`, as `<page>{needed}</page>`");
            self.wrong("body", format!("`{needed}` stands nowhere: every page would be the first"), &hint);
        }
        if since.is_some_and(|since| !since.filter) && !bound.contains(&Binding::Since) {
            let hint = "write it into `body`, or `filter = true` where the interface cannot filter";
            self.wrong("since", "`{since}` stands nowhere", hint);
        }
    }
}

/// Whether an address is on this machine: nobody reads what travels there.
fn is_local(url: Option<&str>) -> bool {
    let host = url.and_then(|url| Url::parse(url).ok()).and_then(|url| url.host_str().map(str::to_owned));
    matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"))
}
