"""A listener of notifications as OpenStack's services write one. Prints each as a line of JSON."""
import json
import sys

import oslo_messaging
from oslo_config import cfg

url, exchange, topic = sys.argv[1:4]
conf = cfg.ConfigOpts()
conf([], project="varve-listener")
oslo_messaging.set_transport_defaults(control_exchange=exchange)
transport = oslo_messaging.get_notification_transport(conf, url=url)


class Endpoint:
    def tell(self, priority, context, publisher_id, event_type, payload, metadata):
        line = {
            "priority": priority,
            "context": context,
            "publisher_id": publisher_id,
            "event_type": event_type,
            "payload": payload,
            "metadata": metadata,
        }
        print(json.dumps(line), flush=True)
        return oslo_messaging.NotificationResult.HANDLED

    def info(self, *args):
        return self.tell("info", *args)

    def error(self, *args):
        return self.tell("error", *args)


listener = oslo_messaging.get_notification_listener(
    transport, [oslo_messaging.Target(topic=topic)], [Endpoint()], executor="threading"
)
listener.start()
print(json.dumps({"event_type": "ready"}), flush=True)
sys.stdin.read()
listener.stop()
listener.wait()
