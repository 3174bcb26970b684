//! A simulated back office that speaks SOAP: a list of cases paged in every usual way, details, faults of both versions,
//! and the bad manners of vendors. Reads requests by their words, so that it shares nothing with what it judges.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// How the office feels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SoapMood {
    /// Well.
    #[default]
    Well,
    /// It answers with a fault of its own (HTTP 500).
    Failing,
    /// It answers 429 and wants so many seconds of peace.
    Throttling(u64),
    /// It takes no credentials: a fault of WS-Security.
    Refusing,
    /// It answers with this status, content type and body.
    Saying(u16, &'static str, String),
}

/// A running office; dropping it closes it.
pub struct SoapOffice {
    address: SocketAddr,
    desk: Arc<Mutex<SoapDesk>>,
    serving: JoinHandle<()>,
}

/// What is on its desk.
#[derive(Default)]
pub struct SoapDesk {
    /// The content of each case, as XML; its number stands before it as `number`.
    pub cases: Vec<Vec<u8>>,
    /// How it feels.
    pub mood: SoapMood,
    /// How long it thinks before it answers, as the real ones do.
    pub thinks: Duration,
    /// Answers until it is well again; 0: it stays as it is.
    pub moody_for: u64,
    /// Blocks in the header of its answers.
    pub header: String,
    /// Answers come in parts, with these (id, content) beside the envelope.
    pub parts: Vec<(String, Vec<u8>)>,
    /// Requests answered.
    pub requests: u64,
    /// Requests refused for their credentials.
    pub refused: usize,
    /// Headers and body of each request.
    pub asked: Vec<(HeaderMap, String)>,
}

impl SoapOffice {
    /// Opens an office on a port of its own.
    pub async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Mutex::new(SoapDesk::default()));
        let router = Router::new().route("/cases", post(answer)).with_state(desk.clone());
        // what goes wrong with one connection is for its client to notice
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(SoapOffice { address, desk, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its desk, to put cases on and to look at.
    pub fn desk(&self) -> MutexGuard<'_, SoapDesk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a case on the desk: `key` is its only element beside its number.
    pub fn add(&self, key: &str) {
        self.desk().cases.push(format!("<c:key>{key}</c:key>").into_bytes());
    }
}

impl Drop for SoapOffice {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(desk: State<Arc<Mutex<SoapDesk>>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let thinks = desk.lock().unwrap_or_else(PoisonError::into_inner).thinks;
    if !thinks.is_zero() {
        tokio::time::sleep(thinks).await;
    }
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = String::from_utf8_lossy(&body).into_owned();
    let namespace = if asked.contains(SOAP12) { SOAP12 } else { SOAP11 };
    desk.requests += 1;
    desk.asked.push((headers, asked.clone()));
    let mood = desk.mood.clone();
    if desk.moody_for > 0 {
        desk.moody_for -= 1;
        if desk.moody_for == 0 {
            desk.mood = SoapMood::Well;
        }
    }
    match mood {
        SoapMood::Well => desk.well(namespace, &asked),
        SoapMood::Failing => fault(namespace, "Server", "Receiver", "the database is away"),
        SoapMood::Throttling(seconds) => {
            let mut slow = response(429, "text/plain", "slowly, please".into());
            slow.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            slow
        }
        SoapMood::Refusing => {
            desk.refused += 1;
            fault(namespace, "FailedAuthentication", "FailedAuthentication", "your password has expired")
        }
        SoapMood::Saying(status, kind, body) => response(status, kind, body.into_bytes()),
    }
}

impl SoapDesk {
    fn well(&self, namespace: &str, asked: &str) -> Response<Body> {
        if let Some(number) = word(asked, "number") {
            let at = number.parse::<usize>().unwrap_or(0);
            return match at.checked_sub(1).and_then(|at| self.cases.get(at)).filter(|case| !case.is_empty()) {
                Some(case) => self.envelope(namespace, "GetCaseResponse", &[one(at, case)], ""),
                None => fault(namespace, "Client.NoSuchCase", "Sender", "no such case"),
            };
        }
        let number = |name: &str| word(asked, name).and_then(|text| text.parse::<usize>().ok());
        let first = number("after").unwrap_or(0).min(self.cases.len());
        let left = self.cases.len() - first;
        let size = number("size").unwrap_or(usize::MAX).max(1);
        let by_page = number("page").map(|page| page.saturating_sub(1).saturating_mul(size));
        let start = by_page.or(number("offset")).or(number("token")).unwrap_or(0).min(left);
        let end = start.saturating_add(size).min(left);
        let range = first + start..first + end;
        let cases: Vec<_> = range.map(|at| one(at + 1, &self.cases[at])).collect();
        let mut rest = format!("<c:total>{left}</c:total><c:more>{}</c:more>", end < left);
        if end < left {
            let _ = write!(rest, "<c:token>{end}</c:token>");
        }
        self.envelope(namespace, "ListCasesResponse", &cases, &rest)
    }

    fn envelope(&self, namespace: &str, name: &str, cases: &[Vec<u8>], rest: &str) -> Response<Body> {
        let header = match self.header.as_str() {
            "" => String::new(),
            header => format!("<e:Header>{header}</e:Header>"),
        };
        let start = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<e:Envelope xmlns:e=\"{namespace}\">{header}<e:Body><c:{name} xmlns:c=\"urn:office\">\n"
        );
        let end = format!("{rest}</c:{name}></e:Body></e:Envelope>");
        let body = [start.as_bytes(), &cases.concat(), end.as_bytes()].concat();
        let kind = if namespace == SOAP12 { "application/soap+xml" } else { "text/xml" };
        if self.parts.is_empty() {
            return response(200, &format!("{kind}; charset=utf-8"), body);
        }
        let mut whole = [b"--edge\r\nContent-ID: <root>\r\n\r\n".as_slice(), &body].concat();
        for (id, content) in &self.parts {
            whole.extend_from_slice(format!("\r\n--edge\r\nContent-ID: <{id}>\r\n\r\n").as_bytes());
            whole.extend_from_slice(content);
        }
        whole.extend_from_slice(b"\r\n--edge--\r\n");
        response(200, "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; boundary=edge", whole)
    }
}

fn one(number: usize, case: &[u8]) -> Vec<u8> {
    [format!("<c:case><c:number>{number}</c:number>").as_bytes(), case, b"</c:case>\n"].concat()
}

fn fault(namespace: &str, code11: &str, code12: &str, reason: &str) -> Response<Body> {
    let inside = match namespace {
        SOAP12 => format!(
            "<e:Code><e:Value>e:{code12}</e:Value></e:Code><e:Reason><e:Text xml:lang=\"en\">{reason}</e:Text></e:Reason>"
        ),
        _ => format!("<faultcode>e:{code11}</faultcode><faultstring>{reason}</faultstring>"),
    };
    let body = format!("<e:Envelope xmlns:e=\"{namespace}\"><e:Body><e:Fault>{inside}</e:Fault></e:Body></e:Envelope>");
    response(500, "text/xml; charset=utf-8", body.into_bytes())
}

/// The text of the first element of this name, whatever its prefix.
fn word<'a>(asked: &'a str, name: &str) -> Option<&'a str> {
    let start = [format!("<{name}>"), format!(":{name}>")].iter().find_map(|tag| Some(asked.find(tag)? + tag.len()))?;
    asked[start..].split('<').next()
}

fn response(status: u16, kind: &str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
