//! TLS as settings ask for it: a private authority, our own certificate, and a word before the peer's expires.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guichet_http::{Answer, Call, Client, Expect, Room, Rooms, Rules, Settings, Url};
use guichet_sdk::settings::read;
use guichet_sdk::{CertificateOf, Fault};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls")
}

/// A server that answers `{}` to clients with a certificate of its authority, or to anyone.
async fn server(wants_certificate: bool) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = if wants_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder().join("ca.pem")).unwrap()).unwrap();
        builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
        )
    } else {
        builder.with_no_client_auth()
    };
    let certificate = CertificateDer::from_pem_file(folder().join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder().join("server.key")).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

fn client(address: SocketAddr, tls: Value) -> Result<Client, Fault> {
    let settings: Settings = read(&json!({ "tls": tls, "retry": { "times": 0 } })).unwrap();
    assert_eq!(settings.issues(), []);
    let home = Url::parse(&format!("https://{address}/")).unwrap();
    let room = Rooms::default().of("planning", &home, &settings);
    open(&settings, &home, room)
}

fn open(settings: &Settings, home: &Url, room: Arc<Room>) -> Result<Client, Fault> {
    Client::open(settings, home, &folder(), room, Arc::new(Rules::new(Vec::new(), Expect::Json)))
}

async fn ask(client: &Client, address: SocketAddr) -> Result<Answer, Fault> {
    client.send(Call::get(Url::parse(&format!("https://{address}/cases")).unwrap())).await
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_written_and_only_then() {
    let address = server(false).await;
    let trusting = client(address, json!({ "ca": "ca.pem" })).unwrap();
    assert_eq!(&ask(&trusting, address).await.unwrap().body[..], b"{}");
    assert_eq!(trusting.notices(), []);
    // another authority: the client's own certificate signed nothing
    let doubting = client(address, json!({ "ca": "client.pem" })).unwrap();
    let fault = ask(&doubting, address).await.unwrap_err();
    assert_eq!(fault.issue.code.0, "E314", "{fault}");
}

#[tokio::test]
async fn our_own_certificate_is_shown_where_it_is_wanted() {
    let address = server(true).await;
    let known =
        client(address, json!({ "ca": "ca.pem", "certificate": "client.pem", "key": { "file": "client.key" } }));
    assert_eq!(ask(&known.unwrap(), address).await.unwrap().status, 200);
    let fault = ask(&client(address, json!({ "ca": "ca.pem" })).unwrap(), address).await.unwrap_err();
    assert!(["E314", "E300", "E310"].contains(&fault.issue.code.0), "{fault}");
}

#[tokio::test]
async fn a_certificate_that_expires_soon_is_told_once() {
    let address = server(false).await;
    let client = client(address, json!({ "ca": "ca.pem", "warn_before": "40000d" })).unwrap();
    for _ in 0..3 {
        ask(&client, address).await.unwrap();
    }
    let told: Vec<_> = client.notices().iter().map(|issue| issue.code.0).collect();
    assert_eq!(told, ["E291", "E315"]);
    ask(&client, address).await.unwrap();
    assert_eq!(client.notices(), []);
}

#[tokio::test]
async fn every_certificate_on_the_way_is_seen_with_its_end() {
    let address = server(true).await;
    let tls = json!({ "ca": "ca.pem", "certificate": "client.pem", "key": { "file": "client.key" }, "warn_before": "40000d" });
    let settings: Settings = read(&json!({ "tls": tls })).unwrap();
    let home = Url::parse(&format!("https://{address}/")).unwrap();
    let room = Rooms::default().of("planning", &home, &settings);
    let seen = room.certificates();
    assert_eq!(seen.look(), [], "nothing was read yet");
    let client = open(&settings, &home, room).unwrap();
    ask(&client, address).await.unwrap();
    let told: Vec<_> = seen.look().into_iter().map(|look| (look.whose, look.issue.unwrap().code.0)).collect();
    let expected = [(CertificateOf::Peer, "E315"), (CertificateOf::Own, "E290"), (CertificateOf::Authority, "E291")];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_told_before_anything_is_asked() {
    let address = server(false).await;
    for tls in [json!({ "ca": "absent.pem" }), json!({ "certificate": "make.sh", "key": { "file": "client.key" } })] {
        assert_eq!(client(address, tls).err().unwrap().issue.code.0, "E319");
    }
}
