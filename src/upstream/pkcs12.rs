//! A client identity from a PKCS#12 archive: AES as OpenSSL 3 and Windows write it, or RC2 and triple DES as older
//! programs did. The archive's integrity is checked with the passphrase before anything in it is believed.

use base64::{Engine, prelude::BASE64_STANDARD};
use p12_keystore::{KeyStore, error::Error};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::PrivateKey;

use super::{error::FileProblem, tls::Key};
use crate::config::secret::Secret;

/// The first key of the archive and the chain of its certificate, that one first.
pub(super) fn read(
    archive: &[u8],
    passphrase: &Secret,
) -> Result<(Vec<CertificateDer<'static>>, Key), FileProblem> {
    let store = KeyStore::from_pkcs12(archive, passphrase.expose()).map_err(|error| match error {
        // Archives without a checksum show it by what comes out.
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => FileProblem::WrongPassphrase,
        other => FileProblem::NotPkcs12(other.to_string()),
    })?;
    let (_, identity) = store.private_key_chain().ok_or(FileProblem::EmptyArchive)?;
    let chain = identity.chain().iter().map(|one| CertificateDer::from(one.as_der().to_vec())).collect();
    let key = identity.key().to_vec();
    let for_agent = PrivateKey::from_pem(pem(&key).as_bytes());
    let for_agent = for_agent.map_err(|error| FileProblem::NotPkcs12(error.to_string()))?;
    Ok((chain, Key { der: PrivateKeyDer::Pkcs8(key.into()), for_agent }))
}

/// The HTTP client takes keys in this form.
fn pem(key: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(key))
}
