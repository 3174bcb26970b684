"""Reads deliveries as JSON lines ({"secret", "headers", "body"}) and judges each with the reference libraries; prints what
the last one understood of each, as JSON lines. Ends with an error at the first that does not pass."""

import json
import sys

from cloudevents.http import from_http
from standardwebhooks import Webhook

for line in sys.stdin:
    delivery = json.loads(line)
    Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"])
    event = from_http(delivery["headers"], delivery["body"].encode())
    print(json.dumps({"attributes": dict(event.get_attributes()), "data": event.data}))
