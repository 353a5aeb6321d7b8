//! Committed records of a topic, read with a plain Kafka client and decoded with the schema that the registry has for their id.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::{Map, Value, json};

use crate::process::wait_until;

/// Time for one answer of the broker.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Time in which a coordinator has ended every transaction: those of the killed time out after 10 s and are looked for every 10 s,
/// and the markers of those that were committed follow their answer, late after a coordinator was killed.
const TRANSACTIONS_WAIT: Duration = Duration::from_mins(1);

/// A record that can be checked.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// For records with a union payload, which one it is; empty otherwise.
    pub kind: String,
    /// All fields as JSON, the payload's fields under `payload`. Null is a tombstone.
    pub body: Value,
}

impl Seen {
    /// A text field.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        self.body.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number field.
    #[must_use]
    pub fn number(&self, path: &str) -> i64 {
        self.body.pointer(path).and_then(Value::as_i64).unwrap_or_default()
    }

    /// Where it stands, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("partition {} offset {} key {}", self.partition, self.offset, self.key)
    }
}

/// A record as its bytes.
#[derive(Debug, Clone)]
pub struct RawRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key, or null.
    pub key: Option<Vec<u8>>,
    /// Its value, or null.
    pub value: Option<Vec<u8>>,
    /// Its headers, as text.
    pub headers: BTreeMap<String, String>,
}

/// Reads topics of one broker.
pub struct TopicReader {
    bootstrap: String,
    registry: String,
    http: reqwest::blocking::Client,
    schemas: BTreeMap<u32, WriterSchema>,
}

struct WriterSchema {
    schema: Schema,
    payloads: Vec<String>,
}

impl TopicReader {
    /// A reader for a broker and its registry.
    #[must_use]
    pub fn new(bootstrap: &str, registry: &str) -> Self {
        let http = reqwest::blocking::Client::new();
        Self {
            bootstrap: bootstrap.to_owned(),
            registry: registry.to_owned(),
            http,
            schemas: BTreeMap::new(),
        }
    }

    /// All committed records of a topic, in the order of each partition.
    pub fn read(&mut self, topic: &str) -> anyhow::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        self.read_bytes(topic, |reader, message| {
            seen.push(
                reader
                    .decode(message)
                    .with_context(|| format!("{topic}, offset {}", message.offset()))?,
            );
            Ok(())
        })?;
        seen.sort_by_key(|record| (record.partition, record.offset));
        Ok(seen)
    }

    /// All committed records of a topic as bytes, in the order of each partition.
    pub fn read_raw(&mut self, topic: &str) -> anyhow::Result<Vec<RawRecord>> {
        let mut records = Vec::new();
        self.read_bytes(topic, |_, message| {
            records.push(RawRecord {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers(message),
            });
            Ok(())
        })?;
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    /// Names and partition counts of all topics.
    pub fn topics(&self) -> anyhow::Result<BTreeMap<String, i32>> {
        let metadata = self.consumer("read_committed")?.fetch_metadata(None, ANSWER_WAIT)?;
        let topics = metadata.topics().iter();
        topics
            .map(|topic| Ok((topic.name().to_owned(), i32::try_from(topic.partitions().len())?)))
            .collect()
    }

    /// Partitions in which a transaction stays open although nobody writes: the last stable offset does not reach the high
    /// watermark within a minute.
    pub fn open_transactions(&self) -> anyhow::Result<Vec<String>> {
        let mut open = Ok(Vec::new());
        // What counts is the last look, so a limit that is over is no error of its own.
        drop(wait_until("the end of all transactions", TRANSACTIONS_WAIT, || {
            open = self.open_now();
            open.as_ref().map_or(true, Vec::is_empty).then_some(())
        }));
        open
    }

    fn open_now(&self) -> anyhow::Result<Vec<String>> {
        let (stable, all) = (self.consumer("read_committed")?, self.consumer("read_uncommitted")?);
        let mut open = Vec::new();
        for (topic, partitions) in self.topics()? {
            for partition in 0..partitions {
                let (_, last_stable) = stable.fetch_watermarks(&topic, partition, ANSWER_WAIT)?;
                let (_, high) = all.fetch_watermarks(&topic, partition, ANSWER_WAIT)?;
                if last_stable < high {
                    open.push(format!(
                        "{topic}/{partition}: last stable offset {last_stable}, high watermark {high}"
                    ));
                }
            }
        }
        Ok(open)
    }

    /// The id of a subject's newest schema, if it has one.
    #[must_use]
    pub fn schema_id(&self, subject: &str) -> Option<u32> {
        let url = format!("{}/subjects/{subject}/versions/latest", self.registry);
        let answer: Value = self.http.get(url).send().ok()?.error_for_status().ok()?.json().ok()?;
        u32::try_from(answer.get("id")?.as_u64()?).ok()
    }

    fn consumer(&self, isolation: &str) -> anyhow::Result<BaseConsumer> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "e2e-checker")
            .set("isolation.level", isolation)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "1")
            .create()?;
        Ok(consumer)
    }

    fn read_bytes(
        &mut self,
        topic: &str,
        mut visit: impl FnMut(&mut Self, &BorrowedMessage<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let consumer = self.consumer("read_committed")?;
        let partitions = self
            .topics()?
            .get(topic)
            .copied()
            .with_context(|| format!("there is no topic {topic}"))?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&assignment)?;
        let mut ended = 0;
        while ended < partitions {
            match consumer.poll(ANSWER_WAIT) {
                Some(Ok(message)) => visit(self, &message)?,
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => return Err(error.into()),
                None => bail!("{topic}: no answer within {ANSWER_WAIT:?}"),
            }
        }
        Ok(())
    }

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> anyhow::Result<Seen> {
        let key = String::from_utf8(message.key().unwrap_or_default().to_vec())?;
        let (kind, body) = match message.payload() {
            None => (String::new(), Value::Null),
            Some([0, a, b, c, d, datum @ ..]) => self.decode_datum(u32::from_be_bytes([*a, *b, *c, *d]), datum)?,
            Some(_) => bail!("the value has no magic byte and schema id"),
        };
        Ok(Seen {
            partition: message.partition(),
            offset: message.offset(),
            key,
            kind,
            body,
        })
    }

    fn decode_datum(&mut self, id: u32, mut datum: &[u8]) -> anyhow::Result<(String, Value)> {
        if !self.schemas.contains_key(&id) {
            let schema = self.fetch(id)?;
            self.schemas.insert(id, schema);
        }
        let writer = self.schemas.get(&id).context("the schema was just put there")?;
        #[allow(
            deprecated,
            reason = "the short form says what is meant; its replacement is a builder of four calls"
        )]
        let value = apache_avro::from_avro_datum(&writer.schema, &mut datum, None)?;
        let kind = payload_index(&value)
            .and_then(|index| writer.payloads.get(index))
            .cloned()
            .unwrap_or_default();
        Ok((kind, to_json(value)))
    }

    fn fetch(&self, id: u32) -> anyhow::Result<WriterSchema> {
        let url = format!("{}/schemas/ids/{id}", self.registry);
        let answer: Value = self.http.get(url).send()?.error_for_status()?.json()?;
        let text = answer
            .get("schema")
            .and_then(Value::as_str)
            .context("the registry's answer has no schema")?;
        let parsed: Value = serde_json::from_str(text)?;
        let fields = parsed
            .get("fields")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let payload = fields.iter().find(|field| field.get("name") == Some(&json!("payload")));
        let branches = payload
            .and_then(|field| field.get("type"))
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let name = |branch: &Value| {
            branch
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(WriterSchema {
            schema: Schema::parse_str(text)?,
            payloads: branches.iter().map(name).collect(),
        })
    }
}

fn headers(message: &BorrowedMessage<'_>) -> BTreeMap<String, String> {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    headers
        .map(|header| (header.key.to_owned(), text(header.value)))
        .collect()
}

fn payload_index(value: &Avro) -> Option<usize> {
    let Avro::Record(fields) = value else { return None };
    match fields.iter().find(|(name, _)| name == "payload") {
        Some((_, Avro::Union(index, _))) => usize::try_from(*index).ok(),
        _ => None,
    }
}

fn to_json(value: Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(value) => json!(value),
        Avro::Int(value) => json!(value),
        Avro::Long(value) | Avro::TimestampMillis(value) => json!(value),
        Avro::String(value) | Avro::Enum(_, value) => json!(value),
        Avro::Union(_, value) => to_json(*value),
        Avro::Array(items) => items.into_iter().map(to_json).collect(),
        Avro::Record(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, to_json(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => json!(format!("{other:?}")),
    }
}
