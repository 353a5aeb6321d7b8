#!/usr/bin/env python3
"""Reads topics as any outside consumer would: Confluent's client, its Avro deserializer, the schema registry, nothing of sluice.

    pip install "confluent-kafka[avro,schemaregistry]"
    compose/read_topics.py orders order-events

Prints every committed record as one line of JSON, then how many each topic held. Fails when a topic holds none, or when a
record's schema or bytes cannot be read. Brokers and registry come from SLUICE_KAFKA and SLUICE_REGISTRY (see ./dev env).
"""

import json
import os
import sys
import uuid

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

POLL_SECONDS = 15


def main(topics: list[str]) -> int:
    registry = SchemaRegistryClient({"url": os.environ.get("SLUICE_REGISTRY", "http://127.0.0.1:8081/apis/ccompat/v7")})
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ.get("SLUICE_KAFKA", "127.0.0.1:9092"),
            "group.id": f"outside-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    counts = {topic: print_topic(consumer, AvroDeserializer(registry), topic) for topic in topics}
    consumer.close()
    for topic, count in counts.items():
        print(f"{topic}: {count} records", file=sys.stderr)
    return 0 if all(counts.values()) else 1


def print_topic(consumer: Consumer, decode: AvroDeserializer, topic: str) -> int:
    """Reads every partition to its end; an end marker, not a silence, says that it is there."""
    partitions = consumer.list_topics(topic, POLL_SECONDS).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    unfinished, count = set(partitions), 0
    while unfinished:
        record = consumer.poll(POLL_SECONDS)
        if record is None:
            raise TimeoutError(f"{topic}: nothing from partitions {sorted(unfinished)} for {POLL_SECONDS} s")
        if record.error():
            if not record.error().name() == "_PARTITION_EOF":
                raise RuntimeError(str(record.error()))
            unfinished.discard(record.partition())
            continue
        value = decode(record.value(), SerializationContext(topic, MessageField.VALUE))
        key = record.key().decode() if record.key() else None
        print(json.dumps({"topic": topic, "partition": record.partition(), "key": key, "value": value}, default=str))
        count += 1
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["orders", "order-events"]))
