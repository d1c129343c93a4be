//! Where layers may be fetched from.
//!
//! Decided on the address that is connected to, at every hop; names are looked at too, because a list
//! of allowed hosts is one of names. Link-local and metadata addresses are never fetched from,
//! whatever the configuration says, in whichever spelling: mapped, translated or tunnelled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{HostRule, LayerSources};

/// The rules.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    hosts: Vec<HostRule>,
    allow_private: bool,
    allow_loopback: bool,
    /// Ports of this server.
    own_ports: Vec<u16>,
}

/// Metadata services outside of the link-local networks.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

impl Policy {
    pub(crate) fn new(sources: &LayerSources, allow_loopback: bool, own_ports: Vec<u16>) -> Self {
        Self {
            hosts: sources.hosts.clone(),
            allow_private: sources.allow_private,
            allow_loopback,
            own_ports,
        }
    }

    /// Whether a name and port may be asked at all. Addresses are judged when they are known.
    pub(crate) fn allows_host(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() || ["metadata.google.internal", "metadata"].contains(&host.as_str()) {
            return false;
        }
        if let Ok(address) = literal(&host) {
            return self.allows_address(&host, Some(port), address);
        }
        if self.own_ports.contains(&port) && (host == "localhost" || host.ends_with(".localhost")) {
            return false;
        }
        self.hosts.is_empty()
            || self.is_named(&host, Some(port))
            || self
                .hosts
                .iter()
                .any(|rule| matches!(rule, HostRule::Network { .. }))
    }

    /// Whether an address that a name led to may be connected to. The port is not known where a
    /// name is resolved; it was looked at with the name.
    pub(crate) fn allows_address(&self, host: &str, port: Option<u16>, address: IpAddr) -> bool {
        let address = plain(address);
        if is_never(address) || METADATA.contains(&address) {
            return false;
        }
        let is_listed = self.is_named(host, port) || self.is_in_listed_network(address);
        if !self.hosts.is_empty() && !is_listed {
            return false;
        }
        if address.is_loopback() {
            let is_own = port.is_some_and(|port| self.own_ports.contains(&port));
            return !is_own && (self.allow_loopback || is_listed);
        }
        self.allow_private || is_listed || !is_private(address)
    }

    fn is_named(&self, host: &str, asked: Option<u16>) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|rule| match rule {
            HostRule::Name { name, below, port } => {
                let is_host = if *below {
                    host.strip_suffix(name.as_str())
                        .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
                } else {
                    host == *name
                };
                is_host && (port.is_none() || asked.is_none() || *port == asked)
            }
            HostRule::Network { .. } => false,
        })
    }

    fn is_in_listed_network(&self, address: IpAddr) -> bool {
        self.hosts.iter().any(|rule| match rule {
            HostRule::Network {
                address: network,
                prefix,
            } => contains(*network, *prefix, address),
            HostRule::Name { .. } => false,
        })
    }
}

/// The address that a host is written as, in brackets or not.
pub(crate) fn literal(host: &str) -> Result<IpAddr, std::net::AddrParseError> {
    host.trim_start_matches('[').trim_end_matches(']').parse()
}

/// The address behind one that only wraps it.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    let segments = six.segments();
    let last = |high: u16, low: u16| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    match segments {
        // IPv4-mapped and the long forgotten IPv4-compatible, but for :: and ::1.
        [0, 0, 0, 0, 0, 0xffff, high, low] => last(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => last(high, low),
        // NAT64, well-known and local (RFC 6052, 8215).
        [0x64, 0xff9b, _, _, _, _, high, low] => last(high, low),
        // SIIT (RFC 7915).
        [0, 0, 0, 0, 0xffff, 0, high, low] => last(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => last(high, low),
        // Teredo (RFC 4380): the client's address is stored inverted.
        [0x2001, 0, _, _, _, _, high, low] => last(!high, !low),
        _ => address,
    }
}

/// Addresses that no layer is ever at.
fn is_never(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            four.is_unspecified()
                || four.is_link_local()
                || four.is_multicast()
                || four.is_broadcast()
                || matches!(four.octets(), [0, ..] | [240..=255, ..])
        }
        IpAddr::V6(six) => {
            six.is_unspecified()
                || six.is_multicast()
                || six.is_unicast_link_local()
                // Site-local, deprecated (RFC 3879).
                || six.segments().first().is_some_and(|first| first & 0xffc0 == 0xfec0)
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            // RFC 1918, and the shared space of RFC 6598.
            four.is_private() || matches!(four.octets(), [100, 64..=127, ..])
        }
        IpAddr::V6(six) => six.is_unique_local(),
    }
}

fn contains(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    let (network, address, bits) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (
            u128::from(network.to_bits()),
            u128::from(address.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let shift = bits - u32::from(prefix).min(bits);
    let cut = |bits: u128| bits.checked_shr(shift).unwrap_or_default();
    cut(network) == cut(address)
}
