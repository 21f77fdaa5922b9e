//! TLS as option `ssl` asks for it (`salt/transport/base.py`, `ssl_context`).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use salt::{Map, Value};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tracing::{debug, warn};

use super::Error;
use crate::settings::Settings;

/// How connections are wrapped. Its files were read when it was made.
#[derive(Clone)]
pub struct Tls {
    config: ClientConfig,
    check: Check,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads option `ssl`: a map, or true for one without entries; none and false mean no TLS.
    ///
    /// `certfile` and `keyfile` (in the former if absent) are what we show. `ca_certs` and `verify_locations` are the
    /// authorities, by default those of the system; a certificate in there is trusted itself, too. `cert_reqs:
    /// CERT_NONE` trusts anybody. `ssl_version` may only name TLS 1.2, 1.3 or both.
    ///
    /// # Errors
    /// A sentence that names the entry, or the file, and what is wrong with it.
    pub fn of(option: Option<&Value>) -> Result<Option<Tls>, String> {
        let empty = Map::new();
        let ssl = match option {
            None | Some(Value::None | Value::Bool(false)) => return Ok(None),
            Some(Value::Bool(true)) => &empty,
            Some(Value::Map(ssl)) => ssl,
            Some(other) => {
                return Err(format!(
                    "the option 'ssl' is to be a map or a boolean, not {}",
                    other.type_name()
                ));
            }
        };
        Tls::read(ssl).map(Some).map_err(|why| format!("the option 'ssl' is wrong: {why}"))
    }

    fn read(ssl: &Map) -> Result<Tls, String> {
        let provider = Arc::new(ring::default_provider());
        let check = Check::read(ssl, &provider)?;
        if ssl.get("ciphers").is_some_and(Value::truthy) {
            warn!(
                "the option 'ssl: ciphers' is not used: only suites with forward secrecy and AEAD are offered"
            );
        }
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions(ssl)?)
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier {
                check: check.clone(),
                address: None,
                provider,
            }));
        let config = match identity(ssl)? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| format!("certfile and keyfile do not go together: {e}"))?,
        };
        Ok(Tls { config, check })
    }

    /// Shakes hands. The certificate has to name the master as we do, or by its address.
    pub(super) async fn wrap(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| Error::Tls(format!("{name} is no name that a certificate could hold")))?;
        let mut config = self.config.clone();
        let verifier = Verifier {
            check: self.check.clone(),
            address: stream.peer_addr().ok().map(|peer| peer.ip()),
            provider: config.crypto_provider().clone(),
        };
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        let connected = TlsConnector::from(Arc::new(config)).connect(server, stream).await;
        connected.map_err(|e| Error::Tls(explained(&e, name)))
    }
}

/// An entry that is a text.
fn text<'a>(ssl: &'a Map, name: &str) -> Result<Option<&'a str>, String> {
    match ssl.get(name) {
        None | Some(Value::None) => Ok(None),
        Some(Value::Str(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{name} is to be a text, not {}", other.type_name())),
    }
}

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn versions(ssl: &Map) -> Result<&'static [&'static SupportedProtocolVersion], String> {
    match text(ssl, "ssl_version")? {
        None | Some("PROTOCOL_TLS" | "PROTOCOL_TLS_CLIENT" | "PROTOCOL_TLS_SERVER" | "PROTOCOL_SSLv23") => {
            Ok(&BOTH)
        }
        Some("PROTOCOL_TLSv1_2") => Ok(&BOTH[1..]),
        Some("PROTOCOL_TLSv1_3") => Ok(&BOTH[..1]),
        Some(other) => Err(format!("ssl_version {other} is not supported, use TLS 1.2 or 1.3")),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What we show to a master that asks.
fn identity(ssl: &Map) -> Result<Option<Identity>, String> {
    let Some(certfile) = text(ssl, "certfile")? else {
        return match text(ssl, "keyfile")? {
            None => Ok(None),
            Some(_) => Err("there is a keyfile, but no certfile".into()),
        };
    };
    let keyfile = text(ssl, "keyfile")?.unwrap_or(certfile);
    let key = PrivateKeyDer::from_pem_file(keyfile)
        .map_err(|e| format!("there is no usable key in the keyfile {keyfile}: {e}"))?;
    Ok(Some((certificates("certfile", certfile)?, key)))
}

fn certificates(entry: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: String| format!("the file of {entry}, {path}: {why}");
    let found = CertificateDer::pem_file_iter(path).map_err(|e| wrong(e.to_string()))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|e| wrong(e.to_string()))?;
    if found.is_empty() { Err(wrong("there is no certificate in it".into())) } else { Ok(found) }
}

/// Whom we believe.
#[derive(Clone)]
enum Check {
    /// Who is vouched for by an authority, or is in the file of the authorities.
    Authorities { verifier: Arc<WebPkiServerVerifier>, own: Arc<Vec<CertificateDer<'static>>> },
    /// Anybody.
    Nobody,
}

impl Check {
    fn read(ssl: &Map, provider: &Arc<CryptoProvider>) -> Result<Check, String> {
        match text(ssl, "cert_reqs")? {
            Some("CERT_NONE") => return Ok(Check::Nobody),
            // For a client the two are the same: each server shows a certificate.
            None | Some("CERT_REQUIRED" | "CERT_OPTIONAL") => {}
            Some(other) => {
                return Err(format!(
                    "cert_reqs {other} is not one of CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED"
                ));
            }
        }
        for flag in ssl.words("verify_flags") {
            if !matches!(
                flag.to_uppercase().as_str(),
                "VERIFY_DEFAULT" | "VERIFY_X509_STRICT" | "VERIFY_X509_TRUSTED_FIRST"
            ) {
                return Err(format!("the flag {flag} of verify_flags is not supported"));
            }
        }
        let own = authorities(ssl)?;
        let mut roots = RootCertStore::empty();
        if own.is_empty() {
            let system = rustls_native_certs::load_native_certs();
            for error in &system.errors {
                debug!("some of this machine's certificate authorities could not be read: {error}");
            }
            roots.add_parsable_certificates(system.certs);
        } else {
            roots.add_parsable_certificates(own.iter().cloned());
        }
        if roots.is_empty() {
            return Err("there is no certificate authority to trust, name a file in ca_certs".into());
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Check::Authorities { verifier, own: Arc::new(own) })
    }
}

/// The certificates of `ca_certs` and `verify_locations`.
fn authorities(ssl: &Map) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = match text(ssl, "ca_certs")? {
        Some(path) => certificates("ca_certs", path)?,
        None => Vec::new(),
    };
    let locations = match ssl.get("verify_locations") {
        None | Some(Value::None) => &[],
        Some(Value::List(locations)) => &locations[..],
        Some(other) => {
            return Err(format!("verify_locations is to be a list, not {}", other.type_name()));
        }
    };
    for location in locations {
        match location {
            Value::Str(path) => found.extend(certificates("verify_locations", path)?),
            Value::Map(map) => {
                for (kind, value) in map.iter() {
                    match (kind.as_str().unwrap_or_default().to_lowercase().as_str(), value.as_str()) {
                        ("cafile", Some(path)) => found.extend(certificates("verify_locations", path)?),
                        ("cadata", Some(pem)) => {
                            let parsed =
                                CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
                            found.extend(parsed.map_err(|e| format!("the cadata of verify_locations: {e}"))?);
                        }
                        (other, _) => {
                            return Err(format!("verify_locations: {other} is not supported, use cafile"));
                        }
                    }
                }
            }
            other => {
                return Err(format!("verify_locations: {} is neither path nor map", other.type_name()));
            }
        }
    }
    Ok(found)
}

struct Verifier {
    check: Check,
    /// Where the server is, for certificates that name an address, as those do that Salt's own minions accept.
    address: Option<IpAddr>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Verifier {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let Check::Authorities { verifier, own } = &self.check else { return Ok(()) };
        match verifier.verify_server_cert(end_entity, intermediates, name, &[], now) {
            // The file of the authorities holds this very certificate: it needs nobody who vouches for it, and that it
            // says it is an authority itself does not matter.
            Err(e) if !is_about_the_server(&e) && own.iter().any(|it| it.as_ref() == end_entity.as_ref()) => {
                let parsed = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&parsed, name)
            }
            other => other.map(drop),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by_name = self.verify(end_entity, intermediates, server_name, now);
        match (by_name, self.address) {
            (Err(e), Some(address)) if is_about_the_name(&e) => {
                // Told is what is wrong with the name that was configured.
                self.verify(end_entity, intermediates, &ServerName::from(address), now).map_err(|_| e)
            }
            (other, _) => other,
        }
        .map(|()| ServerCertVerified::assertion())
    }

    // Whoever is trusted, the server must hold the certificate's key.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_about_the_name(error: &rustls::Error) -> bool {
    use CertificateError as E;
    matches!(error, rustls::Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }))
}

/// Whether a certificate is refused for what it says of its server and its time, whoever issued it.
fn is_about_the_server(error: &rustls::Error) -> bool {
    use CertificateError as E;
    is_about_the_name(error)
        || matches!(
            error,
            rustls::Error::InvalidCertificate(
                E::Expired
                    | E::ExpiredContext { .. }
                    | E::NotValidYet
                    | E::NotValidYetContext { .. }
                    | E::Revoked
                    | E::BadEncoding
            )
        )
}

/// A failed handshake in words, with the entry of `ssl` that could be at fault.
fn explained(error: &std::io::Error, name: &str) -> String {
    use CertificateError as E;
    use rustls::{AlertDescription as Alert, Error as Tls, InvalidMessage};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    match inner {
        Some(Tls::InvalidCertificate(E::UnknownIssuer)) => {
            "the master's certificate was issued by an authority that is not in ca_certs".into()
        }
        Some(Tls::InvalidCertificate(E::Expired | E::ExpiredContext { .. })) => {
            "the master's certificate has expired".into()
        }
        Some(Tls::InvalidCertificate(E::NotValidYet | E::NotValidYetContext { .. })) => {
            "the master's certificate is not valid yet".into()
        }
        Some(Tls::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. })) => {
            format!("the master's certificate was not issued for {name}")
        }
        Some(Tls::AlertReceived(Alert::CertificateRequired)) => {
            "the master asks for a certificate, set certfile and keyfile".into()
        }
        Some(Tls::AlertReceived(alert)) => format!("the master refuses: {alert:?}"),
        Some(Tls::InvalidMessage(InvalidMessage::InvalidContentType)) => "the peer does not use TLS".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
