#!/usr/bin/env python3
"""Prints every snapshot that has failed.   AMQP_URL=amqp://ear:password@host:5672/varve ./consumer.py"""

import collections
import json
import os
import sys

import pika

QUEUE = "ear.failed-snapshots"
TYPES = ["snapshot.failed"]

seen = collections.deque(maxlen=10_000)


def on_event(channel, method, _properties, body):
    event = json.loads(body)
    if event["id"] not in seen:
        problem = event["data"]["problem"]
        print(f"{event['time']} {event['subject']}: {problem['message']} ({problem['code']})", flush=True)
        seen.append(event["id"])
    # Only now: what breaks off before is delivered again.
    channel.basic_ack(method.delivery_tag)


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.queue_declare(QUEUE, durable=True)
for event_type in TYPES:
    channel.queue_bind(QUEUE, "varve.events", event_type)
channel.basic_qos(prefetch_count=50)
channel.basic_consume(QUEUE, on_event)
print("listening", file=sys.stderr, flush=True)
try:
    channel.start_consuming()
except KeyboardInterrupt:
    connection.close()
