//! Opens the ports and starts the shards, the same in each mode.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use brink_shards::{ListenError, PoolConfig, Port, ShardPool, Stats, Timeouts, bind, cpu, preflight};

use super::Failed;
use crate::{
    config::{
        Config,
        settings::{Opening, Role, Server},
    },
    control::Control,
    limits::{BODY_TIMEOUT, HEAD_TIMEOUT, SEND_TIMEOUT},
    serve::{Edge, Rules, Seat},
    signals,
    tls::Certificates,
};

/// The shards, and the thread that looks after their certificate.
pub(super) struct Serving {
    pub pool: ShardPool<Edge>,
    pub certificates: Option<Control>,
}

/// Opens the ports and starts the shards.
pub(super) fn open(
    config: &Config,
    signals: &mut signals::Blocked,
    make: impl Fn(Rules) -> Edge + Clone + Send + 'static,
) -> Result<Serving, Failed> {
    let plan = cpu::plan(config.server.workers);
    let room = preflight::check(plan.shards).map_err(Failed::Host)?;
    let checked = config.tls.as_ref().map(|tls| Certificates::load(tls.files.clone())).transpose()?;
    let ports = bind_all(config, plan.shards, checked.as_ref().map(|checked| &checked.config))?;
    let addresses: Vec<SocketAddr> = ports.iter().filter_map(address).collect();
    let (shards, pinned) = (plan.shards, plan.pinned.is_some());
    let pool_config = PoolConfig {
        plan,
        ports,
        timeouts: timeouts(&config.server),
        connections_max: room.connections_max,
        stream_bytes_max: brink_shards::STREAM_BYTES_MAX,
    };
    let pool = ShardPool::start(pool_config, with_rules(config, &addresses, make))?;
    tracing::info!(shards, pinned, connections_max = room.connections_max, "Shards are running");
    if brink_shards::rings_flagged() < shards {
        tracing::warn!(
            "The io_uring flag COOP_TASKRUN is not in effect: requests cost about a quarter more CPU"
        );
    }
    let broadcast = pool.broadcast().clone();
    let certificates = checked.map(|checked| {
        checked.certificates.watch(signals.on_hangup(), move |config| broadcast.replace_tls(config))
    });
    say_where(config, &addresses);
    Ok(Serving { pool, certificates: certificates.transpose()? })
}

fn bind_all(
    config: &Config,
    shards: usize,
    tls: Option<&Arc<rustls::ServerConfig>>,
) -> Result<Vec<Port>, ListenError> {
    let open = |opening: Opening| {
        let listeners = bind(opening.address.ip(), opening.address.port(), shards)?;
        Ok(match tls.filter(|_| opening.tls) {
            Some(tls) => Port::tls(listeners, Arc::clone(tls)),
            None => Port::plain(listeners),
        })
    };
    config.openings().into_iter().map(open).collect()
}

/// Where a port really is: 0 was any that is free.
fn address(port: &Port) -> Option<SocketAddr> {
    port.listeners.first()?.local_addr().ok()
}

fn with_rules(
    config: &Config,
    addresses: &[SocketAddr],
    make: impl Fn(Rules) -> Edge + Clone + Send + 'static,
) -> impl Fn(usize, &Arc<Stats>) -> Edge + Clone + Send + 'static {
    let roles: Vec<Role> = config.openings().iter().map(|opening| opening.role).collect();
    let api_port = addresses.first().map_or(0, SocketAddr::port);
    let config = config.clone();
    move |shard, _| {
        let seat = Seat { shard, clock: Instant::now };
        let rules = Rules::new(&config.server, &config.proxy_trust, &config.endpoints, &config.backstage);
        make(rules.on(&roles, api_port)).seated(seat)
    }
}

fn say_where(config: &Config, addresses: &[SocketAddr]) {
    let base = if config.server.base_path.is_empty() { "/" } else { &config.server.base_path };
    for (opening, address) in config.openings().iter().zip(addresses) {
        let who = match opening.role {
            Role::Api => "Edge",
            Role::Backstage => "The backstage",
            Role::Redirect => "The redirect",
        };
        let protocol = if opening.tls { "TLS" } else { "HTTP" };
        tracing::info!("{who} is listening to {protocol} traffic on {address} at {base}");
    }
}

fn timeouts(server: &Server) -> Timeouts {
    Timeouts {
        head: HEAD_TIMEOUT,
        body: BODY_TIMEOUT,
        request: server.request_timeout,
        idle: server.keepalive_timeout,
        send: SEND_TIMEOUT,
    }
}
