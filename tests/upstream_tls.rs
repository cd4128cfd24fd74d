//! The upstream client over TLS: whom it trusts, who it says it is, and what it says of bad files.

use std::{net::TcpListener, path::PathBuf, process::Command, sync::Arc, time::Duration};

use brink::{
    config::{
        secret::Secret,
        settings::{self, Identity},
    },
    upstream::{
        CallError, Client,
        error::{TimeLimit, Unreachable},
    },
};
use fake_upstream::FakeUpstream;
use p12_keystore::{EncryptionAlgorithm, KeyStore, KeyStoreEntry, PrivateKeyChain};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use upstream_settings::upstream_settings;

#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "support/upstream_settings.rs"]
mod upstream_settings;

const TOKEN: &str = "*:development.s3cret";

/// A certificate authority of our own, made for one test.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate signed by the authority, with its key.
struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer, folder: tempfile::tempdir().expect("a folder") }
    }

    fn leaf(&self, name: &str) -> Leaf {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a DNS name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Leaf { certificate, key }
    }

    /// Writes a PEM file made of these parts.
    fn file(&self, name: &str, parts: &[&str]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, parts.join("\n")).expect("a temporary file can be written");
        path
    }

    fn roots_file(&self) -> PathBuf {
        self.file("ca.pem", &[&self.issuer.pem()])
    }

    /// A server for `name`; with `ask`, only for clients that this authority signed.
    fn upstream(&self, name: &str, ask: bool) -> FakeUpstream {
        let leaf = self.leaf(name);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if ask {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).expect("our own root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let chain: Vec<CertificateDer<'static>> = vec![leaf.certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into());
        let config = builder.with_single_cert(chain, key).expect("a fitting pair");
        let up = FakeUpstream::start_tls(Arc::new(config));
        up.add_token(TOKEN, "client", &["*"]);
        up
    }
}

fn validate(settings: &settings::Upstream) -> Result<usize, CallError> {
    let client = Client::with_variables(settings, |_| None).expect("the settings are usable");
    client.validate(&[TOKEN]).map(|tokens| tokens.len())
}

#[track_caller]
fn assert_tls_failure(outcome: Result<usize, CallError>, word: &str) {
    match outcome {
        Err(CallError::Unreachable { cause: Unreachable::Tls(cause) }) if cause.contains(word) => {}
        other => panic!("expected a TLS failure about {word:?}, got {other:?}"),
    }
}

#[test]
fn an_extra_root_is_trusted_and_only_for_its_names() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let up = ours.upstream("localhost", false);
    let trusting =
        |url: &str, file| settings::Upstream { certificate_file: Some(file), ..upstream_settings(url) };
    assert_eq!(validate(&trusting(&up.url_as("localhost"), ours.roots_file())), Ok(1));
    let both = ours.file("both.pem", &[&other.issuer.pem(), &ours.issuer.pem()]);
    assert_eq!(validate(&trusting(&up.url_as("localhost"), both)), Ok(1));
    assert_tls_failure(validate(&trusting(&up.url_as("localhost"), other.roots_file())), "UnknownIssuer");
    assert_tls_failure(validate(&trusting(&up.url(), ours.roots_file())), "not valid for name");
}

#[test]
fn skipping_verification_accepts_any_certificate_and_name() {
    let up = Authority::new("ours").upstream("elsewhere.example", false);
    let skipping = settings::Upstream { skip_ssl_verification: true, ..upstream_settings(&up.url()) };
    assert_eq!(validate(&skipping), Ok(1));
}

#[test]
fn a_tls_connection_is_reused() {
    let ours = Authority::new("ours");
    let up = ours.upstream("localhost", false);
    let settings = settings::Upstream {
        certificate_file: Some(ours.roots_file()),
        ..upstream_settings(&up.url_as("localhost"))
    };
    let client = Client::with_variables(&settings, |_| None).expect("usable");
    for _ in 0..3 {
        client.validate(&[TOKEN]).expect("validated");
    }
    let connections: Vec<_> = up.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[test]
fn client_identities_are_presented() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let up = ours.upstream("localhost", true);
    let base = settings::Upstream {
        certificate_file: Some(ours.roots_file()),
        ..upstream_settings(&up.url_as("localhost"))
    };
    let with = |identity| settings::Upstream { identity: Some(identity), ..base.clone() };
    let (leaf, stranger) = (ours.leaf("edge"), other.leaf("edge"));
    let pair = |leaf: &Leaf| Identity::Pkcs8 {
        certificate_file: ours.file("chain.pem", &[&leaf.certificate.pem()]),
        key_file: ours.file("key.pem", &[&leaf.key.serialize_pem()]),
    };

    assert_eq!(validate(&with(pair(&leaf))), Ok(1));
    let (certificate, key) = (leaf.certificate.pem(), leaf.key.serialize_pem());
    for (name, parts) in [("key-first.pem", [&key, &certificate]), ("key-last.pem", [&certificate, &key])] {
        let file = ours.file(name, &[parts[0], "a comment", parts[1], &ours.issuer.pem()]);
        assert_eq!(validate(&with(Identity::Pem { file })), Ok(1), "{name}");
    }
    validate(&base).expect_err("no identity");
    validate(&with(pair(&stranger))).expect_err("an identity of another authority");
}

#[test]
fn a_handshake_that_hangs_ends_at_the_connect_limit() {
    // The kernel completes the connection; nobody ever accepts it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", silent.local_addr().expect("bound"));
    let settings = settings::Upstream {
        connect_timeout: Duration::from_millis(150),
        skip_ssl_verification: true,
        ..upstream_settings(&url)
    };
    assert_eq!(validate(&settings), Err(CallError::TimedOut { limit: TimeLimit::Connect }));
}

/// Variables cannot be changed safely in a running process, so this test runs itself with others.
#[test]
fn ssl_cert_file_is_the_system_store() {
    const URL: &str = "BRINK_TEST_UPSTREAM";
    if let Ok(url) = std::env::var(URL) {
        let client = Client::with_variables(&upstream_settings(&url), |_| None).expect("roots were found");
        assert_eq!(client.validate(&[TOKEN]).map(|tokens| tokens.len()), Ok(1));
        return;
    }
    let ours = Authority::new("ours");
    let up = ours.upstream("localhost", false);
    let run = |roots: PathBuf| {
        Command::new(std::env::current_exe().expect("our own path"))
            .args(["--exact", "ssl_cert_file_is_the_system_store"])
            .env(URL, up.url_as("localhost"))
            .env("SSL_CERT_FILE", roots)
            .env_remove("SSL_CERT_DIR")
            .output()
            .expect("this binary can be started")
    };
    let good = run(ours.roots_file());
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stdout));
    let bad = run(ours.folder.path().join("missing.pem"));
    let said = String::from_utf8_lossy(&bad.stderr).into_owned() + &String::from_utf8_lossy(&bad.stdout);
    assert!(!bad.status.success() && said.contains("NoRoots") && said.contains("missing.pem"), "{said}");
}

/// What building a client says of a bad file: the flag and a word of the remedy.
#[track_caller]
fn check(settings: settings::Upstream, words: &[&str]) {
    let error = Client::with_variables(&settings, |_| None).expect_err("the file is bad").to_string();
    assert!(error.starts_with("Failed to build cert: "), "{error}");
    for word in words {
        assert!(error.contains(word), "{word:?} is missing in: {error}");
    }
}

#[test]
fn bad_roots_are_named() {
    let ours = Authority::new("ours");
    let with = |file| settings::Upstream { certificate_file: Some(file), ..upstream_settings("http://h") };
    let flag = "--upstream-certificate-file (UPSTREAM_CERTIFICATE_FILE)";
    check(with(ours.folder.path().join("missing.pem")), &[flag, "missing.pem", "No such file"]);
    check(with(ours.file("empty.pem", &[])), &[flag, "empty.pem", "no certificate"]);
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----";
    check(with(ours.file("broken.pem", &[broken])), &[flag, "broken.pem", "PEM"]);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    check(with(ours.file("garbage.pem", &[&ours.issuer.pem(), garbage])), &[flag, "certificate 2"]);
}

#[test]
fn bad_identities_are_named() {
    let ours = Authority::new("ours");
    let (leaf, other) = (ours.leaf("edge"), ours.leaf("edge"));
    let (certificate, key) = (leaf.certificate.pem(), leaf.key.serialize_pem());
    let with = |identity| settings::Upstream { identity: Some(identity), ..upstream_settings("http://h") };
    let pem = |name: &str, parts: &[&str]| with(Identity::Pem { file: ours.file(name, parts) });
    let flag = "--pem-cert-file (PEM_CERT_FILE)";
    check(
        with(Identity::Pem { file: "/nonexistent/id.pem".into() }),
        &[flag, "/nonexistent/id.pem", "No such"],
    );
    check(pem("no-key.pem", &[&certificate]), &[flag, "no private key"]);
    check(pem("no-certificate.pem", &[&key]), &[flag, "no certificate"]);
    check(pem("other-key.pem", &[&certificate, &other.key.serialize_pem()]), &[flag, "together"]);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    check(pem("encrypted.pem", &[&certificate, &encrypted]), &[flag, "encrypted"]);

    let pair = |chain: &str, key: &str| {
        with(Identity::Pkcs8 {
            certificate_file: ours.file("chain.pem", &[chain]),
            key_file: ours.file("key.pem", &[key]),
        })
    };
    check(pair("", &key), &["--pkcs8-client-certificate-file", "chain.pem", "no certificate"]);
    check(pair(&certificate, &certificate), &["--pkcs8-client-key-file", "key.pem", "no private key"]);
}

/// Made with `openssl`; the keys protect nothing.
fn fixture(name: &str) -> settings::Upstream {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/identities").join(name);
    settings::Upstream { identity: Some(Identity::Pem { file }), ..upstream_settings("http://h") }
}

#[test]
fn older_key_forms_are_read() {
    for name in ["rsa-pkcs1.pem", "ec-sec1.pem"] {
        let client = Client::with_variables(&fixture(name), |_| None);
        assert!(client.is_ok(), "{name}: {client:?}");
    }
    check(fixture("rsa-encrypted.pem"), &["--pem-cert-file", "rsa-encrypted.pem", "encrypted"]);
}

/// Made with `openssl pkcs12 -export`, with this passphrase: the forms of OpenSSL 3, and with `-legacy`.
const PASSPHRASE: &str = "hunter2";

fn archive(name: &str, passphrase: &str) -> settings::Upstream {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/identities").join(name);
    let identity = Identity::Pkcs12 { file, passphrase: Secret::new(passphrase) };
    settings::Upstream { identity: Some(identity), ..upstream_settings("http://h") }
}

#[test]
fn pkcs12_archives_are_read() {
    for name in ["ec-modern.p12", "rsa-legacy.p12"] {
        let client = Client::with_variables(&archive(name, PASSPHRASE), |_| None);
        assert!(client.is_ok(), "{name}: {client:?}");
    }
}

#[test]
fn bad_archives_are_named() {
    let flag = "--pkcs12-identity-file (PKCS12_IDENTITY_FILE)";
    for name in ["ec-modern.p12", "rsa-legacy.p12"] {
        check(archive(name, "wrong"), &[flag, name, "passphrase is wrong", "PKCS12_PASSPHRASE"]);
    }
    check(archive("missing.p12", PASSPHRASE), &[flag, "missing.p12", "No such file"]);
    check(
        archive("ec-sec1.pem", PASSPHRASE),
        &[flag, "ec-sec1.pem", "no PKCS#12 archive", "--pem-cert-file"],
    );
    check(archive("certificates-only.p12", PASSPHRASE), &[flag, "holds no private key"]);
    let error = Client::with_variables(&archive("ec-modern.p12", "hunter3"), |_| None).expect_err("wrong");
    assert!(!format!("{error} {error:?}").contains("hunter3"));
}

#[test]
fn who_is_in_an_archive_is_shown_to_upstream() {
    let ours = Authority::new("ours");
    let up = ours.upstream("localhost", true);
    let leaf = ours.leaf("edge");
    let chain = [leaf.certificate.der(), ours.issuer.der()]
        .map(|der| p12_keystore::Certificate::from_der(der).expect("a certificate"));
    let identity = PrivateKeyChain::new(leaf.key.serialize_der(), [1, 2, 3], chain);
    let mut store = KeyStore::new();
    store.add_entry("edge", KeyStoreEntry::PrivateKeyChain(identity));
    for encryption in
        [EncryptionAlgorithm::PbeWithHmacSha256AndAes256, EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc]
    {
        let writer = store.writer(PASSPHRASE).encryption_algorithm(encryption);
        let archive = writer.encryption_iterations(10).mac_iterations(10).write().expect("an archive");
        let file = ours.folder.path().join("id.p12");
        std::fs::write(&file, archive).expect("a temporary file can be written");
        let settings = settings::Upstream {
            identity: Some(Identity::Pkcs12 { file, passphrase: Secret::new(PASSPHRASE) }),
            certificate_file: Some(ours.roots_file()),
            ..upstream_settings(&up.url_as("localhost"))
        };
        assert_eq!(validate(&settings), Ok(1));
    }
}
