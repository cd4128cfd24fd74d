//! An authority, its certificates in files, brink with them, and clients that trust the authority.

use std::{
    net::{SocketAddr, TcpStream},
    ops::Deref,
    path::PathBuf,
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SerialNumber};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring, pki_types::ServerName,
};
use tempfile::TempDir;

use super::brink::{Brink, Client, PATIENCE};

pub const BACKEND: &str = "*:development.back0000000000000000000001";
pub const FRONTEND: &str = "*:development.front000000000000000000001";
pub const FILE: &str = r#"{"version":2,"features":[{"name":"a","enabled":true,"project":"p"}]}"#;
pub static VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

pub type Https = Client<StreamOwned<ClientConnection, TcpStream>>;

/// A certificate authority of our own, and the files of what it signs.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let authority = Self { issuer, folder: tempfile::tempdir().expect("a folder") };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a file is, as an argument.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a plain path").to_owned()
    }

    /// Replaces a file in one step.
    pub fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        std::fs::write(&new, text).expect("a temporary file can be written");
        std::fs::rename(new, self.path(name)).expect("it can be moved");
    }

    /// A certificate for `localhost` and its key, in PEM.
    pub fn leaf(&self, serial: u64) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
        if let Ok(params) = &mut params {
            params.serial_number = Some(SerialNumber::from(serial));
        }
        let key = KeyPair::generate().expect("a key");
        let signed = params.expect("names").signed_by(&key, &self.issuer).expect("a certificate");
        (signed.pem(), key.serialize_pem())
    }

    /// Makes a new certificate and puts it, with its key, into one file.
    pub fn issue(&self, serial: u64) {
        let (certificate, key) = self.leaf(serial);
        self.write("server.pem", &(certificate + &key));
    }

    /// What clients go by. Sessions are resumed among the clients of one.
    pub fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("ring has both")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// A running brink with a certificate, serial number 1.
pub struct Scene {
    pub authority: Authority,
    pub brink: Brink,
    config: Arc<ClientConfig>,
}

impl Deref for Scene {
    type Target = Brink;

    fn deref(&self) -> &Brink {
        &self.brink
    }
}

impl Scene {
    pub fn new(file: impl AsRef<[u8]>, args: &[&str]) -> Self {
        let authority = Authority::new();
        authority.issue(1);
        let identity = authority.text("server.pem");
        let tls = ["-c", BACKEND, "-f", FRONTEND, "--tls-server-port", "0", "--tls-server-config", &identity];
        let brink = Brink::offline(file, &[&tls, args].concat());
        let config = Arc::new(authority.client(&VERSIONS));
        Self { authority, brink, config }
    }

    pub fn small() -> Self {
        Self::new(FILE, &[])
    }

    pub fn https(&self) -> Https {
        https(self.address, &self.config)
    }

    /// The number of the certificate that new connections get.
    pub fn serial(&self) -> u64 {
        let fresh = Arc::new(self.authority.client(&VERSIONS));
        serial(&https(self.address, &fresh))
    }
}

/// Connects and shakes hands; whatever the server says against it is the error.
pub fn try_https(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Https> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Client::over(stream))
}

pub fn https(address: SocketAddr, config: &Arc<ClientConfig>) -> Https {
    try_https(address, config).expect("a handshake")
}

pub fn kind(https: &Https) -> HandshakeKind {
    https.stream.conn.handshake_kind().expect("the handshake is over")
}

/// The serial number of the server's certificate, which is small here.
pub fn serial(https: &Https) -> u64 {
    let chain = https.stream.conn.peer_certificates().expect("the server has shown one");
    let marker = [0xa0, 3, 2, 1, 2, 2, 1];
    let found = chain[0].windows(8).find(|window| window.starts_with(&marker)).expect("version 3, one byte");
    u64::from(found[7])
}

/// A request for the features.
pub fn get(more: &str) -> String {
    format!("GET /api/client/features HTTP/1.1\r\nhost: localhost\r\nauthorization: {BACKEND}\r\n{more}\r\n")
}

/// Says goodbye and hears it.
#[track_caller]
pub fn ends_properly(mut https: Https) {
    // An end without close_notify is an error, which panics.
    assert!(https.is_closed_by_server());
}
