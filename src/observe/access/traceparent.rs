//! The caller's span, as a `traceparent` header names it (W3C Trace Context, level 1).

/// Whose part a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Of the whole trace.
    pub trace_id: [u8; 16],
    /// Of the caller's span.
    pub span_id: [u8; 8],
}

impl Parent {
    /// Reads `00-<trace id>-<span id>-<flags>`; later versions may say more behind it. `None` if it is something else,
    /// or an id is zero.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = value.splitn(5, |byte| *byte == b'-');
        let [version, trace_id, span_id, flags] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let version = hex::<1>(version)?;
        let has_more = parts.next().is_some();
        hex::<1>(flags)?;
        if version == [0xff] || (version == [0] && has_more) {
            return None;
        }
        let parent = Self { trace_id: hex(trace_id)?, span_id: hex(span_id)? };
        (parent.trace_id != [0; 16] && parent.span_id != [0; 8]).then_some(parent)
    }
}

/// Lower-case digits only, as the specification wants.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        for digit in pair {
            *byte = *byte << 4 | nibble(*digit)?;
        }
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_read_as_the_specification_says() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let span = "b7ad6b7169203331";
        let check = |text: String, is_fine: bool| {
            assert_eq!(Parent::parse(text.as_bytes()).is_some(), is_fine, "{text}");
        };
        let parent = Parent::parse(format!("00-{trace}-{span}-01").as_bytes()).unwrap();
        assert_eq!((parent.trace_id[0], parent.trace_id[15], parent.span_id[0]), (0x0a, 0x9c, 0xb7));
        check(format!("00-{trace}-{span}-00"), true);
        check(format!("cc-{trace}-{span}-01-what-comes"), true);
        check(format!("00-{trace}-{span}-01-what-comes"), false);
        check(format!("ff-{trace}-{span}-01"), false);
        check(format!("00-{trace}-{span}"), false);
        check(format!("00-{}-{span}-01", "0".repeat(32)), false);
        check(format!("00-{trace}-{}-01", "0".repeat(16)), false);
        check(format!("00-{}-{span}-01", trace.to_uppercase()), false);
        check(format!("00-{trace}0-{span}-01"), false);
        check(format!("00-{}é-{span}-01", &trace[..30]), false);
        check(String::new(), false);
    }
}
