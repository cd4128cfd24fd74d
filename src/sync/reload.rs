//! Lists of tokens that were read again while the process runs.

use std::time::Instant;

use super::Sync;
use crate::config::lists::TokenLists;

impl Sync {
    pub(super) fn reload(&mut self, lists: TokenLists, now: Instant) {
        if let Some(tokens) = lists.startup {
            tracing::info!(tokens = tokens.len(), "The start-up tokens were read again");
            let verdicts = self.registry.replace_startup(tokens, now);
            self.take_over(verdicts, now);
        }
        if let Some(tokens) = lists.pretrusted {
            tracing::info!(tokens = tokens.len(), "The pretrusted tokens were read again");
            self.registry.replace_pretrusted(&tokens);
            self.tokens_changed = true;
        }
        if let Some(secret) = lists.client_secret {
            self.issue_again(&secret, now);
        }
    }
}
