//! Plain HTTP through a forward proxy: requests in absolute form (RFC 9112 section 3.2.2).
//!
//! The HTTP client by itself opens a CONNECT tunnel for every URL, which proxies commonly refuse except for
//! port 443. So for an `http` upstream behind an `http` proxy the agent connects to the proxy's address and
//! this transport rewrites each request's first line. `https` upstreams keep the tunnel.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Uri;
use ureq::{
    Agent, Error, Proxy,
    config::Config,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport},
    },
};

use super::socket::KeptAlive;

/// An agent that sends everything to `proxy`. `config` must not name a proxy itself.
pub(super) fn agent(config: Config, sockets: KeptAlive, proxy: &Proxy) -> Agent {
    let credentials = proxy.username().map(|user| {
        let pair = format!("{user}:{}", proxy.password().unwrap_or_default());
        format!("proxy-authorization: Basic {}\r\n", BASE64_STANDARD.encode(pair))
    });
    let absolute = AbsoluteForm { credentials: credentials.unwrap_or_default() };
    let connector = Connector::<()>::chain(sockets, absolute);
    Agent::with_parts(
        config,
        connector,
        ProxyResolver { proxy: proxy.uri().clone(), inner: DefaultResolver::default() },
    )
}

/// Resolves every name to the proxy's addresses; the proxy resolves the real one.
struct ProxyResolver {
    proxy: Uri,
    inner: DefaultResolver,
}

impl Resolver for ProxyResolver {
    fn resolve(&self, _: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.inner.resolve(&self.proxy, config, timeout)
    }
}

/// Wraps each new connection; holds the proxy's credentials, ready as a header line.
struct AbsoluteForm {
    credentials: String,
}

impl<In: Transport> Connector<In> for AbsoluteForm {
    type Out = Rewriter<In>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(inner) = chained else { return Ok(None) };
        let host = details.uri.host().unwrap_or_default();
        let port = details.uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("http://{host}{port}");
        Ok(Some(Rewriter { inner, origin, credentials: self.credentials.clone() }))
    }
}

/// Passes everything through, except the first line of a request.
struct Rewriter<In> {
    inner: In,
    origin: String,
    credentials: String,
}

impl<In: Transport> Transport for Rewriter<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let written = self.inner.buffers().output().get(..amount).unwrap_or_default();
        let Some(head) = absolute_form(written, &self.origin, &self.credentials) else {
            return self.inner.transmit_output(amount, timeout);
        };
        let mut rest = head.as_slice();
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let (now, later) = rest.split_at(rest.len().min(output.len()));
            for (slot, byte) in output.iter_mut().zip(now) {
                *slot = *byte;
            }
            self.inner.transmit_output(now.len(), timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

/// The output with the origin put before the path and the credentials after the first line; `None` if it
/// is not the start of a request. Our bodies are JSON objects and never look like one.
fn absolute_form(output: &[u8], origin: &str, credentials: &str) -> Option<Vec<u8>> {
    let method = [&b"GET "[..], b"POST "].into_iter().find(|method| output.starts_with(method))?;
    let target = output.strip_prefix(method).filter(|target| target.starts_with(b"/"))?;
    let line_end = target.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let (line, rest) = target.split_at(line_end);
    Some([method, origin.as_bytes(), line, credentials.as_bytes(), rest].concat())
}

impl std::fmt::Debug for ProxyResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProxyResolver")
    }
}

impl std::fmt::Debug for AbsoluteForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AbsoluteForm")
    }
}

impl<In> std::fmt::Debug for Rewriter<In> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rewriter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heads_are_rewritten() {
        let rewrite = |output: &str| {
            absolute_form(output.as_bytes(), "http://h:1", "p: x\r\n")
                .map(|head| String::from_utf8(head).unwrap())
        };
        assert_eq!(
            rewrite("GET /a?b HTTP/1.1\r\nhost: h\r\n\r\n").as_deref(),
            Some("GET http://h:1/a?b HTTP/1.1\r\np: x\r\nhost: h\r\n\r\n")
        );
        assert_eq!(
            rewrite("POST / HTTP/1.1\r\n\r\n{}").as_deref(),
            Some("POST http://h:1/ HTTP/1.1\r\np: x\r\n\r\n{}")
        );
        for body in ["", "{\"GET /\":1}", "GET", "GET x HTTP/1.1\r\n", "GET / HTTP/1.1"] {
            assert_eq!(rewrite(body), None, "{body}");
        }
    }
}
