//! Certificates of an upstream: a good one and those that no client must accept.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tempfile::TempDir;

use crate::act::Shown;

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Server configurations by what they show, and the authority to trust as a file.
pub struct Certificates {
    folder: TempDir,
    configurations: BTreeMap<Shown, Arc<ServerConfig>>,
}

impl Certificates {
    /// For the host `localhost`.
    pub fn new() -> Self {
        let (trusted, stranger) = (authority("trusted"), authority("stranger"));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), trusted.pem()).expect("a file can be written");
        let rows = [
            (Shown::Good, &trusted, "localhost", (2024, 2050)),
            (Shown::Expired, &trusted, "localhost", (2000, 2001)),
            (Shown::NotYetValid, &trusted, "localhost", (2099, 2100)),
            (Shown::OfAnotherHost, &trusted, "elsewhere.example", (2024, 2050)),
            (Shown::OfAStranger, &stranger, "localhost", (2024, 2050)),
        ];
        let configurations =
            rows.map(|(shown, issuer, host, years)| (shown, configuration(issuer, host, years)));
        Self { folder, configurations: configurations.into() }
    }

    /// To be trusted.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn configuration(&self, shown: Shown) -> Arc<ServerConfig> {
        Arc::clone(&self.configurations[&shown])
    }
}

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// Each has a session store of its own, so that no handshake is cut short by an earlier one with another certificate.
fn configuration(issuer: &Issuer, host: &str, years: (i32, i32)) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key just made");
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions");
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).expect("a usable certificate"))
}
