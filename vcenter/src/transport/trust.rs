//! Which certificate is trusted, and what to tell when it is not.

mod reread;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use sha1::Digest;

use crate::{Error, Result};
use reread::Reread;

/// Whether and how the server's certificate is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The operating system's authorities, and those in a PEM file if one is given. The host name is checked.
    Verify {
        /// A PEM file with more authorities, or with the server's own certificate.
        ca_bundle: Option<PathBuf>,
    },
    /// Exactly the certificate with this SHA-1 or SHA-256 fingerprint in hexadecimal, with or without colons.
    Thumbprint(String),
    /// Any certificate at all. Whoever sits in between can read the password.
    Insecure,
}

impl Default for Trust {
    fn default() -> Self {
        Self::Verify { ca_bundle: None }
    }
}

/// The TLS configuration for `endpoint` that trusts as `trust` says.
pub fn client(trust: &Trust, endpoint: &str) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Verify { ca_bundle } => Arc::new(Reread::new(ca_bundle.clone(), provider.clone(), endpoint)?),
        Trust::Thumbprint(text) => {
            Arc::new(Verifier::new(Check::Thumbprint(thumbprint(text)?), provider.clone(), endpoint))
        }
        Trust::Insecure => Arc::new(Verifier::new(Check::Nothing, provider.clone(), endpoint)),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(format!("TLS could not be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// A fingerprint out of its text: 20 bytes of SHA-1 or 32 of SHA-256.
fn thumbprint(text: &str) -> Result<Vec<u8>> {
    let wrong = || Error::Tls(format!("'{text}' is no SHA-1 or SHA-256 thumbprint"));
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair =
            std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        pair.filter(|pair| pair.len() == 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(wrong)
    });
    let bytes = pairs.collect::<Result<Vec<u8>>>()?;
    if matches!(bytes.len(), 20 | 32) { Ok(bytes) } else { Err(wrong()) }
}

/// Why a certificate was refused, and what to do about it.
#[derive(Debug)]
pub struct Untrusted {
    endpoint: String,
    reason: String,
    sha1: String,
    sha256: String,
    pinned: bool,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, reason, sha1, sha256, .. } = self;
        write!(f, "Could not verify the SSL certificate of {endpoint}: {reason}. ")?;
        write!(f, "Its thumbprint is {sha1} (SHA-1), {sha256} (SHA-256). ")?;
        match self.pinned {
            true => f.write_str("If the certificate was renewed, and you have checked that, configure the new thumbprint."),
            false => f.write_str(
                "If you know the certificate, configure its thumbprint; or install its authority on this machine or \
                 name it as CA bundle; or set verify_ssl to False to trust any certificate.",
            ),
        }
    }
}

impl std::error::Error for Untrusted {}

enum Check {
    /// Authorities, and certificates that are trusted themselves. No verifier if there is no authority at all.
    Authorities {
        verifier: Option<Arc<WebPkiServerVerifier>>,
        own: Vec<CertificateDer<'static>>,
    },
    Thumbprint(Vec<u8>),
    Nothing,
}

impl Check {
    fn authorities(bundle: Option<&PathBuf>, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let mut own = Vec::new();
        if let Some(path) = bundle {
            let unreadable =
                |why: String| Error::Tls(format!("Could not read the CA bundle {}: {why}", path.display()));
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                own.push(certificate.map_err(|error| unreadable(error.to_string()))?);
            }
            if own.is_empty() {
                return Err(unreadable("there is no certificate in it".to_owned()));
            }
        }
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!("Some of this machine's certificate authorities could not be read: {error}");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(system.certs.into_iter().chain(own.iter().cloned()));
        let verifier = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| Error::Tls(format!("TLS could not be set up: {error}")))?,
            ),
        };
        Ok(Self::Authorities { verifier, own })
    }
}

struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
    endpoint: String,
    /// The SHA-256 fingerprint of the certificate that was trusted last.
    trusted: Mutex<Option<[u8; 32]>>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Verifier {
    fn new(check: Check, provider: Arc<CryptoProvider>, endpoint: &str) -> Self {
        Self { check, provider, endpoint: endpoint.to_owned(), trusted: Mutex::default() }
    }

    /// The last trusted certificate's fingerprint, for one that may be another.
    fn trusted(&self) -> MutexGuard<'_, Option<[u8; 32]>> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, certificate: &CertificateDer<'_>, mut reason: String) -> rustls::Error {
        let sha256: [u8; 32] = sha2::Sha256::digest(certificate).into();
        // Of a pinned one the reason names what was expected.
        if let (Some(before), false) = (*self.trusted(), matches!(self.check, Check::Thumbprint(_)))
            && before != sha256
        {
            reason.push_str(&format!(
                "; it is not the certificate that was there before, whose thumbprint is {} (SHA-256)",
                colons(&before)
            ));
        }
        let untrusted = Untrusted {
            endpoint: self.endpoint.clone(),
            reason,
            sha1: colons(&sha1::Sha1::digest(certificate)),
            sha256: colons(&sha256),
            pinned: matches!(self.check, Check::Thumbprint(_)),
        };
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(untrusted))))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.check {
            Check::Nothing => {}
            Check::Thumbprint(wanted) => {
                let seen: Vec<u8> = match wanted.len() {
                    20 => sha1::Sha1::digest(end_entity).to_vec(),
                    _ => sha2::Sha256::digest(end_entity).to_vec(),
                };
                if seen != *wanted {
                    let reason = format!("it is not the one with the thumbprint {}", colons(wanted));
                    return Err(self.refuse(end_entity, reason));
                }
            }
            Check::Authorities { verifier: None, .. } => {
                return Err(self.refuse(end_entity, "this machine has no certificate authorities".to_owned()));
            }
            Check::Authorities { verifier: Some(verifier), own } => {
                let checked = verifier
                    .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                    .map(drop);
                let known = || own.iter().any(|it| it.as_ref() == end_entity.as_ref());
                match checked {
                    // The bundle holds this very certificate: it needs nobody who vouches for it, and that it says it
                    // is an authority itself does not matter.
                    Err(error) if !is_about_the_server(&error) && known() => {
                        ParsedCertificate::try_from(end_entity)
                            .and_then(|parsed| rustls::client::verify_server_name(&parsed, server_name))
                    }
                    other => other,
                }
                .map_err(|error| self.refuse(end_entity, reason(&error, server_name)))?;
            }
        }
        *self.trusted() = Some(sha2::Sha256::digest(end_entity).into());
        Ok(ServerCertVerified::assertion())
    }

    // Whatever is trusted, the server must hold the certificate's key.
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

/// Whether a certificate is refused for what it says of its server and its time, whoever issued it.
fn is_about_the_server(error: &rustls::Error) -> bool {
    use CertificateError as E;
    let rustls::Error::InvalidCertificate(error) = error else { return false };
    matches!(
        error,
        E::Expired
            | E::ExpiredContext { .. }
            | E::NotValidYet
            | E::NotValidYetContext { .. }
            | E::NotValidForName
            | E::NotValidForNameContext { .. }
            | E::Revoked
            | E::BadEncoding
    )
}

/// What is wrong with a certificate, in words.
fn reason(error: &rustls::Error, name: &ServerName<'_>) -> String {
    use CertificateError as E;
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        E::UnknownIssuer => "it was issued by an authority that this machine does not trust".to_owned(),
        E::Expired | E::ExpiredContext { .. } => "it has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            format!("it was not issued for the name '{}'", name.to_str())
        }
        E::Revoked => "it was revoked".to_owned(),
        // webpki's word for a self-signed certificate that says it is an authority.
        E::Other(other) if other.0.to_string().contains("CaUsedAsEndEntity") => {
            "it is self-signed".to_owned()
        }
        other => other.to_string(),
    }
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_may_be_written_in_any_way() {
        let sha1 = "0A:1b:2C:3d:4E:5f:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D";
        let plain = sha1.replace(':', "");
        assert_eq!(thumbprint(sha1).unwrap(), thumbprint(&plain).unwrap());
        assert_eq!(thumbprint(&plain.to_lowercase()).unwrap().len(), 20);
        assert_eq!(thumbprint(&"ab".repeat(32)).unwrap(), [0xab; 32]);
        for wrong in ["", "ab", "zz", &"ab".repeat(21), &"a".repeat(41), &"ä".repeat(20), "+1"] {
            assert!(
                thumbprint(wrong).unwrap_err().to_string().contains("no SHA-1 or SHA-256 thumbprint"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_thumbprint_and_the_way_out() {
        let verifier = |check| Verifier::new(check, Arc::new(ring::default_provider()), "vc:443");
        let certificate = CertificateDer::from(b"abc".as_slice());
        let name = ServerName::try_from("vc").unwrap();
        let check = |check| {
            let verifier = verifier(check);
            let result = verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now());
            result.map(drop).map_err(|error| super::super::tls_message(&error).to_string())
        };
        let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
        assert_eq!(check(Check::Nothing), Ok(()));
        assert_eq!(check(Check::Thumbprint(thumbprint(sha1).unwrap())), Ok(()));
        let error = check(Check::Thumbprint(vec![1; 20])).unwrap_err();
        assert!(
            error.starts_with("Could not verify the SSL certificate of vc:443: it is not the one with"),
            "{error}"
        );
        assert!(
            error.contains(sha1) && error.contains("BA:78:16:BF") && error.contains("was renewed"),
            "{error}"
        );
        assert!(error.contains(&colons(&[1; 20])), "the one that was configured: {error}");
        let error = check(Check::Authorities { verifier: None, own: vec![] }).unwrap_err();
        assert!(error.contains("no certificate authorities") && error.contains("verify_ssl"), "{error}");
        let changed = verifier(Check::Authorities { verifier: None, own: vec![] });
        *changed.trusted() = Some([7; 32]);
        let error = changed.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).unwrap_err();
        let error = super::super::tls_message(&error).to_string();
        assert!(error.contains(&colons(&[7; 32])) && error.contains("BA:78:16:BF"), "both: {error}");
        // Even a certificate of the bundle must be one.
        assert!(check(Check::Authorities { verifier: None, own: vec![certificate.clone()] }).is_err());
    }

    #[test]
    fn a_missing_bundle_is_named() {
        let trust = Trust::Verify { ca_bundle: Some("/nowhere/ca.pem".into()) };
        let error = client(&trust, "vc:443").unwrap_err().to_string();
        assert!(error.contains("Could not read the CA bundle /nowhere/ca.pem"), "{error}");
    }

    #[test]
    fn a_bundle_of_something_else_is_named() {
        let path = std::env::temp_dir().join(format!("no-bundle-{}.pem", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let trust = Trust::Verify { ca_bundle: Some(path.clone()) };
            client(&trust, "vc:443").map(drop).unwrap_err().to_string()
        };
        let (none, broken) = (
            read("that is no certificate"),
            read("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"),
        );
        std::fs::remove_file(&path).unwrap();
        assert!(none.contains("no-bundle") && none.ends_with("there is no certificate in it"), "{none}");
        assert!(broken.contains("Could not read the CA bundle") && broken.contains("no-bundle"), "{broken}");
    }
}
