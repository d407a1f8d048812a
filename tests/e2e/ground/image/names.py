"""A name server for the tests' own zones: answers from the table in the environment, refuses the rest.

`ZONES` is JSON: name -> list of [type, value]. A name whose records are `[["SERVFAIL", ""]]` fails with
everything below it, as a name server does that has lost its zone.
"""

import json
import os
import time

from dnslib import QTYPE, RCODE, RR, DNSRecord  # type: ignore[import-untyped]
from dnslib.server import BaseResolver, DNSHandler, DNSServer  # type: ignore[import-untyped]

ZONES: dict[str, list[list[str]]] = json.loads(os.environ["ZONES"])


class Zones(BaseResolver):  # type: ignore[misc]
    """Answers one question from the table."""

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        """Return the records of a name, an empty answer for its other types, NXDOMAIN for unknown names."""
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        wanted = QTYPE[request.q.qtype]
        if any(ZONES[known][0][0] == "SERVFAIL" for known in ZONES if f".{name}".endswith(f".{known}")):
            reply.header.rcode = RCODE.SERVFAIL
        elif name not in ZONES:
            below = any(known.endswith(f".{name}") for known in ZONES)
            reply.header.rcode = RCODE.NOERROR if below else RCODE.NXDOMAIN
        else:
            for kind, value in ZONES[name]:
                if kind == wanted:
                    text = f'"{value}"' if kind == "TXT" else value
                    reply.add_answer(*RR.fromZone(f"{name}. 5 IN {kind} {text}"))
        return reply


for tcp in (False, True):
    DNSServer(Zones(), address="0.0.0.0", port=53, tcp=tcp).start_thread()
print("ready")
while True:
    time.sleep(3600)
