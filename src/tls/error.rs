//! Why there is no TLS: start-up errors (exit 1), and what a reload says before it keeps the old certificate.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::config::settings::ServerTlsFiles;

/// What is wrong with certificate or key. The first words of each are those of Unleash Edge 20.4 where it has any.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("Could not configure TLS: failed to read from file `{}`: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is larger than any certificate chain.
    #[error("Could not configure TLS: `{}` is larger than {limit_bytes} bytes; name a PEM file with {option}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// What is allowed.
        limit_bytes: u64,
        /// The option that names it.
        option: &'static str,
    },
    /// A file is not PEM.
    #[error("Could not configure TLS: `{}` is not valid PEM: {reason}; name a PEM file with {option}", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// The parser's words.
        reason: String,
        /// The option that names it.
        option: &'static str,
    },
    /// No key block.
    #[error(
        "Could not configure TLS: The private key file contained no keys: `{}` holds none in PKCS#8, PKCS#1 or SEC1; name \
         another with {option}",
        file.display()
    )]
    NoKey {
        /// The file.
        file: PathBuf,
        /// The option that names it.
        option: &'static str,
    },
    /// The key needs a passphrase.
    #[error(
        "Could not configure TLS: `{}` holds an encrypted private key; decrypt it, for example with `openssl pkey -in \
         <file>`, and name the result with {option}",
        file.display()
    )]
    EncryptedKey {
        /// The file.
        file: PathBuf,
        /// The option that names it.
        option: &'static str,
    },
    /// No certificate block.
    #[error(
        "Could not configure TLS: The certificate file contained no certificates: `{}`; name the chain, the server's own \
         first, with {option}",
        file.display()
    )]
    NoCertificate {
        /// The file.
        file: PathBuf,
        /// The option that names it.
        option: &'static str,
    },
    /// A certificate of the chain is none.
    #[error("Could not configure TLS: certificate {number} of `{}` cannot be used: {reason}; export it again as PEM ({option})", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
        /// The option that names the file.
        option: &'static str,
    },
    /// The key is none, or of a kind that TLS cannot use.
    #[error("Could not configure TLS: the private key of `{}` cannot be used: {reason}; give an ECDSA P-256 or P-384, RSA (2048 bits or more) or Ed25519 key with {option}", file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The option that names it.
        option: &'static str,
    },
    /// The key belongs to another certificate.
    #[error("Could not configure TLS: the private key of `{}` does not belong to the first certificate of `{}`{}", key_file.display(), certificate_file.display(), hint(*belongs_to))]
    Mismatch {
        /// Where the key is.
        key_file: PathBuf,
        /// Where the chain is.
        certificate_file: PathBuf,
        /// The certificate of the chain that it does belong to, counted from 1.
        belongs_to: Option<usize>,
    },
    /// The host gives no random numbers for ticket keys, or the like.
    #[error("Could not configure TLS: {0}")]
    Library(#[from] rustls::Error),
}

fn hint(belongs_to: Option<usize>) -> String {
    match belongs_to {
        Some(number) => format!(" but to number {number}; put that one first"),
        None => "; name the key made for it".to_owned(),
    }
}

/// Flag and variable that name the chain.
pub fn certificate_option(files: &ServerTlsFiles) -> &'static str {
    match files {
        ServerTlsFiles::Pair { .. } => "--tls-server-cert (TLS_SERVER_CERT)",
        ServerTlsFiles::Single(_) => "--tls-server-config (TLS_SERVER_CONFIG)",
    }
}

/// Flag and variable that name the key.
pub fn key_option(files: &ServerTlsFiles) -> &'static str {
    match files {
        ServerTlsFiles::Pair { .. } => "--tls-server-key (TLS_SERVER_KEY)",
        ServerTlsFiles::Single(_) => "--tls-server-config (TLS_SERVER_CONFIG)",
    }
}
