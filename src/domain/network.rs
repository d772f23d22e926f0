//! Addresses of clients, and the proxies that report them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address, because every
/// customer gets at least that much (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The proxies that are trusted to report the address of a client.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Parses networks in CIDR notation (RFC 4632, RFC 4291 section 2.3), or single addresses.
    pub fn parse(networks: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map(canonical)
                .map_err(|_| {
                    format!("'{text}' is neither an address nor a network like 10.0.0.0/8")
                })
        };
        networks.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The client of a request from `peer`: the peer itself, unless it is a trusted proxy. Then it
    /// is the rightmost hop of the `X-Forwarded-For` headers that is not trusted; the client can
    /// forge hops to the left of it. A hop that is not an address ends the search: the proxy that
    /// wrote it counts as the client.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut hops = forwarded_for.rev().flat_map(|header| header.rsplit(','));
        while self.contains(client) {
            let Some(hop) = hops.next().and_then(|hop| parse_hop(hop.trim())) else { break };
            client = hop.to_canonical();
        }
        client
    }
}

/// Converts an IPv4 network in IPv6 notation (RFC 4291 section 2.5.5.2) to IPv4, the form in which
/// addresses are compared.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    v4.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// Parses an address. Some proxies add a port or brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip())).or_else(
        || {
            let inner = text.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse().ok().map(IpAddr::V6)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> String {
        Network::of(text.parse().unwrap()).to_string()
    }

    #[test]
    fn an_ipv6_address_counts_by_its_64() {
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }

    fn client(trusted: &[&str], peer: &str, headers: &[&str]) -> String {
        let trusted: Vec<String> = trusted.iter().map(|&text| text.to_owned()).collect();
        let proxies = TrustedProxies::parse(&trusted).unwrap();
        proxies.client(peer.parse().unwrap(), headers.iter().copied()).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_peer_is_the_client() {
        assert_eq!(client(&[], "192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(client(&["0.0.0.0/32"], "127.0.0.1", &["203.0.113.9"]), "127.0.0.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_hop_before_it_and_no_further() {
        let trusted = &["127.0.0.1", "10.0.0.0/8", "::1/128"];
        // The same IPv4 network in IPv6 notation.
        assert_eq!(client(&["::ffff:127.0.0.0/104"], "127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        for (peer, headers, expected) in [
            ("127.0.0.1", &["203.0.113.9"][..], "203.0.113.9"),
            ("127.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            ("127.0.0.1", &["1.1.1.1", "203.0.113.9", "10.1.2.3"], "203.0.113.9"),
            ("127.0.0.1", &["10.9.9.9"], "10.9.9.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.9, unknown, 10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("::ffff:127.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            assert_eq!(client(trusted, peer, headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        let refusal = TrustedProxies::parse(&["10.0.0.0/8".to_owned(), "proxy.local".to_owned()])
            .unwrap_err();
        assert!(refusal.starts_with("'proxy.local' is neither"), "{refusal}");
    }
}
