//! TLS on the connections that are accepted. The certificate is read again when its files change.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rocket::tokio::io::{AsyncRead, AsyncWrite};
use rocket::tokio::task::spawn_blocking;
use rocket::tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

use crate::accounts::refuse_if_others_can_read;
use crate::domain::TlsSettings;
use crate::error::Error;

/// HTTP/2 is not spoken (decision 0001).
const PROTOCOL: &[u8] = b"http/1.1";

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How much of an answer waits, encrypted, for the client of one connection.
const BUFFERED_BYTES: usize = 16 * 1024;

pub struct Tls {
    files: TlsSettings,
    /// What the files had when they were last looked at, or why they could not be read.
    seen: Mutex<Result<Pem, String>>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Fails if the files cannot be read, do not belong together, or if others can read the key.
    pub fn load(files: &TlsSettings) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let pem = Pem::read(files)?;
        let certificate = pem.certified_key(files, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(certificate))));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::internal("cannot speak TLS", cause))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { files: files.clone(), seen: Mutex::new(Ok(pem)), current, acceptor })
    }

    /// The handshake.
    pub async fn accept<S>(&self, stream: S) -> io::Result<Box<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let accepting = self.acceptor.accept_with(stream, |connection| {
            connection.set_buffer_limit(Some(BUFFERED_BYTES));
        });
        accepting.await.map(Box::new)
    }

    /// Reads the files again when they change, for as long as it is polled.
    pub async fn watch(self: Arc<Self>) {
        loop {
            sleep(LOOK_INTERVAL).await;
            let tls = Arc::clone(&self);
            // A disk may be slow. It fails only where the runtime ends.
            let _ = spawn_blocking(move || tls.look_again()).await;
        }
    }

    /// Takes what the files have now. If that is wrong, the certificate stays, and the log says it once.
    fn look_again(&self) {
        let found = Pem::read(&self.files).map_err(|error| error.to_string());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return;
        }
        let provider = self.acceptor.config().crypto_provider();
        let certificate = found.clone().and_then(|pem| {
            pem.certified_key(&self.files, provider).map_err(|error| error.to_string())
        });
        match certificate {
            Ok(certificate) => {
                let mut current = self.current.0.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(certificate);
                log::info!("the certificate was read again, because its files have changed");
            }
            Err(why) => log::error!("the certificate has changed, and the old one is kept: {why}"),
        }
        *seen = found;
    }
}

/// The contents of the files.
#[derive(Clone, PartialEq, Eq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pem {
    fn read(files: &TlsSettings) -> Result<Self, Error> {
        let read =
            |setting, path: &Path| std::fs::read(path).map_err(|cause| wrong(setting, path, cause));
        let certificate = read("tls_cert", &files.certificate)?;
        let key = read("tls_key", &files.key)?;
        refuse_if_others_can_read(&files.key).map_err(|why| wrong("tls_key", &files.key, why))?;
        Ok(Self { certificate, key })
    }

    fn certified_key(
        &self,
        files: &TlsSettings,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, Error> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|cause| wrong("tls_cert", &files.certificate, cause))?;
        if chain.is_empty() {
            return Err(wrong("tls_cert", &files.certificate, "it has no certificate in PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|cause| wrong("tls_key", &files.key, cause))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|cause| {
            let beside = files.certificate.display();
            wrong("tls_key", &files.key, format!("it does not fit to {beside}: {cause}"))
        })
    }
}

fn wrong(setting: &str, path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Conflict(format!("cannot use `{setting}`, {}: {why}", path.display()))
}
