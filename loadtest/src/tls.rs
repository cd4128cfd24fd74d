//! Connections over TCP or TLS, and certificates for the servers under test, made for one run each.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use crate::failure::Failure;

/// Longest wait for the next bytes of an answer.
const READ_MAX: Duration = Duration::from_secs(30);
/// The name in the certificate.
const NAME: &str = "localhost";

/// PEM files of a server.
#[derive(Clone, Debug)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A certificate on ECDSA P-256, signed by itself, and what a client needs to trust it.
pub struct Identity {
    pub files: Files,
    pub client: Arc<ClientConfig>,
}

impl Identity {
    /// Writes its files into the folder.
    pub fn make(folder: &Path) -> Result<Self, Failure> {
        let made =
            rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(odd("make a certificate"))?;
        let files = Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        fs::write(&files.certificate, made.cert.pem()).map_err(Failure::io("write a certificate"))?;
        fs::write(&files.key, made.signing_key.serialize_pem()).map_err(Failure::io("write a key"))?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).map_err(odd("trust a certificate"))?;
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(odd("set TLS up"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { files, client: Arc::new(client) })
    }
}

fn odd<E: std::error::Error + Send + Sync + 'static>(action: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Io { action: action.to_owned(), source: io::Error::other(error) }
}

/// Where a server is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub address: SocketAddr,
    /// HTTPS. Clients of one configuration resume each other's sessions.
    pub tls: Option<Arc<ClientConfig>>,
}

/// The beginning of a URL.
impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }
}

impl Endpoint {
    /// The same for a client that has no session to resume, and keeps none.
    #[must_use]
    pub fn without_resumption(&self) -> Self {
        let forgetful = |config: &Arc<ClientConfig>| {
            let mut config = ClientConfig::clone(config);
            config.resumption = Resumption::disabled();
            Arc::new(config)
        };
        Self { address: self.address, tls: self.tls.as_ref().map(forgetful) }
    }

    /// Connects; the handshake is done with the first request.
    pub fn connect(&self) -> io::Result<Stream> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(READ_MAX))?;
        let Some(config) = &self.tls else { return Ok(Stream::Plain(socket)) };
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, socket))))
    }
}

/// An open connection.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Whether the server has taken a session up again.
    pub fn is_resumed(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
