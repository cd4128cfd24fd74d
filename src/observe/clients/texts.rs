//! Texts of headers: the one that came last and what it was found to mean, and which of them are versions.

/// Longer texts are not remembered: no SDK has one.
const TEXT_BYTES_MAX: usize = 64;
const VERSION_BYTES_MAX: usize = 32;

/// The text that came last. Most requests of a connection, and many of a shard, say the same.
#[derive(Debug)]
pub struct Recent<T> {
    text: Vec<u8>,
    meaning: T,
}

impl<T: Default> Default for Recent<T> {
    fn default() -> Self {
        Self { text: Vec::with_capacity(TEXT_BYTES_MAX), meaning: T::default() }
    }
}

impl<T: Copy> Recent<T> {
    /// The meaning of a text.
    pub fn of(&mut self, text: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
        // Nothing was read yet, or nothing is to be read: an empty text is read each time.
        if !text.is_empty() && self.text == text {
            return self.meaning;
        }
        let meaning = read(text);
        if text.len() <= TEXT_BYTES_MAX {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.meaning = meaning;
        }
        meaning
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
