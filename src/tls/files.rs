//! The texts of certificate chain and key, as they are in their files now.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use super::error::{TlsError, certificate_option, key_option};
use crate::config::settings::ServerTlsFiles;

/// A chain of ten certificates is 20 kB; whatever is larger than this is another file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Contents of the files, to be compared and parsed. Not printable: one holds a key.
#[derive(PartialEq, Eq)]
pub struct Texts {
    pub certificate: Vec<u8>,
    /// `None` if it is in the same file.
    pub key: Option<Vec<u8>>,
}

pub fn read(files: &ServerTlsFiles) -> Result<Texts, TlsError> {
    let certificate = read_file(certificate_file(files), certificate_option(files))?;
    let key = match files {
        ServerTlsFiles::Pair { key, .. } => Some(read_file(key, key_option(files))?),
        ServerTlsFiles::Single(_) => None,
    };
    Ok(Texts { certificate, key })
}

pub fn certificate_file(files: &ServerTlsFiles) -> &PathBuf {
    match files {
        ServerTlsFiles::Pair { certificate, .. } => certificate,
        ServerTlsFiles::Single(file) => file,
    }
}

pub fn key_file(files: &ServerTlsFiles) -> &PathBuf {
    match files {
        ServerTlsFiles::Pair { key, .. } => key,
        ServerTlsFiles::Single(file) => file,
    }
}

fn read_file(path: &Path, option: &'static str) -> Result<Vec<u8>, TlsError> {
    let unreadable = |cause| TlsError::Unreadable { file: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { file: path.to_owned(), limit_bytes: FILE_BYTES_MAX, option });
    }
    Ok(text)
}
