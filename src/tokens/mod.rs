//! Tokens: grammar, scopes, the registry (truth) and the table (look-up). Pure: no clock, no I/O.

pub mod scope;
