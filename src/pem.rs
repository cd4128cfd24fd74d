//! Certificates and keys in PEM, for both sides: what we serve with, and what we show to upstream.
//!
//! Knows texts, not files. A private key is never printed: its type masks itself.

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{PemObject, SectionKind},
};

/// What a PEM text holds.
#[derive(Debug, Default)]
pub struct Pem {
    /// All certificates, in the order of the text.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The first private key: PKCS#8, PKCS#1 or SEC1.
    pub key: Option<PrivateKeyDer<'static>>,
}

/// Why a text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PemError {
    /// Something between its lines is not what it should be; in the parser's words.
    Malformed(String),
    /// Its key needs a passphrase.
    EncryptedKey,
}

/// Reads the blocks in any order; those that are neither certificate nor key are skipped.
///
/// # Errors
/// See [`PemError`]. A text without any block is empty, and no error.
pub fn parse(text: &[u8]) -> Result<Pem, PemError> {
    let mut pem = Pem::default();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
        let (kind, der) = section.map_err(|error| malformed(text, &error))?;
        match kind {
            SectionKind::Certificate => pem.certificates.push(CertificateDer::from(der)),
            SectionKind::PrivateKey => pem.key = pem.key.or(Some(PrivateKeyDer::Pkcs8(der.into()))),
            SectionKind::RsaPrivateKey => pem.key = pem.key.or(Some(PrivateKeyDer::Pkcs1(der.into()))),
            SectionKind::EcPrivateKey => pem.key = pem.key.or(Some(PrivateKeyDer::Sec1(der.into()))),
            _ => {}
        }
    }
    if pem.key.is_none() && is_encrypted(text) { Err(PemError::EncryptedKey) } else { Ok(pem) }
}

fn malformed(text: &[u8], error: &rustls::pki_types::pem::Error) -> PemError {
    if is_encrypted(text) { PemError::EncryptedKey } else { PemError::Malformed(error.to_string()) }
}

/// PKCS#8 names it in the block; the old form in a header that no PEM reader accepts as base64.
fn is_encrypted(text: &[u8]) -> bool {
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    const PARAMETERS: &str = "-----BEGIN EC PARAMETERS-----\nMAA=\n-----END EC PARAMETERS-----\n";

    fn key(kind: &str) -> String {
        format!("-----BEGIN {kind}-----\nMAA=\n-----END {kind}-----\n")
    }

    #[test]
    fn blocks_are_found_in_any_order() {
        let check = |text: &str, certificates: usize, kind: Option<&str>| {
            let pem = parse(text.as_bytes()).expect("a good text");
            let found = pem.key.map(|key| match key {
                PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
                PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
                _ => "PRIVATE KEY",
            });
            assert_eq!((pem.certificates.len(), found), (certificates, kind), "{text}");
        };
        check("", 0, None);
        check("nothing of the kind\n", 0, None);
        check(&format!("comment\n{CERTIFICATE}{CERTIFICATE}"), 2, None);
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            check(&format!("{PARAMETERS}{}{CERTIFICATE}{}", key(kind), key("PRIVATE KEY")), 1, Some(kind));
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let check = |text: &str, encrypted: bool| {
            let error = parse(text.as_bytes()).expect_err("a bad text");
            assert_eq!(error == PemError::EncryptedKey, encrypted, "{text} {error:?}");
        };
        check("-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n", false);
        check("-----BEGIN CERTIFICATE-----\nMAA=\n", false);
        check(&key("ENCRYPTED PRIVATE KEY"), true);
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n",
            true,
        );
    }
}
