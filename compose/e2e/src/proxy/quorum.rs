//! Which controller of a cluster is active, asked in Kafka's own words because no client library asks it.
//!
//! Source: `DescribeQuorumRequest.json` and `DescribeQuorumResponse.json` of Apache Kafka 4, version 0.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use super::frame;

/// `DescribeQuorum`, version 0, correlation id 1, no client id, no tagged fields.
const HEADER: [u8; 11] = [0, 55, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0];
const TOPIC: &[u8] = b"__cluster_metadata";
/// Size, correlation id and tags, the error of the whole, and the length of the list of topics.
const BEFORE_NAME: usize = 4 + 4 + 1 + 2 + 1;
/// The length of the list of partitions, the partition's number and its error.
const BEFORE_LEADER: usize = 1 + 4 + 2;

/// The id of the active controller, asked at the broker on this port.
pub fn active_controller(port: u16, wait: Duration) -> anyhow::Result<i32> {
    let mut broker = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), wait)?;
    broker.set_read_timeout(Some(wait))?;
    let length = u8::try_from(TOPIC.len() + 1)?;
    // One topic with one partition, number 0; lengths are one more than they count, and each list ends without tags.
    let body = [&[2, length], TOPIC, &[2, 0, 0, 0, 0, 0, 0, 0]].concat();
    let size = u32::try_from(HEADER.len() + body.len())?;
    broker.write_all(&[&size.to_be_bytes()[..], &HEADER, &body].concat())?;
    let answer = frame::read(&mut broker).context("the broker does not answer")?;
    let at = BEFORE_NAME + 1 + TOPIC.len() + BEFORE_LEADER;
    let leader = answer.get(at..at + 4).context("the broker's answer is too short")?;
    Ok(i32::from_be_bytes(leader.try_into()?))
}
