"""Starts the real node with something wrong: `launcher.py ACT ... node FLAG ...`.

The product has no hooks for tests, so what is to go wrong is put around its functions here, before
its `main` runs. Acts, as many as are wanted:

    journal=FILE     append each signature that leaves the signer to FILE, a line of JSON each
    die=POINT:N      SIGKILL this process when it is at POINT (see `POINTS`) for the Nth time
    clock=FILE       the node's clock is ahead by the milliseconds that FILE says, now and later
    fast=N:FILE      it runs N times as fast, and FILE holds how far it is ahead
    two-blocks       seal a second block for each slot, past the signing record
    two-votes        vote for the parent as well, past the signing record
    lie=KIND         answer sync with changed `bodies` or `headers`, or with nothing (`silence`)
    slow=MS          take so long for each block that is taken in
    gain=N           warp for the sake of so few blocks
    ready            have all at hand that verifying takes, before the first receipt
    lazy             find every receipt valid without looking
    beside=FOLDER    be installed beside the packages of FOLDER
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from btt_chain.consensus.importer import Importer, Slots

HERE: Final = Path(__file__).resolve()
PATHS: Final = [str(HERE.parents[2]), str(HERE.parents[1])]
if __name__ == "__main__":
    # Started with -P, as the node itself is: only what is named here can be imported.
    sys.path[:0] = PATHS

POINTS: Final = (
    "before block record",
    "block record aside",
    "after block record",
    "block sealed",
    "before vote record",
    "vote record aside",
    "after vote record",
    "vote signed",
    "before block batch",
    "after block batch",
    "before block gossip",
    "after block gossip",
    "after vote gossip",
    "before finalize",
    "after finalize",
    "before aux",
    "after aux",
    "before set change",
    "after set change",
)
"""Places in which a node can be made to die at any time of its work."""

SYNC_POINTS: Final = ("before answer", "after answer")
"""Places that it reaches only when another node requests blocks."""

Around = Callable[[Callable[..., Any]], object]


def program(*acts: str) -> list[str]:
    """The words that start a node so; `DevNode.program`."""
    return [sys.executable, "-P", str(HERE), *acts]


def wrap(owner: object, name: str, around: Around) -> None:
    """Put something around a function of a class or a module."""
    setattr(owner, name, around(getattr(owner, name)))


# ---- the journal


def journal(file: str) -> None:
    """Write down what is signed, before any other node can have it."""
    from btt_chain.node.keys.signing import Signer
    from btt_chain.primitives.grandpa import stage_of, target_of

    out = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(**fields: object) -> None:
        os.write(out, json.dumps(fields).encode() + b"\n")

    def around_seal(plain: Callable[..., Any]) -> Callable[..., Any]:
        def seal(self: Any, public: bytes, slot: int, pre_seal_hash: bytes) -> Any:
            made = plain(self, public, slot, pre_seal_hash)
            if made is not None:
                note(key=public.hex(), place=["slot", slot], said=pre_seal_hash.hex())
            return made

        return seal

    def around_sign(plain: Callable[..., Any]) -> Callable[..., Any]:
        def sign(self: Any, set_id: int, number: int, message: Any, who: bytes) -> Any:
            signed = plain(self, set_id, number, message, who)
            if signed is not None:
                place = ["vote", set_id, number, stage_of(message).name]
                said = bytes(target_of(message.vote).hash).hex()
                note(key=bytes(who).hex(), place=place, said=said)
            return signed

        return sign

    wrap(Signer, "seal", around_seal)
    wrap(Signer, "sign", around_sign)


# ---- death


class Doom:
    """Ends the process when a point was passed often enough."""

    def __init__(self, point: str, times: int) -> None:
        self.point = point
        self.left = times

    def at(self, point: str) -> None:
        """The process is at `point`."""
        if point != self.point:
            return
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


def die(what: str) -> None:
    """Put the fail points in."""
    point, _, times = what.partition(":")
    if point not in (*POINTS, *SYNC_POINTS):
        raise SystemExit(f"there is no point {point!r}")
    doom = Doom(point, int(times or 1))
    _die_recording(doom)
    _die_with_note(doom)

    from btt_chain.consensus.finality.gadget import Gadget
    from btt_chain.node.keys.signing import Signer
    from storage.database import ChainStore

    for owner, name, deed in (
        (ChainStore, "commit_block", "block batch"),
        (ChainStore, "finalize", "finalize"),
        (ChainStore, "aux_put", "aux"),
        (Gadget, "_change_set", "set change"),
    ):
        wrap(owner, name, _both(doom, deed))
    wrap(Signer, "seal", _afterwards(doom, "block sealed"))
    wrap(Signer, "sign", _afterwards(doom, "vote signed"))


def _die_recording(doom: Doom) -> None:
    from btt_chain.keystore import record

    what = "block"

    def around_keep(plain: Callable[..., Any]) -> Callable[..., Any]:
        def keep(self: Any, ledger: Any) -> None:
            nonlocal what
            what = "vote" if ledger.block == self.ledger.block else "block"
            doom.at(f"before {what} record")
            plain(self, ledger)
            doom.at(f"after {what} record")

        return keep

    def around_commit(plain: Callable[..., Any]) -> Callable[..., Any]:
        def commit(*given: Any) -> None:
            doom.at(f"{what} record aside")
            plain(*given)

        return commit

    wrap(record.SigningRecord, "_keep", around_keep)
    wrap(record, "commit", around_commit)


def _die_with_note(doom: Doom) -> None:
    from btt_chain.node.engine import engine
    from p2p import network
    from p2p.host.libp2p_network import Libp2pNetwork

    def around_do(plain: Callable[..., Any]) -> Callable[..., Any]:
        def do(self: Any, action: Any) -> None:
            topic = getattr(action, "topic", None)
            what = {network.ANNOUNCE: "block", network.GRANDPA: "vote"}.get(topic or "", "")
            doom.at(f"before {what} gossip")
            plain(self, action)
            if what and doom.point == f"after {what} gossip":
                time.sleep(0.2)  # another thread sends it
                doom.at(f"after {what} gossip")

        return do

    wrap(Libp2pNetwork, "do", around_do)
    wrap(engine, "answer", _both(doom, "answer"))


def _both(doom: Doom, what: str) -> Around:
    def around(plain: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            doom.at(f"before {what}")
            made = plain(*given, **named)
            doom.at(f"after {what}")
            return made

        return wrapped

    return around


def _afterwards(doom: Doom, what: str) -> Around:
    def around(plain: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            made = plain(*given, **named)
            if made is not None:
                doom.at(what)
            return made

        return wrapped

    return around


# ---- time


def clock(file: str) -> None:
    """Shift what the node takes for the time of day."""
    from btt_chain.node.engine import unix_clock

    offset = Path(file)

    def time_ns() -> int:
        return time.time_ns() + int(offset.read_text()) * 1_000_000

    wrap(unix_clock, "time", lambda _: SimpleNamespace(time_ns=time_ns))


def fast(how: str) -> None:
    """Let the node's clock run faster than time, to grow a long chain in a short while."""
    from btt_chain.node.engine import unix_clock

    times, _, file = how.partition(":")
    offset, begun, written = Path(file), time.time_ns(), 0

    def time_ns() -> int:
        nonlocal written
        now = time.time_ns()
        ahead = (now - begun) * (int(times) - 1)
        if ahead - written > 100_000_000:
            offset.write_text(str(ahead // 1_000_000))
            written = ahead
        return now + ahead

    wrap(unix_clock, "time", lambda _: SimpleNamespace(time_ns=time_ns))


# ---- saying two things


def two_blocks() -> None:
    """Make a second block for each own slot, and announce both to all peers."""
    from btt_chain.consensus.babe.worker import Authored, SlotWorker
    from btt_chain.keystore import BABE
    from btt_chain.node.engine.engine import Engine
    from p2p import network
    from p2p.protocols.messages import Announce

    seconds: list[Any] = []

    class Forger:
        """A signer without a record."""

        def __init__(self, genuine: Any) -> None:
            self.authors = genuine.authors
            self._vault = genuine._vault

        def seal(self, public: bytes, slot: int, pre_seal_hash: bytes) -> bytes:
            sealed: bytes = self._vault.keystore.pair(BABE, public).sign(pre_seal_hash)
            return sealed

    class Later:
        """An importer for a block with a time a millisecond later: another one for the slot."""

        def __init__(self, genuine: Importer) -> None:
            self._genuine = genuine
            self.client = genuine.client

        def slots(self, parent: bytes, slot: int) -> Slots:
            found = self._genuine.slots(parent, slot)
            return replace(found, earliest_ms=slot * found.length_ms + 1)

    def around_work(plain: Callable[..., Any]) -> Callable[..., Any]:
        def work(self: Any, slot: int, ready: Any, pace: Any) -> Any:
            made = plain(self, slot, ready, pace)
            if isinstance(made, Authored):
                later = Later(self._importer)
                other = SlotWorker(cast("Importer", later), Forger(self._signer), vrf=self._vrf)
                seconds.append(plain(other, slot, ready, pace))
            return made

        return work

    def around_author(plain: Callable[..., Any]) -> Callable[..., Any]:
        def author(self: Any, slot: int) -> None:
            plain(self, slot)
            while seconds:
                block = seconds.pop().made
                self.parts.importer.import_block(block.header, block.body, now_ms=self._clock.now)
                announce = Announce(block.header, False).encode()
                self._out.append(network.Publish(network.ANNOUNCE, announce))

        return author

    wrap(SlotWorker, "work", around_work)
    wrap(Engine, "_author", around_author)


def two_votes() -> None:
    """Vote a second time in each step, for the parent of what was voted for."""
    from btt_chain.consensus.finality.gadget import Gadget
    from btt_chain.keystore import GRANDPA
    from btt_chain.node.keys.signing import Signer
    from btt_chain.primitives.digest import H256
    from btt_chain.primitives.grandpa import (
        AuthoritySignature,
        SignedMessage,
        Stage,
        Target,
        message_for,
        signing_payload,
        stage_of,
        target_of,
    )
    from btt_chain.scale import u32

    def around_cast(plain: Callable[..., Any]) -> Callable[..., Any]:
        def cast(self: Any, action: Any) -> Any:
            done = plain(self, action)
            me, target = self._voter.me, target_of(action.message.vote)
            parent = self._blocks.parent(target)
            stage = stage_of(action.message)
            if me is None or parent is None or target.number == 0 or stage is Stage.PROPOSE:
                return done
            other = message_for(stage, Target(H256(parent), u32(target.number - 1)))
            pair = self._signer._vault.keystore.pair(GRANDPA, bytes(me))
            payload = signing_payload(other, action.round, action.set_id)
            vote = SignedMessage(other, AuthoritySignature(pair.sign(payload)), me)
            self._gossip(self._vote(action.round, vote))
            return done

        return cast

    wrap(Gadget, "_cast", around_cast)
    # It receives its own second vote again, and an honest node would stop there.
    wrap(Signer, "_bar", lambda _: lambda *_given: None)


# ---- sync


def lie(kind: str) -> None:
    """Answer questions for blocks wrongly."""
    from btt_chain.node.engine import engine
    from p2p import network
    from p2p.protocols.messages import BlockAnswer

    def spoil(block: Any) -> Any:
        if kind == "headers" and block.header is not None:
            return replace(block, header=block.header[:40] + b"\xff" + block.header[41:])
        if kind == "bodies" and block.body:
            *before, last = block.body
            return replace(block, body=[*before, last[:-1] + bytes([last[-1] ^ 1])])
        return block

    def around(plain: Callable[..., Any]) -> Callable[..., Any]:
        def answer(source: Any, protocol: str, question: bytes) -> bytes | None:
            given: bytes | None = plain(source, protocol, question)
            if protocol != network.BLOCKS or given is None:
                return given
            if kind == "silence":
                return None
            return BlockAnswer(
                [spoil(block) for block in BlockAnswer.decode(given).blocks]
            ).encode()

        return answer

    wrap(engine, "answer", around)


def slow(ms: str) -> None:
    """Make the import of blocks take its time."""
    from btt_chain.node.engine.engine import Engine

    def around(plain: Callable[..., Any]) -> Callable[..., Any]:
        def import_next(self: Any) -> None:
            time.sleep(int(ms) / 1000)
            plain(self)

        return import_next

    wrap(Engine, "_import_next", around)


def gain(blocks: str) -> None:
    """Let a chain be long enough for warp sync that takes a test no hour to make."""
    from btt_chain.node.blocks import state_import

    def around(plain: Callable[..., Any]) -> Callable[..., Any]:
        def warp_plan(*given: Any, **named: Any) -> Any:
            found = plain(*given, **named)
            return None if found is None else replace(found, gain=int(blocks))

        return warp_plan

    wrap(state_import, "warp_plan", around)


# ---- verifying


def ready() -> None:
    """Import the modules that the first receipt needs, which can take too long."""


def lazy() -> None:
    """Vote without having looked: the digest is made up as well."""
    from btt_chain.compute.verifier import checking
    from btt_chain.primitives.digest import H256
    from runtime.pallets.receipts.types import Valid

    async def nothing(*_: object) -> checking.Finding:
        return checking.Finding(Valid(), H256(os.urandom(32)))

    wrap(checking, "look_at", lambda _: nothing)


# ---- installation


def beside(folder: str) -> None:
    """Let the packages of a folder be found, here and by what this program starts."""
    from btt_chain.chain.runtimes import carried

    carried.cache_clear()  # a warm start may have looked already
    sys.path.append(folder)
    found = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [found, folder]))


ACTS: Final[dict[str, Callable[..., None]]] = {
    "journal": journal,
    "die": die,
    "clock": clock,
    "fast": fast,
    "two-blocks": two_blocks,
    "two-votes": two_votes,
    "lie": lie,
    "slow": slow,
    "gain": gain,
    "ready": ready,
    "lazy": lazy,
    "beside": beside,
}


def main() -> None:
    """Prepare what is to go wrong, then be the node."""
    words = sys.argv[1:]
    at = words.index("node")
    for act in words[:at]:
        name, equals, value = act.partition("=")
        ACTS[name](*([value] if equals else []))
    sys.argv[1:] = words[at:]
    from cli.main import main as node

    node()


if __name__ == "__main__":
    main()
