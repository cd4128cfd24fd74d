//! Lists as texts, and the files that hold secrets.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Ten thousand tokens fit.
const SECRET_FILE_BYTES_MAX: u64 = 1 << 20;

/// The elements of a list, trimmed, without empty ones.
pub fn elements(text: &str, separators: &[char]) -> Vec<String> {
    text.split(separators).map(str::trim).filter(|element| !element.is_empty()).map(str::to_owned).collect()
}

/// The content of a file that holds secrets; what exceeds the bound is not read.
pub fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
