"""A DNS server for tests: answers from zone files, on a port of this machine.

Answers as a resolver does: it follows a CNAME, and cuts what does not fit into UDP.
"""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone


@dataclass
class NameServer:
    """What it knows, and where it answers."""

    zones: Mapping[str, str]
    """Zone -> its file."""

    fails: set[str] = field(default_factory=set)
    """Names for which it answers SERVFAIL."""

    is_silent: bool = False
    """Whether it hears every question and answers none."""

    host: str = "127.0.0.1"
    """Address that it answers at; containers reach that of their network's gateway."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    """Names whose answer did not fit into UDP."""

    def answer(self, wire: bytes, *, over_udp: bool) -> bytes | None:
        """Return the answer to a question; None for none."""
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(f"{name} {dns.rdatatype.to_text(question.rdtype)}")
        if self.is_silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if name in self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(response, question.name, question.rdtype)
        room = max(query.payload, 512) if over_udp else 65535
        try:
            return response.to_wire(max_size=room)
        except dns.exception.TooBig:
            self.cut.append(name)
            short = dns.message.make_response(query, recursion_available=True)
            short.flags |= dns.flags.TC
            return short.to_wire()

    def _fill(self, response: Any, name: dns.name.Name, kind: Any) -> None:
        is_known = False
        for _ in range(8):  # as deep as anybody points
            zone = next((one for one in self._parsed if name.is_subdomain(one.origin or dns.name.root)), None)
            found = zone.get_node(name) if zone is not None else None
            if found is None:
                break
            is_known = True
            alias = found.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME)
            wanted = found.get_rdataset(dns.rdataclass.IN, kind)
            if wanted is not None:
                response.answer.append(_rrset(name, wanted))
                break
            if alias is None:
                break
            response.answer.append(_rrset(name, alias))
            name = alias[0].target
        if not is_known:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if not response.answer:
            # Without the SOA "no such record" is no answer to some: they ask again until they give up.
            zone = next((one for one in self._parsed if name.is_subdomain(one.origin or dns.name.root)), None)
            soa = zone and zone.origin and zone.get_rdataset(zone.origin, dns.rdatatype.SOA)
            if zone and zone.origin and soa:
                response.authority.append(_rrset(zone.origin, soa))

    def __post_init__(self) -> None:
        self._parsed = sorted(
            (
                dns.zone.from_text(text, origin=zone, relativize=False, check_origin=False)
                for zone, text in self.zones.items()
            ),
            key=lambda zone: -len(zone.origin or ()),
        )


def _rrset(name: dns.name.Name, rdataset: Any) -> Any:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))


def _on_one_port(
    host: str, udp: type[socketserver.UDPServer], hears: Any, tcp: type[socketserver.TCPServer], takes: Any
) -> tuple[socketserver.UDPServer, socketserver.TCPServer]:
    """Return two servers on one port; one that is free for UDP may be somebody's over TCP."""
    for _ in range(50):
        first = udp((host, 0), hears)
        try:
            return first, tcp((host, int(first.server_address[1])), takes)
        except OSError:
            first.server_close()
    raise AssertionError("no port is free for UDP and TCP alike")


@contextmanager
def serving(server: NameServer) -> Iterator[NameServer]:
    """Let the server answer over UDP and TCP on one port."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, link = self.request
            if (said := server.answer(wire, over_udp=True)) is not None:
                link.sendto(said, self.client_address)

    class Tcp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            link: socket.socket = self.request
            with link.makefile("rb") as stream:
                while head := stream.read(2):
                    said = server.answer(stream.read(struct.unpack("!H", head)[0]), over_udp=False)
                    if said is not None:
                        link.sendall(struct.pack("!H", len(said)) + said)

    class TcpServer(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    class UdpServer(socketserver.ThreadingUDPServer):
        daemon_threads = True

    udp, tcp = _on_one_port(server.host, UdpServer, Udp, TcpServer, Tcp)
    server.port = udp.server_address[1]
    with udp, tcp:
        threads = [threading.Thread(target=one.serve_forever, args=(0.05,)) for one in (udp, tcp)]
        for thread in threads:
            thread.start()
        try:
            yield server
        finally:
            for one in (udp, tcp):
                one.shutdown()
            for thread in threads:
                thread.join()
