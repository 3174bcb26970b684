//! A simulated back office with a REST interface: a list of cases in JSON and XML, paged in every usual way, with
//! details, tokens and moods. Says what real systems say, also when they are unwell.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How the office feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// Well.
    #[default]
    Well,
    /// It answers 503.
    Failing,
    /// It answers 429 and wants so many seconds of peace.
    Throttling(u64),
    /// It takes no credentials.
    Refusing,
    /// It answers everything with its login page, and says 200.
    LoginPage,
    /// It answers JSON and calls it a web page.
    WrongType,
}

/// A running office; dropping it closes it.
pub struct Office {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    serving: JoinHandle<()>,
}

/// What is on its desk.
#[derive(Default)]
pub struct Desk {
    /// The cases in JSON, each an object with its number as `seq`.
    pub cases: Vec<Vec<u8>>,
    /// How it feels.
    pub mood: Mood,
    /// How long it thinks before it answers, as the real ones do.
    pub thinks: Duration,
    /// Answers until it is well again; 0: it stays as it is.
    pub moody_for: u64,
    /// The bearer token it wants; anyone is served when absent.
    pub token: Option<String>,
    /// Tokens given out by `/token`.
    pub granted: u64,
    /// Requests answered.
    pub requests: u64,
    /// Requests refused for their credentials.
    pub refused: usize,
    /// Path and query of each request.
    pub asked: Vec<String>,
    /// Requests of others it took, in order: the reference they gave, and what they sent. It takes one twice when it is sent
    /// twice: it recognises nothing.
    pub taken: Vec<(String, Vec<u8>)>,
}

impl Office {
    /// Opens an office on a port of its own.
    pub async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = Router::new()
            .route("/cases", get(json_list).post(search))
            .route("/cases.xml", get(xml_list))
            .route("/cases/{number}", get(detail))
            .route("/requests", get(look_up).post(take))
            .route("/token", post(token))
            .layer(middleware::from_fn_with_state(desk.clone(), think))
            .with_state(desk.clone());
        // what goes wrong with one connection is for its client to notice
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Office { address, desk, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its desk, to put cases on and to look at.
    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a case on the desk: `key` is its only field beside its number.
    pub fn add(&self, key: &str) {
        let mut desk = self.desk();
        let number = desk.cases.len() + 1;
        desk.cases.push(format!("{{\"seq\":{number},\"key\":\"{key}\"}}").into_bytes());
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Shared = State<Arc<Mutex<Desk>>>;
type Asked = HashMap<String, String>;

/// A part of the list, as it was asked for.
struct Part {
    cases: Vec<Vec<u8>>,
    total: usize,
    /// Where the part after it starts, if there is one.
    next: Option<usize>,
}

impl Desk {
    /// Notes a request; an answer where the office is not well, or does not know the client.
    fn greet(&mut self, asked: String, headers: &HeaderMap) -> Option<Response<Body>> {
        self.requests += 1;
        self.asked.push(asked);
        let mood = self.mood;
        if self.moody_for > 0 {
            self.moody_for -= 1;
            if self.moody_for == 0 {
                self.mood = Mood::Well;
            }
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let stranger = self.token.as_ref().is_some_and(|token| given != format!("Bearer {token}"));
        match mood {
            Mood::Well | Mood::WrongType if stranger => {
                self.refused += 1;
                Some(answer(StatusCode::UNAUTHORIZED, "text/plain", "who are you?"))
            }
            Mood::Refusing => {
                self.refused += 1;
                Some(answer(StatusCode::UNAUTHORIZED, "text/plain", "your password has expired"))
            }
            Mood::Failing => Some(answer(StatusCode::SERVICE_UNAVAILABLE, "text/html", "<html>back soon</html>")),
            Mood::Throttling(seconds) => {
                let mut slow = answer(StatusCode::TOO_MANY_REQUESTS, "text/plain", "slowly, please");
                slow.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                Some(slow)
            }
            Mood::LoginPage => Some(answer(
                StatusCode::OK,
                "text/html",
                "<!DOCTYPE html><html><form><input name=\"password\"></form></html>",
            )),
            Mood::Well | Mood::WrongType => None,
        }
    }

    fn part(&self, asked: &Asked) -> Part {
        let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
        let cases = &self.cases[number("after").unwrap_or(0).min(self.cases.len())..];
        let size = number("size").unwrap_or(usize::MAX).max(1);
        let by_page = number("page").map(|page| page.saturating_sub(1).saturating_mul(size));
        let start = by_page.or(number("offset")).or(number("cursor")).unwrap_or(0).min(cases.len());
        let end = start.saturating_add(size).min(cases.len());
        let next = (end < cases.len()).then_some(end);
        Part { cases: cases[start..end].to_vec(), total: cases.len(), next }
    }
}

async fn think(desk: Shared, request: Request, next: Next) -> Response<Body> {
    let thinks = desk.lock().unwrap_or_else(PoisonError::into_inner).thinks;
    if !thinks.is_zero() {
        tokio::time::sleep(thinks).await;
    }
    next.run(request).await
}

async fn json_list(
    desk: Shared,
    Query(asked): Query<Asked>,
    uri: axum::http::Uri,
    headers: HeaderMap,
) -> Response<Body> {
    list(&desk, &asked, &uri.to_string(), &headers)
}

/// The list, asked for by a JSON body.
async fn search(desk: Shared, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let text = String::from_utf8_lossy(&body);
    let members = text.trim_matches(['{', '}']).split(',').filter_map(|member| member.split_once(':'));
    let plain = |text: &str| text.trim().trim_matches('"').to_owned();
    let asked = members.map(|(name, value)| (plain(name), plain(value))).collect();
    list(&desk, &asked, &format!("/cases {text}"), &headers)
}

fn list(desk: &Shared, asked: &Asked, shown: &str, headers: &HeaderMap) -> Response<Body> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = desk.greet(shown.to_owned(), headers) {
        return other;
    }
    let part = desk.part(asked);
    let etag = format!("\"{}-{}\"", desk.cases.len(), part.total);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == *etag) {
        return answer(StatusCode::NOT_MODIFIED, "application/json", "");
    }
    let mut body = b"{\"cases\":[".to_vec();
    body.extend(part.cases.join(&b',').iter());
    let mut rest = format!("],\"total\":{}", part.total);
    let after = asked.get("after").map(|after| format!("&after={after}")).unwrap_or_default();
    let size = asked.get("size").map(|size| format!("&size={size}")).unwrap_or_default();
    let link = part.next.map(|next| format!("/cases?offset={next}{size}{after}"));
    if let (Some(next), Some(link)) = (part.next, &link) {
        let _ = write!(rest, ",\"next_cursor\":\"{next}\",\"next\":\"{link}\"");
    }
    body.extend_from_slice(rest.as_bytes());
    body.push(b'}');
    let kind = if desk.mood == Mood::WrongType { "text/html" } else { "application/json" };
    let mut response = answer(StatusCode::OK, kind, body);
    let entries = [(header::ETAG, Some(etag)), (header::LINK, link.map(|link| format!("<{link}>; rel=\"next\"")))];
    for (name, value) in entries {
        if let Some(Ok(value)) = value.map(|value| value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The list in XML: the JSON of each case stands as text in its element.
async fn xml_list(
    desk: Shared,
    Query(asked): Query<Asked>,
    uri: axum::http::Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = desk.greet(uri.to_string(), &headers) {
        return other;
    }
    let part = desk.part(&asked);
    let mut body = format!("<?xml version=\"1.0\"?><cases total=\"{}\">", part.total);
    for case in &part.cases {
        let text = String::from_utf8_lossy(case);
        let field =
            |name: &str| text.split(&format!("\"{name}\":")).nth(1).and_then(|rest| rest.split([',', '}']).next());
        let (number, key) = (field("seq").unwrap_or_default(), field("key").unwrap_or_default().trim_matches('"'));
        let _ = write!(body, "<case seq=\"{number}\"><key>{key}</key></case>");
    }
    answer(StatusCode::OK, "application/xml", format!("{body}</cases>"))
}

/// Takes a request of somebody else: it becomes a case with a number of its own. One that asks to be refused is.
async fn take(
    desk: Shared,
    Query(asked): Query<Asked>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = desk.greet(uri.to_string(), &headers) {
        return closed(other);
    }
    if body.windows(9).any(|window| window == b"refuse me") {
        return closed(answer(StatusCode::UNPROCESSABLE_ENTITY, "application/json", "{\"error\":\"no such street\"}"));
    }
    let number = desk.cases.len() + 1;
    desk.cases.push(format!("{{\"seq\":{number},\"key\":\"R-{number}\"}}").into_bytes());
    desk.taken.push((asked.get("ref").cloned().unwrap_or_default(), body.to_vec()));
    closed(answer(StatusCode::CREATED, "application/json", format!("{{\"request\":{{\"number\":\"R-{number}\"}}}}")))
}

/// Tells of the requests it took under a reference.
async fn look_up(desk: Shared, Query(asked): Query<Asked>, uri: axum::http::Uri, headers: HeaderMap) -> Response<Body> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = desk.greet(uri.to_string(), &headers) {
        return closed(other);
    }
    let wanted = asked.get("ref").map(String::as_str).unwrap_or_default();
    // a request became the case whose number is its place among the cases that came from requests
    let before = desk.cases.len() - desk.taken.len();
    let found = desk.taken.iter().enumerate().filter(|(_, (reference, _))| reference == wanted);
    let found: Vec<_> = found.map(|(at, _)| format!("{{\"number\":\"R-{}\"}}", before + at + 1)).collect();
    closed(answer(
        StatusCode::OK,
        "application/json",
        format!("{{\"total\":{},\"requests\":[{}]}}", found.len(), found.join(",")),
    ))
}

/// An answer after which the connection ends, so that a proxy in between treats each request on its own.
fn closed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}

async fn detail(desk: Shared, Path(number): Path<usize>, headers: HeaderMap) -> Response<Body> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = desk.greet(format!("/cases/{number}"), &headers) {
        return other;
    }
    match number.checked_sub(1).and_then(|at| desk.cases.get(at)).filter(|case| !case.is_empty()) {
        Some(case) => answer(StatusCode::OK, "application/json", [b"{\"case\":", &case[..], b"}"].concat()),
        None => answer(StatusCode::NOT_FOUND, "application/json", "{}"),
    }
}

/// A new token; the ones before are not good any more.
async fn token(desk: Shared) -> Response<Body> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    desk.granted += 1;
    let token = format!("token-{}", desk.granted);
    let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}");
    desk.token = Some(token);
    answer(StatusCode::OK, "application/json", body)
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
