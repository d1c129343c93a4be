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
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Amazon's: of instances, and of the pods of EKS.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google's.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::Url;

    fn allows(policy: &Policy, url: &str) -> bool {
        let url = Url::parse(url).unwrap();
        let port = url.port_or_known_default().unwrap();
        policy.allows_host(url.host_str().unwrap(), port)
    }

    fn policy(text: &str, allow_loopback: bool) -> Policy {
        let sources: LayerSources = serde_saphyr::from_str(text).unwrap();
        Policy::new(&sources, allow_loopback, vec![6060])
    }

    /// Never, however it is spelt and whatever is configured.
    const NEVER: [&str; 38] = [
        "http://169.254.169.254/latest/meta-data/",
        "http://user:word@169.254.169.254/",
        "http://169.254.169.254./",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://169.254.170.2/v2/credentials",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[::169.254.169.254]/",
        "http://[::ffff:0:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b:1::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[2001:0:4136:e378:8000:63bf:5601:5601]/",
        "http://[fe80::1]/",
        "http://[febf::1]/",
        "http://[fec0::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://[fd20:ce::254]/computeMetadata/v1/",
        "http://[ff02::1]/",
        "http://[::]/",
        "http://0.0.0.0/",
        "http://0/",
        "http://0.1.2.3/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://192.0.0.192/",
        "http://224.0.0.1/",
        "http://239.255.255.250/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
        "http://metadata/",
    ];
    const LOOPBACK: [&str; 8] = [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://127.255.255.254/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://017700000001/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
    ];
    const PRIVATE: [&str; 7] = [
        "http://10.0.0.1/",
        "http://172.31.255.255/",
        "http://192.168.1.1:5000/",
        "http://100.64.0.1/",
        "http://[fd12::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::10.0.0.1]/",
    ];
    const PUBLIC: [&str; 5] = [
        "https://registry.example.com/v2/",
        "http://8.8.8.8/",
        "http://172.32.0.1/",
        "http://100.128.0.1/",
        "http://[2606:4700::1111]/",
    ];

    #[test]
    fn each_address_is_judged_whatever_its_spelling() {
        let outside = policy("{}", false);
        let inside = policy("{}", true);
        let public = policy("{allow_private: false}", false);
        for url in NEVER {
            let listed = policy(
                "{hosts: ['0.0.0.0/0', '::/0', 'metadata', '*.internal']}",
                true,
            );
            for policy in [&outside, &inside, &public, &listed] {
                assert!(!allows(policy, url), "{url}");
            }
        }
        for url in LOOPBACK {
            assert!(!allows(&outside, url) && !allows(&public, url), "{url}");
            assert!(allows(&inside, url), "{url}");
            let own = format!("{}:6060/", url.trim_end_matches('/'));
            assert!(!allows(&inside, &own), "{own}");
        }
        for url in PRIVATE {
            assert!(allows(&outside, url) && !allows(&public, url), "{url}");
        }
        for url in PUBLIC {
            assert!(allows(&outside, url) && allows(&public, url), "{url}");
        }
    }

    #[test]
    fn a_list_of_hosts_lets_no_other_through() {
        let text = "{hosts: ['registry.example.com:443', '*.internal.example', '10.1.0.0/16', '127.0.0.1']}";
        let policy = policy(text, false);
        for url in [
            "https://registry.example.com/",
            "http://a.b.internal.example:5000/",
            "http://10.1.2.3/",
            "http://127.0.0.1:5000/",
        ] {
            assert!(allows(&policy, url), "{url}");
        }
        for url in [
            "http://10.2.0.1/",
            "http://8.8.8.8/",
            "http://127.0.0.2/",
            "http://127.0.0.1:6060/",
        ] {
            assert!(!allows(&policy, url), "{url}");
        }
        // Names are judged again with the address they led to, as a network may be listed.
        let leads =
            |host: &str, address: &str| policy.allows_address(host, None, address.parse().unwrap());
        assert!(leads("anything.example", "10.1.9.9"));
        assert!(leads("registry.example.com", "8.8.8.8"));
        assert!(!leads("anything.example", "8.8.8.8"));
        assert!(!leads("registry.example.com.evil.example", "8.8.8.8"));
        assert!(!leads("internal.example", "8.8.8.8"));
        assert!(!leads("registry.example.com", "169.254.169.254"));
    }
}
