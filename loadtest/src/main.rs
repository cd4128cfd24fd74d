//! Load-test kit.
mod bare;
mod failure;
mod generate;
mod http;
mod open;
mod poll;
fn main() {}
