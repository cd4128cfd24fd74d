//! The body of a request that must be JSON, or why it cannot be had (http-api.md 8.4).

use std::ops::ControlFlow::{self, Break, Continue};

use brink_shards::{Outcome, Request, RequestBody};

use super::failure::Failure;

/// The whole body. Breaks off to read it first; the type is checked before that.
pub fn read<'r>(request: &Request<'r>) -> Result<ControlFlow<Outcome, &'r [u8]>, Failure> {
    if !is_json(request.head.known.content_type.unwrap_or_default()) {
        return Err(Failure::NotJsonType);
    }
    match request.body {
        RequestBody::Complete(body) => Ok(Continue(body)),
        RequestBody::Expected => Ok(Break(Outcome::ReadBody)),
        RequestBody::TooLarge => Err(Failure::BodyTooLarge),
    }
}

/// `application/json` or `application/*+json`, with or without parameters.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let Some((main, subtype)) = essence.split_at_checked(b"application/".len()) else { return false };
    let subtype =
        subtype.rsplit(|byte| *byte == b'+').next().filter(|_| main.eq_ignore_ascii_case(b"application/"));
    subtype.is_some_and(|last| last.eq_ignore_ascii_case(b"json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_json() {
        let check = |text: &str, expected| assert_eq!(is_json(text.as_bytes()), expected, "{text}");
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("application/json ;charset=utf-8", true);
        check("application/vnd.unleash+json", true);
        check("application/", false);
        check("application/jsonx", false);
        check("application/xml", false);
        check("text/json", false);
        check("json", false);
        check("", false);
    }
}
