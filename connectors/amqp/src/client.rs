//! Speaks to a broker: TCP, TLS, logging in. A link is cut when it is dropped, whatever state its peer is in: nothing of
//! it outlives it. Knows no queue: consumers and publishers are made on its channels.

use std::io;
use std::net::{Shutdown, TcpStream as Socket};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_compat::CompatExt as _;
use guichet_sdk::{Digest, Fault, FaultKind, Issue, Place, Refusals};
use lapin::tcp::{AsyncTcpStream, RustlsConnector, RustlsConnectorConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;

use crate::codes;
use crate::config::Peer;
use crate::judge::{self, Doing};
use crate::settings::{Auth, Tls};

/// How long a link may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// The way to one broker: its address, and how often it has refused us.
pub struct Line {
    peer: Peer,
    refusals: Refusals,
}

impl Line {
    /// The way to this broker.
    pub fn new(peer: Peer) -> Self {
        Line { peer, refusals: Refusals::default() }
    }

    /// The broker.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Connects and logs in; secrets and certificates are read each time. Cancel-safe: a dropped attempt is cut.
    pub async fn connect(&self) -> Result<Link, Fault> {
        let (uri, credentials) = self.credentials()?;
        self.refusals.opened(credentials, Instant::now());
        self.refusals.admit()?;
        let result = self.dial(uri).await.map_err(|mut fault| {
            if fault.issue.place == Place::default() {
                fault.issue.place = Place::file(self.peer.shown());
            }
            fault
        });
        self.refusals.settle(result, Instant::now())
    }

    fn credentials(&self) -> Result<(AMQPUri, Digest), Fault> {
        let mut uri = self.peer.uri.clone();
        match &self.peer.auth {
            Auth::Plain(plain) => {
                let password = plain.password.read(&self.peer.base).map_err(environment)?;
                uri.authority.userinfo.username.clone_from(&plain.user);
                password.expose().clone_into(&mut uri.authority.userinfo.password);
            }
            Auth::External => uri.query.auth_mechanism = "external".parse().ok(),
        }
        let info = &uri.authority.userinfo;
        let digest = Digest::of(&[info.username.as_bytes(), info.password.as_bytes()]);
        Ok((uri, digest))
    }

    async fn dial(&self, uri: AMQPUri) -> Result<Link, Fault> {
        let connect = self.peer.timeouts.connect.0;
        let standing = tokio::time::timeout(connect, self.stream(&uri)).await;
        let (stream, cut) = standing.unwrap_or_else(|_| Err(judge::late("connect", connect)))?;
        // from here on, dropping this ends whatever the client has under way
        let mut link = Link { connection: None, cut: Some(cut), answer: self.peer.timeouts.answer.0 };
        let stream = Mutex::new(Some(stream));
        let given = async move |_, _| {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
        };
        let runtime = lapin::runtime::default_runtime().map_err(|error| judge::fault(&error, Doing::LoggingIn))?;
        let options = ConnectionProperties::default().with_connection_name(self.peer.name.as_str().into());
        let connecting = Connection::connector(uri, runtime, given, options);
        link.connection = Some(link.answered(connecting, Doing::LoggingIn).await?);
        Ok(link)
    }

    /// A connected stream, in TLS where the address says so, and what cuts it.
    async fn stream(&self, uri: &AMQPUri) -> Result<(Stream, Cut), Fault> {
        let host = uri.authority.host.as_str();
        let no_way = |error: io::Error| judge::unreachable(&error.kind().to_string());
        let stream = TcpStream::connect((host, uri.authority.port)).await.map_err(no_way)?;
        stream.set_nodelay(true).map_err(no_way)?;
        let socket = stream.into_std().map_err(no_way)?;
        let cut = Cut(socket.try_clone().map_err(no_way)?);
        let stream = AsyncTcpStream::Plain(TcpStream::from_std(socket).map_err(no_way)?.compat());
        let stream = match uri.scheme {
            AMQPScheme::AMQP => stream,
            AMQPScheme::AMQPS => {
                let connector = connector(&self.peer.tls, &self.peer.base)?;
                stream.into_rustls(&connector, host).await.map_err(|error| untrusted(&error))?
            }
        };
        Ok((stream, cut))
    }
}

type Stream = AsyncTcpStream<async_compat::Compat<TcpStream>>;

/// Cuts a socket when it is dropped, whoever else holds it.
struct Cut(Socket);

impl Drop for Cut {
    fn drop(&mut self) {
        // it may be closed already, which is as good
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A connection that stands, and ends with this.
pub struct Link {
    connection: Option<Connection>,
    cut: Option<Cut>,
    answer: Duration,
}

impl Link {
    /// A new channel.
    pub async fn channel(&self) -> Result<Channel, Fault> {
        match &self.connection {
            Some(connection) => self.answered(connection.create_channel(), Doing::Working).await,
            None => Err(judge::lost("it was never there")),
        }
    }

    /// Waits for the answer to a question, but not for ever.
    pub async fn answered<T>(&self, answer: impl Future<Output = lapin::Result<T>>, doing: Doing) -> Result<T, Fault> {
        match tokio::time::timeout(self.answer, answer).await {
            Ok(answer) => answer.map_err(|error| judge::fault(&error, doing)),
            Err(_) => Err(judge::late("answer", self.answer)),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let (connection, cut) = (self.connection.take(), self.cut.take());
        if let (Some(connection), Ok(runtime)) = (connection, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(GOODBYE, connection.close(200, "goodbye".into())).await;
                drop(cut);
            });
        }
    }
}

fn connector(tls: &Tls, base: &Path) -> Result<RustlsConnector, Fault> {
    let config = match &tls.ca {
        Some(ca) => RustlsConnectorConfig::default().with_parsable_certificates(certificates("tls.ca", base, ca)?),
        None => RustlsConnectorConfig::new_with_platform_verifier(),
    };
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else {
        return config.connector_with_no_client_auth().map_err(|error| unusable("tls", &error.to_string()));
    };
    let chain = certificates("tls.certificate", base, certificate)?;
    let key = key.read(base).map_err(environment)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| unusable("tls.key", "it holds no private key in PEM"))?;
    config.connector_with_single_cert(chain, key).map_err(|error| unusable("tls.certificate", &error.to_string()))
}

fn certificates(key: &str, base: &Path, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let pem = std::fs::read(base.join(path))
        .map_err(|error| unusable(key, &format!("`{}` cannot be read: {}", path.display(), error.kind())))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unusable(key, &format!("`{}` holds no certificate in PEM", path.display()))),
    }
}

fn unusable(key: &str, why: &str) -> Fault {
    let mut fault = Fault::new(FaultKind::Environment, codes::CERTIFICATE, format!("`{key}` cannot be used: {why}"));
    fault.issue.place = Place::default().path(key);
    fault
}

fn untrusted(error: &io::Error) -> Fault {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let why = tls.map_or_else(|| error.kind().to_string(), ToString::to_string);
    let mut fault = Fault::new(FaultKind::Unreachable, codes::TLS, format!("TLS with the broker failed: {why}"));
    fault.issue.hint = Some(
        "check the certificate of the broker; write `tls = { ca = \"ca.pem\" }` for a private authority".to_owned(),
    );
    fault
}

/// An issue of our own surroundings as a fault to try again: secrets and files are put there by people.
fn environment(issue: Issue) -> Fault {
    let mut fault = Fault::new(FaultKind::Environment, codes::CERTIFICATE, "");
    *fault.issue = issue;
    fault
}
