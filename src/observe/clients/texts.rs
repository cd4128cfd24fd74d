//! Texts of headers: what the current request says and what it was found to mean, and which texts are versions.

/// Longer texts are cut. No SDK has one, so that what is cut means nothing.
const TEXT_BYTES_MAX: usize = 128;
const VERSION_BYTES_MAX: usize = 32;

/// One header of the request that is handled. Most requests of a connection, and many of a shard, say the same, so the
/// meaning stays until another text comes.
#[derive(Debug)]
pub struct Heard<T> {
    is_there: bool,
    text: Vec<u8>,
    meaning: Option<T>,
}

impl<T> Default for Heard<T> {
    fn default() -> Self {
        Self { is_there: false, text: Vec::with_capacity(TEXT_BYTES_MAX), meaning: None }
    }
}

impl<T: Copy> Heard<T> {
    /// Takes the text of a new request.
    pub fn hear(&mut self, text: Option<&[u8]>) {
        self.is_there = text.is_some();
        let Some(text) = text else { return };
        let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
        if self.text != text {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.meaning = None;
        }
    }

    /// Whether the request has the header.
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// What the text means; `absent` if there is none.
    pub fn meaning(&mut self, absent: T, read: impl FnOnce(&[u8]) -> T) -> T {
        if self.is_there { *self.meaning.get_or_insert_with(|| read(&self.text)) } else { absent }
    }
}

/// Digits and dots, at least two of them, and perhaps letters behind: `6.1.0`, `11.0.2-beta.1`, with or without a `v`.
pub fn is_version(text: &str) -> bool {
    let plain = text.strip_prefix('v').unwrap_or(text);
    let (core, rest) = plain.split_at(plain.find(['-', '+']).unwrap_or(plain.len()));
    let mut parts = core.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_of_rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    text.len() <= VERSION_BYTES_MAX
        && parts.by_ref().take(3).filter(|part| is_number(part)).count() == 3
        && parts.next().is_none()
        && rest.bytes().all(is_of_rest)
}
