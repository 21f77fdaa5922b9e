//! Authorities that are read again when they do not vouch for a certificate: an authority is renewed by replacing its file,
//! and nobody thinks of those who have read the old one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::{Check, Verifier};
use crate::Result;

/// How long what was read counts, however many connections are refused meanwhile.
const COUNTS: Duration = Duration::from_secs(2);

/// A verifier by authorities, with what it was made of.
pub struct Reread {
    bundle: Option<PathBuf>,
    provider: Arc<CryptoProvider>,
    endpoint: String,
    present: Mutex<Present>,
}

struct Present {
    verifier: Arc<Verifier>,
    read: Instant,
}

impl Reread {
    /// Reads the authorities for the first time.
    pub fn new(bundle: Option<PathBuf>, provider: Arc<CryptoProvider>, endpoint: &str) -> Result<Self> {
        let check = Check::authorities(bundle.as_ref(), &provider)?;
        let verifier = Arc::new(Verifier::new(check, provider.clone(), endpoint));
        let present = Mutex::new(Present { verifier, read: Instant::now() });
        Ok(Self { bundle, provider, endpoint: endpoint.to_owned(), present })
    }

    fn verifier(&self) -> Arc<Verifier> {
        self.present().verifier.clone()
    }

    /// The authorities as they are now; none if they were read just now, or cannot be read.
    fn read(&self) -> Option<Arc<Verifier>> {
        let mut present = self.present();
        if present.read.elapsed() < COUNTS {
            return None;
        }
        present.read = Instant::now();
        let check = match Check::authorities(self.bundle.as_ref(), &self.provider) {
            Ok(check) => check,
            Err(error) => {
                tracing::warn!("{error}; going on with the authorities that were read before");
                return None;
            }
        };
        let verifier = Verifier::new(check, self.provider.clone(), &self.endpoint);
        *verifier.trusted() = *present.verifier.trusted();
        present.verifier = Arc::new(verifier);
        Some(present.verifier.clone())
    }

    /// Nothing panics while it holds the lock.
    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reread").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Reread {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &Verifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        verify(&self.verifier()).or_else(|refused| self.read().map_or(Err(refused), |fresh| verify(&fresh)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}
