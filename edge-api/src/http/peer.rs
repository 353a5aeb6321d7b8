//! From where a request comes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use crate::state::EdgeState;

/// The other end of the connection, put in by the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Who the other end of a connection over TLS is, put in by the listener. A connection in the clear has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has shown a certificate of the authority that the listener asks for.
    Known,
    /// It has shown none.
    Stranger,
}

/// The client's address: the connection's, or what the outermost of the proxies in front of the gateway has written into
/// `X-Forwarded-For`. What came before that is the client's own word and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// From where a request with these extensions and headers comes, behind so many proxies. Without a listener everybody is the same
    /// client, which is the strict side.
    #[must_use]
    pub fn of(extensions: &Extensions, headers: &HeaderMap, proxies: u8) -> Self {
        let peer = extensions.get().copied();
        let Peer(peer) = peer.unwrap_or(Peer(Ipv4Addr::UNSPECIFIED.into()));
        Self(client_address(peer, headers, proxies))
    }

    /// What counts as one client: one customer of a provider has at least a whole /64 of IPv6.
    #[must_use]
    pub fn site(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let [one, two, three, four, ..] = address.segments();
                Ipv6Addr::new(one, two, three, four, 0, 0, 0, 0).into()
            }
        }
    }
}

impl FromRequestParts<EdgeState> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &EdgeState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions, &parts.headers, state.proxies()))
    }
}

/// Each proxy appends the address of whoever spoke to it, so the client stands `proxies` places before the end of all hops. A hop that
/// is no address, or is missing, leaves the peer: a request that did not come through the proxies says nothing about its client.
fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: u8) -> IpAddr {
    let Some(place) = usize::from(proxies).checked_sub(1) else {
        return peer;
    };
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let hop = hops.iter().rev().nth(place).map(|hop| hop.trim().parse());
    hop.and_then(Result::ok).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn client(forwarded: &[&str], proxies: u8) -> String {
        let headers = forwarded
            .iter()
            .map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap()));
        client_address("10.0.0.1".parse().unwrap(), &headers.collect(), proxies).to_string()
    }

    #[test]
    fn only_what_the_proxies_wrote_is_believed() {
        assert_eq!(client(&["1.1.1.1"], 0), "10.0.0.1");
        assert_eq!(client(&["9.9.9.9, 1.1.1.1"], 1), "1.1.1.1");
        assert_eq!(client(&["9.9.9.9", "1.1.1.1, 10.0.0.2"], 2), "1.1.1.1");
        assert_eq!(client(&["2001:db8::1"], 1), "2001:db8::1");
    }

    #[test]
    fn a_request_that_came_past_the_proxies_is_its_peers() {
        for (forwarded, proxies) in [
            (&[] as &[&str], 1),
            (&["1.1.1.1"], 2),
            (&["unknown"], 1),
            (&["1.1.1.1,"], 1),
        ] {
            assert_eq!(client(forwarded, proxies), "10.0.0.1", "{forwarded:?}");
        }
    }

    #[test]
    fn a_client_is_as_much_as_one_customer_has() {
        let site = |address: &str| ClientAddress(address.parse().unwrap()).site().to_string();
        assert_eq!(site("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:1:3::1"));
    }
}
