//! Bounds of what is kept of changes, per scope.

/// Events in a window, as in Unleash Edge 20.4. One change with more is no longer worth being told in parts.
pub(super) const EVENTS_MAX: usize = 100;

/// Smallest bound of a change in bytes: below it, telling everything anew saves nothing. Above, it is half of the body.
pub(super) const CHANGE_BYTES_MIN: usize = 16 << 10;

/// Bytes of one change, for a body of this size: told anew, everything costs twice that at least.
pub(super) const fn change_bytes_max(body_bytes: usize) -> usize {
    larger(body_bytes / 2, CHANGE_BYTES_MIN)
}

/// Bytes of a window, for a body of this size. Whoever missed more gets everything for less.
pub(super) const fn window_bytes_max(body_bytes: usize) -> usize {
    larger(body_bytes, 2 * CHANGE_BYTES_MIN)
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const _: () = assert!(change_bytes_max(0) <= window_bytes_max(0));
const _: () = assert!(change_bytes_max(9 << 20) <= window_bytes_max(9 << 20));
