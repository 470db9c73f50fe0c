"""The order that an attacking process gets, and the report that it writes.

The process reads one `Order` (JSON) from its first argument, prepares, writes `ready`, waits for a
line on its standard input, attacks until the time is over, and appends one JSON object for each
event to the order's report file.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final, Self

SENT: Final = "sent"
CONNECTED: Final = "connected"
CUT: Final = "cut"
"""The node closed a connection, or did not let the attacker in."""
REFUSED: Final = "refused"
"""The node answered that it does not do what was asked."""
DONE: Final = "done"
"""The node did what was asked."""
BROKEN: Final = "broken"
"""The attack itself failed: nothing that the node did caused it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A node to attack."""

    index: int
    address: str
    """Its multiaddress, with its peer id."""
    rpc_port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Order:
    """One attack: by whom, on which nodes, for how long."""

    attack: str
    genesis: str
    """Hex digits."""
    slot_ms: int
    targets: tuple[Target, ...]
    seconds: float
    source: str
    """Address of this machine that the attacker's connections come from."""
    identities: int
    """Peer identities in use at the same time."""
    seed: str
    report: str
    """File for the report."""
    networks: int = 1
    """Number of networks (/24) that they come from."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        fields["targets"] = tuple(Target(**target) for target in fields["targets"])
        return cls(**fields)

    @property
    def genesis_hash(self) -> bytes:
        return bytes.fromhex(self.genesis)

    def source_of(self, number: int) -> str:
        """Address of this machine that the connections of identity `number` come from."""
        first, second, third, last = self.source.split(".")
        return f"{first}.{second}.{int(third) + number % self.networks}.{last}"

    def identity(self, number: int) -> bytes:
        """The secret key of the attacker's identity `number`."""
        return hashlib.blake2b(f"{self.seed} {number}".encode(), digest_size=32).digest()


@dataclass(frozen=True, slots=True)
class Reported:
    """One event of an attack."""

    at: float
    """Unix seconds."""
    kind: str
    who: str
    """Identity or connection, and target."""
    detail: str
    count: int
    """Bytes for SENT."""


class Recorder:
    """Appends events to the report file; what is sent is summed up by the second."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a")
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._second = int(time.time())

    def add(self, kind: str, who: str = "", detail: str = "", count: int = 1) -> None:
        with self._lock:
            self._write(Reported(time.time(), kind, who, detail[:300], count))

    def sent(self, who: str, count: int) -> None:
        with self._lock:
            self._sent[who] += count
            if int(time.time()) != self._second:
                self._flush()

    def close(self) -> None:
        with self._lock:
            self._flush()
            self._file.close()

    def _flush(self) -> None:
        self._second = int(time.time())
        for who, count in self._sent.items():
            self._write(Reported(time.time(), SENT, who, "", count))
        self._sent.clear()

    def _write(self, event: Reported) -> None:
        self._file.write(json.dumps(asdict(event)) + "\n")
        self._file.flush()


def read_report(path: Path) -> list[Reported]:
    """Return the events of a report, without a last line that was cut short."""
    if not path.exists():
        return []
    text = path.read_text()
    return [Reported(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]


class Attack(ABC):
    """The attack of one process. `__init__` prepares; `run` attacks until `over`."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.ends = 0.0

    def begin(self) -> None:
        """Start the clock."""
        self.ends = time.monotonic() + self.order.seconds

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.ends

    @property
    def left(self) -> float:
        """Seconds until the attack ends."""
        return max(0.0, self.ends - time.monotonic())

    @abstractmethod
    def run(self, record: Recorder) -> None:
        """Attack."""


def first(events: Iterable[Reported], kinds: Iterable[str]) -> dict[str, float]:
    """Return when each identity or connection first met an event of these kinds."""
    found: dict[str, float] = {}
    wanted = set(kinds)
    for event in events:
        if event.kind in wanted:
            found.setdefault(event.who, event.at)
    return found
