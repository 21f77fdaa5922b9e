//! TLS against a server with certificates made for these tests (`../testdata`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use salt::{list, map};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::transport::stream::open;
use crate::transport::tests::{config, soon};
use crate::transport::{Config, Kind};

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/transport/testdata").join(name);
    path.to_str().unwrap().to_owned()
}

fn tls(ssl: Map) -> Tls {
    Tls::of(Some(&ssl.into())).unwrap().unwrap()
}

fn refused(ssl: Map) -> String {
    Tls::of(Some(&ssl.into())).unwrap_err()
}

/// A server with the certificate of this file that answers four bytes with the same. With `ask` it wants a certificate
/// of `authority.pem`.
async fn server(certificate: &str, ask: bool) -> u16 {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&BOTH).unwrap();
    let builder = if ask {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates("", &file("authority.pem")).unwrap());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(file(certificate)).unwrap();
    let config = builder.with_single_cert(certificates("", &file(certificate)).unwrap(), key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut four = [0; 4];
                while stream.read_exact(&mut four).await.is_ok() && stream.write_all(&four).await.is_ok() {}
            });
        }
    });
    port
}

/// Connects under a name and sends four bytes forth and back.
async fn shake(host: &str, port: u16, ssl: Map) -> Result<(), Error> {
    let config = Config { tls: Some(tls(ssl)), ipv6: Some(false), ..config() };
    let mut stream = soon(open(host, port, 0, &config)).await?;
    soon(stream.write_all(b"ping")).await.map_err(|e| Error::Tls(explained(&e, host)))?;
    let mut four = [0; 4];
    soon(stream.read_exact(&mut four)).await.map_err(|e| Error::Tls(explained(&e, host)))?;
    assert_eq!(&four, b"ping");
    Ok(())
}

async fn failure(host: &str, port: u16, ssl: Map) -> String {
    shake(host, port, ssl).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_authority_vouches_for_the_master() {
    let port = server("master.pem", false).await;
    let trusted = || map! { "ca_certs" => file("authority.pem") };
    assert_eq!(shake("127.0.0.1", port, trusted()).await, Ok(()));
    // Its certificate does not say localhost, but it says the address.
    assert_eq!(shake("localhost", port, trusted()).await, Ok(()));
    for version in ["PROTOCOL_TLSv1_2", "PROTOCOL_TLSv1_3", "PROTOCOL_TLS_CLIENT"] {
        assert_eq!(shake("127.0.0.1", port, trusted().with("ssl_version", version)).await, Ok(()));
    }
    let locations = map! { "verify_locations" => list![map! { "cafile" => file("authority.pem") }] };
    assert_eq!(shake("127.0.0.1", port, locations).await, Ok(()));
    let why = failure("127.0.0.1", port, map! { "ca_certs" => file("stranger.pem") }).await;
    assert!(why.contains("authority that is not in ca_certs"), "{why}");
    let anybody = map! { "ca_certs" => file("stranger.pem"), "cert_reqs" => "CERT_NONE" };
    assert_eq!(shake("127.0.0.1", port, anybody).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_in_the_file_vouches_for_itself_but_not_for_another_name() {
    let port = server("alone.pem", false).await;
    let trusted = || map! { "ca_certs" => file("alone.pem") };
    assert_eq!(shake("localhost", port, trusted()).await, Ok(()));
    let why = failure("127.0.0.1", port, trusted()).await;
    assert!(why.contains("was not issued for 127.0.0.1"), "{why}");
}

#[tokio::test]
async fn a_master_that_asks_for_a_certificate_gets_ours() {
    let port = server("master.pem", true).await;
    let ssl = map! { "ca_certs" => file("authority.pem") };
    let with = |name| ssl.clone().with("certfile", file(name)).with("keyfile", file(name));
    assert_eq!(shake("127.0.0.1", port, with("minion.pem")).await, Ok(()));
    assert_eq!(shake("127.0.0.1", port, ssl.clone().with("certfile", file("minion.pem"))).await, Ok(()));
    let why = failure("127.0.0.1", port, ssl.clone()).await;
    assert!(why.contains("set certfile and keyfile"), "{why}");
    let why = failure("127.0.0.1", port, with("alone.pem")).await;
    assert!(why.contains("the master refuses"), "{why}");
}

#[tokio::test]
async fn a_master_without_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ssl = map! { "ca_certs" => file("authority.pem") };
    let (_, why) = tokio::join!(
        async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        },
        failure("127.0.0.1", port, ssl.clone())
    );
    assert!(why.contains("does not use TLS"), "{why}");
    let (_silent, why) = tokio::join!(listener.accept(), failure("127.0.0.1", port, ssl));
    assert!(why.contains("perhaps it does not use TLS"), "{why}");
}

/// Both transports go through it.
#[tokio::test]
async fn requests_are_wrapped() {
    for kind in [Kind::Tcp, Kind::Ws] {
        let port = server("master.pem", false).await;
        let ssl = map! { "ca_certs" => file("stranger.pem") };
        let transport = kind.open("127.0.0.1", port, Config { tls: Some(tls(ssl)), ..config() });
        let why = soon(transport.request(Bytes::new(), Duration::from_millis(300))).await.unwrap_err();
        assert!(matches!(&why, Error::Tls(text) if text.contains("ca_certs")), "{why}");
    }
}

#[test]
fn the_option_says_what_is_wrong_with_it() {
    for none in [None, Some(Value::None), Some(Value::Bool(false))] {
        assert!(Tls::of(none.as_ref()).unwrap().is_none());
    }
    assert!(Tls::of(Some(&Value::Int(1))).unwrap_err().contains("'ssl' is to be a map or a boolean"));
    let ssl = || map! { "ca_certs" => file("authority.pem") };
    for (name, value, words) in [
        ("ca_certs", "/nowhere/ca.pem".to_owned(), "/nowhere/ca.pem"),
        ("certfile", "/nowhere/cert.pem".to_owned(), "/nowhere/cert.pem"),
        ("certfile", file("authority.pem"), "no usable key in the keyfile"),
        ("keyfile", file("minion.pem"), "no certfile"),
        ("cert_reqs", "MAYBE".to_owned(), "cert_reqs MAYBE is not one of CERT_NONE"),
        ("ssl_version", "PROTOCOL_TLSv1".to_owned(), "ssl_version PROTOCOL_TLSv1 is not supported"),
        ("verify_flags", "VERIFY_CRL_CHECK_LEAF".to_owned(), "VERIFY_CRL_CHECK_LEAF"),
        ("verify_locations", "x".to_owned(), "verify_locations"),
    ] {
        let why = refused(ssl().with(name, value));
        assert!(why.starts_with("the option 'ssl' is wrong: ") && why.contains(words), "{name}: {why}");
    }
    let why = refused(ssl().with("certfile", file("minion.pem")).with("keyfile", file("master.pem")));
    assert!(why.contains("do not go together"), "{why}");
    assert!(refused(ssl().with("certfile", 1)).contains("certfile is to be a text, not int"));
    assert_eq!(format!("{:?}", tls(ssl().with("certfile", file("minion.pem")))), "Tls");
}
