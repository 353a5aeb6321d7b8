//! From where a request comes.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::state::EdgeState;

/// The other end of the connection, put in by the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The client's address: the connection's, or what the outermost of the proxies in front of the gateway has written into
/// `X-Forwarded-For`. What came before that is the client's own word and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<EdgeState> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &EdgeState) -> Result<Self, Self::Rejection> {
        // Without a listener everybody is the same client, which is the strict side.
        let Peer(peer) = parts
            .extensions
            .get()
            .copied()
            .unwrap_or(Peer(Ipv4Addr::UNSPECIFIED.into()));
        Ok(Self(client_address(peer, &parts.headers, state.proxies())))
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
}
