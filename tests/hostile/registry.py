"""The attacks by name: defect, description, number of targets and identities, bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hostile import peer_attacks, rpc_attacks, tx_attacks
from hostile.order import Attack


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds that must hold during an attack."""

    gap: float = 4.0
    """Slots between now and the last final block's."""
    missed: float = 0.1
    """Share of the slots without a block."""
    cpu: float = 0.5
    """Cores of an attacked node from the sixth second on."""
    memory: float = 100.0
    """MiB that an attacked node grows by."""
    health: float = 1.0
    """Seconds until an attacked node answers `system_health`."""
    cut: float | None = 10.0
    """Seconds until the attacker is cut off or refused. None: what it sends is allowed."""
    final: float = 0.9
    """Share of the honest transfers that are final within 30 s."""
    used: float = 1.0
    """Largest part of its budget for useless work that any peer has used, at any node."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The least that must have come of an attack, or its row has measured nothing."""

    connections: int = 1
    """Connections that the nodes admitted, those of all identities and callers together."""
    sent: int = 1
    """Bytes that the nodes took."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table."""

    name: str
    defect: str
    what: str
    attack: type[Attack] | None
    """None: no attack, for comparison."""
    needs: Arrival
    targets: int = 1
    identities: int = 1
    external: bool = False
    """Callers count as those of another machine."""
    load: int = 0
    """Honest transfers a second, of all nodes together."""
    bounds: Bounds = Bounds()
    networks: int = 1
    """Networks (/24) that the identities come from."""


_QUIET: Final = Bounds(cut=None)
_HONEST: Final = Bounds(cut=None, used=0.5)
"""At half of its budget a peer is slowed: honest ones stay below."""
_PAID: Final = Bounds(cut=None)
_LOCAL: Final = Bounds(cpu=1.0, memory=250.0, cut=None)
"""A program on the node's machine may use 0.8 of a core (`btt_chain/web/budget.py`), without the
reading and writing of bytes; the memory of its answers is not given back at once.
"""

_NONE: Final = Arrival(0, 0)
_PEER: Final = Arrival(1, 16_000)
"""A peer that is cut off after its first messages."""
_CALLER: Final = Arrival(1, 500_000)
"""A caller with large requests."""
_DEAR: Final = Arrival(1, 50_000)
"""A caller with small requests that cost much."""

_BASE: Final = (
    Scenario("none", "-", "no attack", None, _NONE, bounds=_HONEST),
    Scenario("D1-nodes", "D1", "16 signed reports, 1 MiB of empty trie nodes each, by RPC",
             tx_attacks.OversizedProofs, _CALLER),
    Scenario("D1-logs", "D1", "16 signed reports, 1 MiB of digest items each, by RPC",
             tx_attacks.OversizedHeaders, _CALLER),
    Scenario("D1-batch", "D1", "300 batches of 4 x 999 remarks, by RPC",
             tx_attacks.NestedBatches, Arrival(1, 10_000), bounds=_PAID),
    Scenario("D1-gossip", "D1", "16 signed reports of 1,000 KiB by gossip, again and again",
             tx_attacks.GossipedProofs, _PEER),
    Scenario("D2-malformed", "D2", "malformed transactions, 600 kB/s",
             peer_attacks.MalformedTransactions, _PEER),
    Scenario("D2-bare", "D2", "unsigned remarks, 600 kB/s", peer_attacks.BareTransactions, _PEER),
    Scenario("D2-inherent", "D2", "unsigned Timestamp.set, 600 kB/s",
             peer_attacks.Inherents, _PEER),
    Scenario("D2-forged", "D2", "random signatures, 600 kB/s",
             peer_attacks.ForgedTransactions, _PEER),
    Scenario("D2-unpaid", "D2", "well signed, of accounts without money, 600 kB/s",
             peer_attacks.UnpaidTransactions, _PEER),
    Scenario("D2-future", "D2", "well signed, nonces far ahead, 600 kB/s",
             peer_attacks.FutureTransactions, _PEER),
    Scenario("D2-mixed", "D2", "malformed, unsigned, inherent and forged in turn, 600 kB/s",
             peer_attacks.MixedTransactions, _PEER),
    Scenario("D3-old", "D3", "announcements of height 1 with 65,000 digest items, 590 kB/s",
             peer_attacks.OldAnnouncements, _PEER),
    Scenario("D3-full", "D3", "announcements of height 1 within all limits, 590 kB/s",
             peer_attacks.FullAnnouncements, _PEER),
    Scenario("D3-far", "D3", "the same of height 1,000,000", peer_attacks.FarAnnouncements, _PEER),
    Scenario("D4-ids", "D4", "batches of 100 calls with fractional ids, 2 MiB",
             rpc_attacks.FractionalIds, _CALLER),
    Scenario("D5-digest", "D5", "state_call Core_initialize_block, a full request of digest items",
             rpc_attacks.HugeDigest, _CALLER),
    Scenario("D5-argument", "D5", "state_call with a full request: trie nodes, Core_execute_block",
             rpc_attacks.HugeArgument, _CALLER),
    Scenario("D6-idle", "D6", "1,070 idle connections, ulimit -n 1024",
             rpc_attacks.IdleConnections, Arrival(500, 0)),
    Scenario("D7-gzip", "D7", "8 gzip bodies of 1 MB that inflate to 960 MiB",
             rpc_attacks.GzipBombs, _CALLER),
    Scenario("rpc-mixed", "D4-D7", "D4, D5 and D7 in turn over three connections",
             rpc_attacks.MixedCalls, _CALLER),
    Scenario("rpc-dear", "RPC", "batches of 100 dear calls by another machine's caller",
             rpc_attacks.DearCalls, _DEAR, external=True),
    Scenario("rpc-dear-local", "RPC", "the same by a caller on the node's machine",
             rpc_attacks.DearCalls, _DEAR, bounds=_LOCAL),
    Scenario("rpc-held", "RPC", "16 requests of 4 MiB that are never complete",
             rpc_attacks.HeldRequests, _CALLER),
    Scenario("D10-leave", "D10", "a new identity each second leaves its queue behind",
             peer_attacks.LeavingTransactions, _PEER),
    Scenario("votes", "-", "random bytes as votes, 600 kB/s",
             peer_attacks.RandomVotes, Arrival(1, 2_000)),
    Scenario("votes-joined", "-", "RPCs of 128 random votes, each four times, 5 a second",
             peer_attacks.JoinedVotes, _PEER),
    Scenario("notes", "-", "random notes of 255 KiB, 5 a second",
             peer_attacks.RandomNotes, Arrival(1, 255_000)),
    Scenario("crowd", "-", "valid transfers, more than blocks have room for, 600 kB/s",
             peer_attacks.CrowdingTransactions, _PEER, bounds=_PAID),
    Scenario("bad-records", "N1", "addresses of any form in each message, 12 identities",
             peer_attacks.BadRecords, Arrival(12, 1_000), identities=12, bounds=_QUIET),
    Scenario("compact", "-", "requests for short ids and transactions of a block, 50 a second",
             peer_attacks.CompactRequests, Arrival(1, 1_000), bounds=_QUIET),
    Scenario("unwanted", "-", "1,000 ids of messages that are not wanted, 50 times a second",
             peer_attacks.UnwantedIds, Arrival(1, 20_000), bounds=_QUIET),
    Scenario("requests", "-", "50 requests a second, no answer read",
             peer_attacks.Requests, Arrival(1, 1_000), bounds=_QUIET),
)  # fmt: skip


def _variants() -> list[Scenario]:
    named = {scenario.name: scenario for scenario in _BASE}
    two, three, four = named["D2-mixed"], named["D3-old"], named["D4-ids"]
    return [
        replace(two, name="D2-28", what=f"{two.what}, 28 identities", identities=28),
        replace(three, name="D3-28", what=f"{three.what}, 28 identities", identities=28),
        # Each is below the budget of a peer and of a network: what they cost together counts.
        replace(two, name="D2-40", what="as D2-mixed, 40 identities in 40 networks, 2.4 MB/s",
                identities=40, networks=40, needs=Arrival(10, 200_000), bounds=_QUIET),
        replace(named["D3-full"], name="D3-40",
                what="as D3-full, 40 identities in 40 networks, 2.4 MB/s",
                identities=40, networks=40, needs=Arrival(10, 200_000), bounds=_QUIET),
        replace(two, name="D2-two", what=f"{two.what}, two of four nodes", targets=2),
        replace(three, name="D3-two", what=f"{three.what}, two of four nodes", targets=2),
        replace(named["none"], name="load", what="no attack, 200 transfers/s", load=200),
        replace(named["none"], name="load-400", what="no attack, 400 transfers/s", load=400),
        replace(two, name="D2-load", what=f"{two.what}, amid 200 transfers/s", load=200),
        replace(three, name="D3-load", what=f"{three.what}, amid 200 transfers/s", load=200),
        replace(four, name="D4-load", what=f"{four.what}, amid 200 transfers/s", load=200),
    ]  # fmt: skip


SCENARIOS: Final = {scenario.name: scenario for scenario in (*_BASE, *_variants())}


def chosen(words: Sequence[str]) -> list[Scenario]:
    """Return scenarios by name, or all of a defect; all of them for no words. KeyError: no such."""
    if not words:
        return list(SCENARIOS.values())
    found: list[Scenario] = []
    for word in words:
        if word in SCENARIOS:
            found.append(SCENARIOS[word])
            continue
        of_defect = [one for one in SCENARIOS.values() if one.defect == word]
        if not of_defect:
            raise KeyError(f"{word}: the attacks are {', '.join(SCENARIOS)}")
        found += of_defect
    return found
