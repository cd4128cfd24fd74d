//! Options of `health` and `ready` (cli.md 6).

use crate::config::option::Opt;

pub static EDGE_URL: Opt = Opt::value("edge-url", "URL of the program to ask, with its base path")
    .short('e')
    .default("http://localhost:3063");
pub static CA_CERTIFICATE_FILE: Opt =
    Opt::value("ca-certificate-file", "Further root certificate, PEM").short('c');

/// Every option of `health` and `ready`.
pub static ALL: &[&Opt] = &[&EDGE_URL, &CA_CERTIFICATE_FILE];
