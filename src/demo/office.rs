//! The applications of two departments on the network: VoirieNet with a REST interface, ADS-Classic with a SOAP service. The
//! hub asks them as it would any other; what they know is in the journals.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::journal::{Applications, Asked, Page};

/// Events of a page of VoirieNet, at most.
const MOST_EVENTS: usize = 500;
/// Dossiers of a page of ADS-Classic.
const DOSSIERS: usize = 200;

/// The applications, listening; dropping it ends them.
#[derive(Debug)]
pub struct Office {
    /// Where they listen.
    pub address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

impl Office {
    /// Listens on a port of its own, on this machine only.
    pub async fn open(applications: Arc<Applications>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/voirienet/evenements", get(events))
            .route("/ads/services/dossiers", post(dossiers))
            .with_state(applications);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Office { address, serving })
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Parameters of VoirieNet's list.
#[derive(Debug, Default, Deserialize)]
struct Parameters {
    /// Only events with a higher number.
    apres: Option<usize>,
    /// Number of the page, from 1.
    page: Option<usize>,
    /// Events of a page.
    taille: Option<usize>,
}

async fn events(State(all): State<Arc<Applications>>, Query(asked): Query<Parameters>) -> Response {
    let asked = Asked {
        after: asked.apres.unwrap_or(0),
        page: asked.page.unwrap_or(1).saturating_sub(1),
        size: asked.taille.unwrap_or(MOST_EVENTS).clamp(1, MOST_EVENTS),
    };
    let Some(Page { entries, total, .. }) = all.streets.page(asked) else { return maintenance() };
    let events = entries.join(",\n");
    let text = format!("{{\"systeme\":\"VoirieNet 2.4\",\"total\":{total},\"evenements\":[\n{events}\n]}}\n");
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}

async fn dossiers(State(all): State<Arc<Applications>>, body: String) -> Response {
    // as such services do, it looks for what it knows and for nothing else
    let number = |element: &str| {
        let rest = body.split(&format!("<ads:{element}>")).nth(1)?;
        rest.split('<').next()?.trim().parse::<usize>().ok()
    };
    if !body.contains("<ads:ListerDossiers") {
        return soap(
            StatusCode::INTERNAL_SERVER_ERROR,
            "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>opération inconnue</faultstring></soap:Fault>",
        );
    }
    let asked = Asked {
        after: number("apres").unwrap_or(0),
        page: number("page").unwrap_or(1).saturating_sub(1),
        size: DOSSIERS,
    };
    let Some(Page { entries, more, .. }) = all.planning.page(asked) else { return maintenance() };
    let dossiers = entries.join("\n");
    soap(
        StatusCode::OK,
        &format!(
            "<ads:ListerDossiersResponse xmlns:ads=\"urn:ville-exemple:ads:v2\" \
             xmlns:idt=\"urn:ville-exemple:identite:v1\">\n<ads:encore>{more}</ads:encore>\n{dossiers}\n\
             </ads:ListerDossiersResponse>"
        ),
    )
}

/// An answer of ADS-Classic, in the character set it has always written.
fn soap(status: StatusCode, body: &str) -> Response {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-15\"?>\n<soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>{body}</soap:Body></soap:Envelope>\n"
    );
    let (bytes, _, _) = encoding_rs::ISO_8859_15.encode(&text);
    (status, [(header::CONTENT_TYPE, "text/xml; charset=ISO-8859-15")], bytes.into_owned()).into_response()
}

/// As such systems do: a page for eyes, whoever asks.
fn maintenance() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Html("<html><body>Maintenance en cours</body></html>")).into_response()
}
