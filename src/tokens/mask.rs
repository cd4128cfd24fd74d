//! The printable form of a secret text (tokens.md 10.1, brink column).
//!
//! Total: any text has a masked form, and none shows more than four characters of a secret. Owns no
//! state; used by every `Debug` and `Display` that meets a token, and by the backstage.

use super::token::Token;

/// Stands for what is not shown.
pub const HIDDEN: &str = "****";

/// Characters of a plain secret that are shown.
const SHOWN: usize = 4;

/// A secret shorter than this, in characters, is hidden whole: four of few would be too many.
const SHOWN_FROM: usize = 16;

/// `project:environment.` and the masked secret; `****` for a text that is not in token grammar.
pub fn mask(text: &str) -> String {
    Token::parse(text).map_or_else(|_| HIDDEN.into(), |token| token.to_string())
}

/// The secret part: four characters when it is long, version and selector of a `v2_selector_secret`.
pub(super) fn masked_secret(secret: &str) -> String {
    if let Some(selector) = selector(secret) {
        return format!("v2_{selector}_{HIDDEN}");
    }
    if secret.chars().nth(SHOWN_FROM - 1).is_none() {
        return HIDDEN.into();
    }
    secret.chars().take(SHOWN).chain(HIDDEN.chars()).collect()
}

/// The selector of `v2_selector_secret`, if the secret part is not empty.
fn selector(secret: &str) -> Option<&str> {
    let (selector, hidden) = secret.strip_prefix("v2_")?.split_once('_')?;
    (!selector.is_empty() && !hidden.is_empty()).then_some(selector)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(mask(text), expected, "{text:?}");
    }

    #[test]
    fn shows_scope_and_little_of_the_secret() {
        check("*:development.0123456789abcdef", "*:development.0123****");
        check("*:development.0123456789abcde", "*:development.****");
        check("*:development.", "*:development.****");
        check(" p1:dev.äöüß56789abcdefgh ", "p1:dev.äöüß****");
        check("a:b.c:d", "a:b.****");
        check("[]:dev.0123.456789abcdef", "[]:dev.0123****");
    }

    #[test]
    fn what_the_reference_discloses_is_hidden() {
        check("*:my_env.supersecret123", "*:my_env.****");
        check("my_proj:my_env.secret", "my_proj:my_env.****");
        check("*:dev.a_b_c_d_e_f_g_h_i_j", "*:dev.a_b_****");
        check("*:dev.abc", "*:dev.****");
    }

    #[test]
    fn shows_version_and_selector_of_a_v2_secret() {
        check("*:dev.v2_selector_secret", "*:dev.v2_selector_****");
        check("*:dev.v2_selector_sec_ret", "*:dev.v2_selector_****");
        check("*:dev.v2_secretsecretsecret", "*:dev.v2_s****");
        check("*:dev.v2_secretsecretsecret_", "*:dev.v2_s****");
        check("*:dev.v2__secretsecretsecret", "*:dev.v2__****");
    }

    #[test]
    fn hides_what_is_no_token() {
        check("opaque-secret-of-an-offline-server", "****");
        check("secret@development", "****");
        check("", "****");
        check(&format!("*:dev.{}", "s".repeat(600)), "****");
    }

    proptest! {
        #[test]
        fn at_most_four_characters_show(secret in "[a-z0-9.:_-]{1,80}") {
            let masked = mask(&format!("p:e.{secret}"));
            let shown = masked.strip_prefix("p:e.").and_then(|rest| rest.strip_suffix("****"));
            let shown = shown.expect("prefix and stars");
            prop_assert!(shown.starts_with("v2_") || shown.len() <= 4);
            prop_assert!(secret.starts_with(shown) && shown.len() < secret.len());
        }
    }
}
