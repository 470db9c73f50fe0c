"""Functions shared by the libp2p hosts, independent of their protocols."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable

from libp2p.host.basic_host import BasicHost
from libp2p.host.defaults import get_default_protocols
from libp2p.host.ping import ID as PING
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.peer.id import ID

from p2p.address import parse_listen
from p2p.errors import NetworkError, PortInUse
from p2p.host.containment import ContainedSwarm, note


class _QuietHost(BasicHost):
    """A host that answers identify and ping, and sends no identify requests."""

    def _should_identify_peer(self, peer_id: ID) -> bool:
        return False

    async def _push_identify_to_all_peers(self) -> None:
        pass


def new_host(swarm: ContainedSwarm) -> BasicHost:
    """Return a host that answers identify and ping, and nothing else yet."""
    host = _QuietHost(swarm, disable_identify_address_discovery=True)
    for protocol in get_default_protocols(host):
        if protocol not in (IDENTIFY, PING):
            host.remove_stream_handler(protocol)
    return host


def probe_port(text: str) -> None:
    """Raise NetworkError if the address cannot be bound: libp2p would report nothing (defect 11),
    and as it sets SO_REUSEPORT, two nodes of one user would even share the port.
    """
    kind, host, port = parse_listen(text)
    family = socket.AF_INET if kind == "ip4" else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host, port) from error
        raise NetworkError(f"cannot listen on {text}: {error.strerror}") from error


async def quietly(close: Callable[[], Awaitable[object]]) -> None:
    """Close a resource of a peer that may be gone, ignoring errors."""
    try:
        await close()
    except Exception as error:  # noqa: BLE001  (it is closed: that is what was wanted)
        note("close", error)
