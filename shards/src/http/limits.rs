//! limits
pub const HEAD_BYTES_MAX: usize = 16 << 10;
pub const TARGET_BYTES_MAX: usize = 8 << 10;
pub const HEADERS_MAX: usize = 100;
pub const BODY_BYTES_MAX: u64 = 2 << 20;
