//! Grants on a broker what `sluice topics acls` says, with Kafka's own request (`CreateAcls`, version 1), as its tools do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

const CREATE_ACLS: i16 = 30;
const VERSION: i16 = 1;
const ALLOW: i8 = 3;
/// A broker that is busy with its first topics.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Grants every rule of the JSON that the command prints, at a listener where the caller may do so.
pub fn grant(broker: &str, printed: &Value) -> anyhow::Result<()> {
    let principal = text(printed, "principal")?;
    let mut entries = Vec::new();
    for rule in list(printed, "rules")? {
        for name in list(rule, "names")? {
            for operation in list(rule, "operations")? {
                entries.push(entry(principal, rule, word(name)?, word(operation)?)?);
            }
        }
    }
    let answer = exchange(broker, &request(&entries)?)?;
    read_answer(&answer, entries.len())
}

fn entry(principal: &str, rule: &Value, name: &str, operation: &str) -> anyhow::Result<Vec<u8>> {
    let kind: i8 = match text(rule, "resource")? {
        "topic" => 2,
        "group" => 3,
        "transactional_id" => 5,
        other => bail!("{other:?} is no kind of resource"),
    };
    let pattern: i8 = match text(rule, "pattern")? {
        "literal" => 3,
        "prefixed" => 4,
        other => bail!("{other:?} is no pattern"),
    };
    let operation: i8 = match operation {
        "Read" => 3,
        "Write" => 4,
        "Create" => 5,
        "Delete" => 6,
        "Describe" => 8,
        "DescribeConfigs" => 10,
        other => bail!("{other:?} is no operation"),
    };
    let bytes = [
        &kind.to_be_bytes()[..],
        &string(name)?,
        &pattern.to_be_bytes(),
        &string(principal)?,
        &string("*")?,
        &operation.to_be_bytes(),
        &ALLOW.to_be_bytes(),
    ];
    Ok(bytes.concat())
}

fn request(entries: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
    let correlation: i32 = 1;
    let head = [
        &CREATE_ACLS.to_be_bytes()[..],
        &VERSION.to_be_bytes(),
        &correlation.to_be_bytes(),
        &string("e2e")?,
        &i32::try_from(entries.len())?.to_be_bytes(),
    ];
    let body = [head.concat(), entries.concat()].concat();
    Ok([&i32::try_from(body.len())?.to_be_bytes()[..], &body].concat())
}

fn exchange(broker: &str, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(broker)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length))?];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Correlation, throttle time, and for each entry an error code with a nullable message.
fn read_answer(answer: &[u8], entries: usize) -> anyhow::Result<()> {
    let mut at = 4 + 4 + 4;
    for _ in 0..entries {
        let code = number(answer, at)?;
        let length = number(answer, at + 2)?;
        at += 4;
        if code != 0 {
            let message = answer
                .get(at..at + usize::try_from(length).unwrap_or(0))
                .unwrap_or_default();
            bail!("the broker answers {code}: {}", String::from_utf8_lossy(message));
        }
        at += usize::try_from(length).unwrap_or(0);
    }
    Ok(())
}

fn number(answer: &[u8], at: usize) -> anyhow::Result<i16> {
    let bytes = answer.get(at..at + 2).context("the answer is too short")?;
    Ok(i16::from_be_bytes(bytes.try_into()?))
}

fn string(text: &str) -> anyhow::Result<Vec<u8>> {
    Ok([&i16::try_from(text.len())?.to_be_bytes()[..], text.as_bytes()].concat())
}

fn text<'v>(value: &'v Value, field: &str) -> anyhow::Result<&'v str> {
    word(value.get(field).unwrap_or(&Value::Null)).with_context(|| field.to_owned())
}

fn list<'v>(value: &'v Value, field: &str) -> anyhow::Result<&'v Vec<Value>> {
    value
        .get(field)
        .and_then(Value::as_array)
        .with_context(|| format!("there is no {field} in {value}"))
}

fn word(value: &Value) -> anyhow::Result<&str> {
    value.as_str().with_context(|| format!("{value} is no text"))
}
