"""Checks of the engine's actions: its own mistakes are found before they reach the network."""

from __future__ import annotations

from p2p.network import (
    EXCHANGES,
    GOSSIP_BYTES,
    NOTE_BYTES,
    REQUESTS,
    Action,
    Ask,
    Charge,
    Penalise,
    Publish,
    SendNote,
)


def check(action: Action) -> None:
    """Raise ValueError for an unknown name, a payload over its bound, a time or cost below 1."""
    match action:
        case Publish(topic, data):
            if topic not in GOSSIP_BYTES:
                raise ValueError(f"no topic {topic!r}")
            _fits(data, GOSSIP_BYTES[topic], topic)
        case SendNote(_, data):
            _fits(data, NOTE_BYTES, "a note")
        case Ask(_, _, protocol, data, timeout_ms):
            if protocol not in REQUESTS:
                raise ValueError(f"no request protocol {protocol!r}")
            _fits(data, EXCHANGES[protocol].request, protocol)
            if timeout_ms <= 0:
                raise ValueError(f"a timeout of {timeout_ms} ms")
        case Penalise(_, cost, _) if cost <= 0:
            raise ValueError(f"a cost of {cost}")
        case Charge(_, _, spent, useless) if not 0 <= useless <= spent:
            raise ValueError(f"a charge of {spent} us, {useless} of them useless")
        case _:
            pass


def _fits(data: bytes, bound: int, name: str) -> None:
    if len(data) > bound:
        raise ValueError(f"{name}: {len(data)} bytes where {bound} are the most")
