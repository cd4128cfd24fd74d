//! TLS towards upstream: whom we trust and who we are (upstream.md 4.1).
//!
//! Every file is read and checked here, once, at the start: the HTTP client would skip bad roots silently
//! and panic on a key that does not fit. The system's roots are searched only for `https` (`SSL_CERT_FILE`
//! and `SSL_CERT_DIR` are honoured); the flags' files are checked always.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

use super::{
    error::{ClientError, FileProblem, Flag},
    pkcs12,
};
use crate::{
    config::settings::{self, Identity},
    pem::{self, PemError},
};

const ROOTS: Flag = Flag { flag: "--upstream-certificate-file", variable: "UPSTREAM_CERTIFICATE_FILE" };
const PKCS8_CHAIN: Flag =
    Flag { flag: "--pkcs8-client-certificate-file", variable: "PKCS8_CLIENT_CERTIFICATE_FILE" };
const PKCS8_KEY: Flag = Flag { flag: "--pkcs8-client-key-file", variable: "PKCS8_CLIENT_KEY_FILE" };
const PKCS12: Flag = Flag { flag: "--pkcs12-identity-file", variable: "PKCS12_IDENTITY_FILE" };
const PEM: Flag = Flag { flag: "--pem-cert-file", variable: "PEM_CERT_FILE" };

/// The TLS part of the agent's configuration.
pub(super) fn configuration(settings: &settings::Upstream) -> Result<TlsConfig, ClientError> {
    let provider = Arc::new(ring::default_provider());
    let roots = roots(settings)?;
    let identity = settings.identity.as_ref().map(|given| identity(given, &provider)).transpose()?;
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .disable_verification(settings.skip_ssl_verification)
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(identity)
        .build())
}

/// The system's roots plus the operator's.
fn roots(settings: &settings::Upstream) -> Result<Vec<Certificate<'static>>, ClientError> {
    let mut roots = match &settings.certificate_file {
        Some(file) => extra_roots(file)?,
        None => Vec::new(),
    };
    if settings.url.scheme() == "https" && !settings.skip_ssl_verification {
        let found = rustls_native_certs::load_native_certs();
        roots.extend(found.certs);
        if roots.is_empty() {
            let problems = found.errors.iter().map(ToString::to_string).collect();
            return Err(ClientError::NoRoots { problems });
        }
    }
    Ok(roots.iter().map(owned).collect())
}

fn extra_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let (certificates, _) = read_pem(ROOTS, file)?;
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        store.add(certificate.clone()).map_err(|error| {
            let problem = FileProblem::BadCertificate { number: index + 1, cause: error.to_string() };
            wrong(ROOTS, file, problem)
        })?;
    }
    if certificates.is_empty() {
        Err(wrong(ROOTS, file, FileProblem::NoCertificate))
    } else {
        Ok(certificates)
    }
}

fn identity(given: &Identity, provider: &Arc<CryptoProvider>) -> Result<ClientCert, ClientError> {
    match given {
        Identity::Pkcs12 { file, passphrase } => {
            let archive = std::fs::read(file);
            let archive =
                archive.map_err(|error| wrong(PKCS12, file, FileProblem::NoArchive(error.to_string())))?;
            pkcs12::read(&archive, passphrase)
                .and_then(|(chain, key)| checked(chain, key, provider))
                .map_err(|problem| wrong(PKCS12, file, problem))
        }
        Identity::Pkcs8 { certificate_file, key_file } => {
            let (chain, _) = read_pem(PKCS8_CHAIN, certificate_file)?;
            let (_, key) = read_pem(PKCS8_KEY, key_file)?;
            if chain.is_empty() {
                return Err(wrong(PKCS8_CHAIN, certificate_file, FileProblem::NoCertificate));
            }
            let key = key.ok_or_else(|| wrong(PKCS8_KEY, key_file, FileProblem::NoKey))?;
            checked(chain, key, provider).map_err(|problem| wrong(PKCS8_KEY, key_file, problem))
        }
        Identity::Pem { file } => {
            let (chain, key) = read_pem(PEM, file)?;
            if chain.is_empty() {
                return Err(wrong(PEM, file, FileProblem::NoCertificate));
            }
            let key = key.ok_or_else(|| wrong(PEM, file, FileProblem::NoKey))?;
            checked(chain, key, provider).map_err(|problem| wrong(PEM, file, problem))
        }
    }
}

/// Lets rustls try the pair once: it parses the leaf and compares its public key with ours.
fn checked(
    chain: Vec<CertificateDer<'static>>,
    key: Key,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientCert, FileProblem> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_root_certificates(RootCertStore::empty())
                .with_client_auth_cert(chain.clone(), key.der)
        })
        .map_err(|error| FileProblem::BadIdentity(error.to_string()))?;
    let chain: Vec<_> = chain.iter().map(owned).collect();
    Ok(ClientCert::new_with_certs(&chain, key.for_agent))
}

fn owned(certificate: &CertificateDer<'_>) -> Certificate<'static> {
    Certificate::from_der(certificate).to_owned()
}

/// One private key, as rustls and as the HTTP client want it.
pub(super) struct Key {
    pub(super) der: PrivateKeyDer<'static>,
    pub(super) for_agent: PrivateKey<'static>,
}

type PemContents = (Vec<CertificateDer<'static>>, Option<Key>);

/// All certificates and the first key of a PEM file, in any order; other blocks are skipped.
fn read_pem(flag: Flag, file: &Path) -> Result<PemContents, ClientError> {
    let text =
        std::fs::read(file).map_err(|error| wrong(flag, file, FileProblem::Unreadable(error.to_string())))?;
    parse_pem(&text).map_err(|problem| wrong(flag, file, problem))
}

fn parse_pem(text: &[u8]) -> Result<PemContents, FileProblem> {
    let pem = pem::parse(text).map_err(|error| match error {
        PemError::Malformed(reason) => FileProblem::NotPem(reason),
        PemError::EncryptedKey => FileProblem::EncryptedKey,
    })?;
    Ok((pem.certificates, pem.key.map(|der| for_both(der, text)).transpose()?))
}

/// The HTTP client takes keys as PEM only; both take the first one of the text.
fn for_both(der: PrivateKeyDer<'static>, text: &[u8]) -> Result<Key, FileProblem> {
    let for_agent = PrivateKey::from_pem(text).map_err(|error| FileProblem::NotPem(error.to_string()))?;
    Ok(Key { der, for_agent })
}

fn wrong(flag: Flag, file: &Path, problem: FileProblem) -> ClientError {
    ClientError::File { flag, file: file.to_owned(), problem }
}
