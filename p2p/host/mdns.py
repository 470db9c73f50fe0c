"""Nodes of the same chain on the local network, by multicast DNS (RFC 6762, 6763).

For private networks: on a Live chain it would show the local network which machines run a node.
The name of the service contains the genesis hash, so nodes of other chains do not find this one;
addresses that are found are unverified like any others, and dialled before they are used.

All of it runs in a thread of its own. Errors there, a missing network interface for example, are
logged, and the node continues without it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

from zeroconf import InterfaceChoice, ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from p2p.address import Address
from p2p.host.containment import note
from p2p.host.discovery import readable

log = logging.getLogger(__name__)

MULTICAST: Final = ("224.0.0.251", 5353)
MAX_RESOLVED: Final = 256
"""Maximum number of names that are resolved; further ones are ignored."""
ASK_MS: Final = 2_000
JOIN_SECONDS: Final = 2.0
ADDRESSES: Final = 4

Found = Callable[[Sequence[Address]], None]


class LocalNodes:
    """Announces this node on the local network, and reports others to `found`, from its thread."""

    def __init__(
        self,
        genesis: bytes,
        peer: str,
        listen: Sequence[Address],
        found: Found,
        interfaces: Sequence[str] | None = None,
    ) -> None:
        """`listen` are our addresses; 0.0.0.0 becomes the address at which others reach us.

        `interfaces` are local addresses; None uses the system's default.
        """
        self._genesis = genesis
        self._peer = peer
        self._listen = [address for address in listen if address.kind == "ip4"]
        self._found = found
        self._interfaces = interfaces
        self._resolved: dict[str, None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mdns {peer[-6:]}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
        self._thread.start()

    def stop(self) -> None:
        """Withdraw the announcement. Waits up to JOIN_SECONDS for it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)

    # --- in the thread ------------------------------------------------------------------

    def _run(self) -> None:
        try:
            zeroconf = Zeroconf(
                InterfaceChoice.Default if self._interfaces is None else list(self._interfaces)
            )
        except Exception as error:  # noqa: BLE001  (there may be no network at all)
            note("mdns", error)
            log.info("discovery on the local network is off: %s", error)
            return
        try:
            kind = service(self._genesis)
            for info in self._infos(kind):
                zeroconf.register_service(info)
            ServiceBrowser(zeroconf, kind, handlers=[self._changed])
            self._stop.wait()
        except Exception as error:  # noqa: BLE001  (its failure must not end the node)
            note("mdns", error)
            log.info("discovery on the local network is off: %s", error)
        finally:
            try:
                zeroconf.close()
            except Exception as error:  # noqa: BLE001  (it is being closed anyway)
                note("mdns", error)

    def _infos(self, kind: str) -> Sequence[ServiceInfo]:
        """Return one announcement for each port we listen on."""
        return [
            ServiceInfo(
                kind,
                f"{self._peer}-{number}.{kind}",
                port=address.port,
                properties={"peer": self._peer, "genesis": self._genesis.hex()},
                # A name of its own: the machine's name may belong to another service.
                server=f"{self._peer}-{number}.local.",
                parsed_addresses=[reachable(address.host)],
            )
            for number, address in enumerate(self._listen[:ADDRESSES])
        ]

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """Handle a service change of zeroconf, in a thread of its own. Must not raise."""
        if state_change is ServiceStateChange.Removed:
            self._resolved.pop(name, None)
            return
        if name.startswith(self._peer) or len(self._resolved) >= MAX_RESOLVED:
            return
        self._resolved[name] = None
        try:
            info = zeroconf.get_service_info(service_type, name, ASK_MS)
            if info is not None:
                found = addresses(info, self._genesis)
                if found and not self._stop.is_set():
                    self._found(found)
        except Exception as error:  # noqa: BLE001  (data of unknown peers must not end the thread)
            note("mdns", error)


def service(genesis: bytes) -> str:
    """Return the type of the service that nodes of a chain offer."""
    return f"_btt-{genesis[:4].hex()}._tcp.local."


def addresses(info: ServiceInfo, genesis: bytes) -> Sequence[Address]:
    """Return the addresses of a service, if it is a node of our chain."""
    properties = info.properties
    if properties.get(b"genesis") != genesis.hex().encode():
        return []
    peer = (properties.get(b"peer") or b"").decode(errors="replace")
    hosts = [host for host in info.parsed_addresses() if ":" not in host]
    return readable([f"/ip4/{host}/tcp/{info.port}/p2p/{peer}" for host in hosts[:ADDRESSES]])


def reachable(host: str) -> str:
    """Return the address at which others on the local network reach a socket bound to `host`."""
    if host != "0.0.0.0":  # noqa: S104  (read, not bound)
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(MULTICAST)  # sends nothing: it only selects a route
        return str(probe.getsockname()[0])
