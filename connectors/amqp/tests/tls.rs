//! TLS: a private authority is trusted when named, and only then; a broker that wants our certificate gets it.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use guichet_testkit::Hub;
use guichet_testkit::broker::broker;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

mod desk;
use desk::Desk;

/// Certificates made for tests, shared with the transport over HTTP.
fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../http/tests/tls").join(name)
}

/// Ends TLS in front of a broker that speaks without; wants a certificate of the client.
async fn front(broker: SocketAddr) -> SocketAddr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = |name| CertificateDer::pem_file_iter(pem(name)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let mut roots = RootCertStore::empty();
    certificates("ca.pem").into_iter().for_each(|ca| roots.add(ca).unwrap());
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier);
    let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
    let config = config.with_single_cert(certificates("server.pem"), key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // a client that is refused is what a test is about
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut peer = TcpStream::connect(broker).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut peer).await;
            });
        }
    });
    address
}

/// The code of the fault at opening, or what the probe says.
async fn ask(desk: &Desk, front: SocketAddr, tls: Value) -> Result<String, &'static str> {
    let plan = desk.plan(json!({ "url": format!("amqps://{front}"), "tls": tls })).unwrap();
    let connection = Hub::default().open(&*plan).await.map_err(|fault| fault.issue.code.0)?;
    connection.probe.probe().await.map_err(|fault| fault.issue.code.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_and_our_certificate() {
    let Some(broker) = broker() else { return };
    let desk = Desk::open(&broker, "classic").await;
    let front = front(broker.address).await;
    let (ca, certificate, key) = (pem("ca.pem"), pem("client.pem"), json!({ "file": pem("client.key") }));
    let whole = json!({ "ca": ca, "certificate": certificate, "key": key });
    assert!(ask(&desk, front, whole).await.unwrap().contains("messages ready"));
    assert_eq!(ask(&desk, front, json!({ "certificate": certificate, "key": key })).await, Err("E373"), "not trusted");
    let unknown = ask(&desk, front, json!({ "ca": ca })).await;
    assert!(unknown.is_err(), "the broker wants a certificate: {unknown:?}");
    assert_eq!(ask(&desk, front, json!({ "ca": "no-such.pem" })).await, Err("E374"));
    assert_eq!(ask(&desk, front, json!({ "ca": pem("client.key") })).await, Err("E374"), "no certificate in it");
    desk.close().await;
}
