//! Who the server is: a chain and the key of its first certificate, known to belong together.

use rustls::{
    Error, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};

use super::{
    error::{TlsError, certificate_option, key_option},
    files::{Texts, certificate_file, key_file},
    validity::Validity,
};
use crate::{
    config::settings::ServerTlsFiles,
    pem::{self, Pem, PemError},
};

/// Checked; nothing of it is printed.
pub struct Identity {
    pub certified: CertifiedKey,
    /// Of the certificate in the chain that ends first.
    pub validity: Validity,
}

impl Identity {
    /// From the texts of the files. The files are for errors only.
    pub fn new(texts: &Texts, files: &ServerTlsFiles, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let chain = parsed(&texts.certificate, certificate_file(files), certificate_option(files))?;
        let key = match &texts.key {
            Some(text) => parsed(text, key_file(files), key_option(files))?.key,
            None => chain.key,
        };
        let (file, option) = (key_file(files).clone(), key_option(files));
        let key = key.ok_or(TlsError::NoKey { file, option })?;
        let validity = validity_of(&chain.certificates, files)?;
        Ok(Self { certified: certified(chain.certificates, key, files, provider)?, validity })
    }
}

fn parsed(text: &[u8], file: &std::path::Path, option: &'static str) -> Result<Pem, TlsError> {
    let file = file.to_owned();
    pem::parse(text).map_err(|error| match error {
        PemError::Malformed(reason) => TlsError::NotPem { file, reason, option },
        PemError::EncryptedKey => TlsError::EncryptedKey { file, option },
    })
}

fn validity_of(chain: &[CertificateDer<'_>], files: &ServerTlsFiles) -> Result<Validity, TlsError> {
    let mut shortest: Option<Validity> = None;
    for (index, certificate) in chain.iter().enumerate() {
        let validity = Validity::of(certificate)
            .ok_or_else(|| bad_certificate(index + 1, "it is no X.509 certificate", files))?;
        shortest = Some(shortest.filter(|known| known.not_after <= validity.not_after).unwrap_or(validity));
    }
    shortest.ok_or_else(|| TlsError::NoCertificate {
        file: certificate_file(files).clone(),
        option: certificate_option(files),
    })
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: &ServerTlsFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let bad_key = |error: Error| TlsError::BadKey {
        file: key_file(files).clone(),
        reason: error.to_string(),
        option: key_option(files),
    };
    let key = provider.key_provider.load_private_key(key).map_err(bad_key)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
            key_file: key_file(files).clone(),
            certificate_file: certificate_file(files).clone(),
            belongs_to: belongs_to(&certified),
        }),
        Err(error) => Err(bad_certificate(1, &error.to_string(), files)),
    }
}

/// The certificate of the chain that the key belongs to, counted from 1: chains are often in the wrong order.
fn belongs_to(certified: &CertifiedKey) -> Option<usize> {
    let matches = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], certified.key.clone()).keys_match().is_ok()
    };
    certified.cert.iter().position(matches).map(|index| index + 1)
}

fn bad_certificate(number: usize, reason: &str, files: &ServerTlsFiles) -> TlsError {
    TlsError::BadCertificate {
        file: certificate_file(files).clone(),
        number,
        reason: reason.to_owned(),
        option: certificate_option(files),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use rustls::crypto::ring;

    use super::*;

    fn made() -> CertifiedKey<KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
    }

    fn pair() -> ServerTlsFiles {
        ServerTlsFiles::Pair { certificate: "/c.pem".into(), key: "/k.pem".into() }
    }

    #[track_caller]
    fn check(certificate: &str, key: Option<&str>, expected: &str) {
        let files = if key.is_some() { pair() } else { ServerTlsFiles::Single("/s.pem".into()) };
        let texts = Texts { certificate: certificate.into(), key: key.map(Into::into) };
        let found = match Identity::new(&texts, &files, &ring::default_provider()) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        let found = found.strip_prefix("Could not configure TLS: ").unwrap_or(&found);
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{found}");
    }

    #[test]
    fn a_pair_must_belong_together() {
        let (one, other) = (made(), made());
        let (chain, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let both = other.cert.pem() + &chain;
        check(&chain, Some(&key), "");
        check(&(chain.clone() + &other.cert.pem()), Some(&key), "");
        check(&(key.clone() + &chain), None, "");
        check(
            &other.cert.pem(),
            Some(&key),
            "the private key of `/k.pem` does not belong to the first certificate of `/c.pem`; name",
        );
        check(
            &both,
            Some(&key),
            "the private key of `/k.pem` does not belong to the first certificate of `/c.pem` but to number 2; put that",
        );
    }

    #[test]
    fn what_is_missing_or_broken_is_named() {
        let one = made();
        let (chain, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let junk = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let junk_key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        check(&chain, Some(""), "The private key file contained no keys: `/k.pem`");
        check(&chain, Some(&chain), "The private key file contained no keys: `/k.pem`");
        check(&chain, None, "The private key file contained no keys: `/s.pem`");
        check("", Some(&key), "The certificate file contained no certificates: `/c.pem`; name the chain");
        check(&key, Some(&key), "The certificate file contained no certificates");
        check(&(chain.clone() + junk), Some(&key), "certificate 2 of `/c.pem` cannot be used");
        check(&chain, Some(junk_key), "the private key of `/k.pem` cannot be used");
        check("-----BEGIN CERTIFICATE-----\n%\n", Some(&key), "`/c.pem` is not valid PEM");
        check(&chain, Some(&key.replace("PRIVATE", "ENCRYPTED PRIVATE")), "`/k.pem` holds an encrypted");
    }
}
