//! The options that say how to reach upstream, common to `edge` and `offline prepare`.

use std::path::PathBuf;

use url::Url;

use super::{
    headers::{self, AuthHeaders},
    reader::Reader,
};
use crate::{
    config::{
        option::Opt,
        options::edge as options,
        problem::{Problem, Reason},
        settings::{Identity, Instance, Upstream},
    },
    tokens::token::Token,
};

/// `None` only if a problem was noted.
pub fn upstream(
    reader: &mut Reader<'_>,
    instance: &Instance,
    auth_headers: &AuthHeaders,
) -> Option<Upstream> {
    // Everything is read before a missing URL ends this, so that all problems are found.
    let url = url(reader);
    let custom_headers = headers::custom(reader);
    let connect_timeout = reader.seconds(&options::UPSTREAM_REQUEST_TIMEOUT);
    let socket_timeout = reader.seconds(&options::UPSTREAM_SOCKET_TIMEOUT);
    let keepalive_timeout = reader.seconds(&options::CLIENT_KEEPALIVE_TIMEOUT);
    let skip_ssl_verification = reader.flag(&options::SKIP_SSL_VERIFICATION);
    let certificate_file = reader.path(&options::UPSTREAM_CERTIFICATE_FILE);
    let identity = identity(reader);
    Some(Upstream {
        url: url?,
        auth_header: auth_headers.upstream.clone(),
        custom_headers,
        app_name: instance.app_name.clone(),
        instance_id: instance.instance_id.clone(),
        connect_timeout,
        socket_timeout,
        keepalive_timeout,
        skip_ssl_verification,
        certificate_file,
        identity,
    })
}

fn url(reader: &mut Reader<'_>) -> Option<Url> {
    let Some(text) = reader.text(&options::UPSTREAM_URL) else {
        reader.problems.push(Problem::Missing { option: &options::UPSTREAM_URL });
        return None;
    };
    match base_url(&text) {
        Ok((url, cut)) => {
            if cut {
                let notice = "query and fragment of --upstream-url are dropped";
                reader.notices.push(notice.to_owned());
            }
            Some(url)
        }
        Err(reason) => {
            reader.problems.push(Problem::UpstreamUrl { reason });
            None
        }
    }
}

/// The base URL without trailing slashes, and whether a query or fragment was cut off (upstream.md 2).
fn base_url(text: &str) -> Result<(Url, bool), String> {
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the scheme must be http or https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials in the URL are not supported, use --custom-client-headers".to_owned());
    }
    let cut = url.query().is_some() || url.fragment().is_some();
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok((url, cut))
}

/// PKCS#12 wins over PKCS#8 over PEM (upstream.md 4.1); half an identity is an error.
fn identity(reader: &mut Reader<'_>) -> Option<Identity> {
    reader.exclude(&options::PEM_CERT_FILE, &options::PEM_FILE);
    let archive = reader.path(&options::PKCS12_IDENTITY_FILE);
    let passphrase = reader.secret(&options::PKCS12_PASSPHRASE, &options::PKCS12_PASSPHRASE_FILE);
    let certificate = reader.path(&options::PKCS8_CLIENT_CERTIFICATE_FILE);
    let key = reader.path(&options::PKCS8_CLIENT_KEY_FILE);
    let pem = reader.path(&options::PEM_CERT_FILE).or_else(|| positional_pem(reader));
    let leftover = passphrase.is_some() || key.is_some();
    match (archive, passphrase, certificate, key, pem) {
        (Some(file), Some(passphrase), ..) => Some(Identity::Pkcs12 { file, passphrase }),
        (Some(_), None, ..) => half(reader, &options::PKCS12_IDENTITY_FILE, &options::PKCS12_PASSPHRASE),
        (None, _, Some(certificate_file), Some(key_file), _) => {
            Some(Identity::Pkcs8 { certificate_file, key_file })
        }
        (None, _, Some(_), None, _) => {
            half(reader, &options::PKCS8_CLIENT_CERTIFICATE_FILE, &options::PKCS8_CLIENT_KEY_FILE)
        }
        (None, _, None, _, Some(file)) => Some(Identity::Pem { file }),
        (None, _, None, _, None) => {
            if leftover {
                reader.problems.push(Problem::NoCertificateFiles);
            }
            None
        }
    }
}

/// The PEM file of older releases. A token in its place comes from a list written with blanks, and must
/// not turn up in messages as the name of a file.
fn positional_pem(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let path = reader.path(&options::PEM_FILE)?;
    if let Some(token) = path.to_str().and_then(|text| Token::parse(text).ok()) {
        let reason = "this is a token; write a list of tokens with commas";
        reader.reject(&options::PEM_FILE, &token.to_string(), Reason::Text(reason.to_owned()));
    }
    Some(path)
}

fn half(reader: &mut Reader<'_>, option: &'static Opt, missing: &'static Opt) -> Option<Identity> {
    reader.problems.push(Problem::Identity { option, missing });
    None
}
