"""A devnet whose nodes are watched: what must never be is looked for after every scenario.

The invariants are I1-I7 of docs/simulator.md, as far as they can be seen from outside: over RPC, in
the logs, in /proc, and in the journal of signatures that the launcher lets each validator keep.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner

from btt_chain.crypto.hashing import twox_128
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import Justification, Target, Verdict, verify_full
from btt_chain.primitives.voters import AuthorityId, VoterSet
from btt_chain.scale import codec, u64
from btt_chain.testing import Devnet, DevNode, Rpc
from cli.program import program
from devnet import launcher
from genesis.catalogue import make
from genesis.presets import CHAINS

GRANDPA: Final = list(b"FRNK")
AUTHORITIES: Final = "0x" + (twox_128(b"Grandpa") + twox_128(b"Authorities")).hex()
SET_ID: Final = "0x" + (twox_128(b"Grandpa") + twox_128(b"CurrentSetId")).hex()
REPORTS: Final = "0x" + (twox_128(b"Offences") + twox_128(b"Reports")).hex()
SESSION: Final = "0x" + (twox_128(b"Session") + twox_128(b"CurrentIndex")).hex()
VOTERS: Final = codec(list[tuple[AuthorityId, u64]])

IMPORTED: Final = re.compile(r"imported #(\d+) (0x\w+)… author (\S+) slot (\d+)")
TROUBLE: Final = re.compile(r"\b(ERROR|CRITICAL)\b|^Traceback|^\w*(Error|Exception)\b")
EQUIVOCATION: Final = "equivocation of the validator"

LARGEST: Final = 512 << 20
"""Bytes that a node may have in memory; a fresh one has about a hundred MiB."""
HANG: Final = 240.0
"""Seconds after which something hangs: many times what a busy machine needs."""

_PAUSE: Final = 0.4
_LONG_PAUSE: Final = 2.0


def quick(validators: int, *, slot_ms: int = 1_000, epoch_slots: int = 10, stretch: int = 1) -> str:
    """A specification like `local` whose sessions are short; slots and hours `stretch` times it."""
    local = CHAINS["local"].with_slot(slot_ms * stretch)
    chain = replace(local, epoch_slots=epoch_slots, hour_ms=local.hour_ms * stretch)
    return make(chain, validators=validators).dumps()


class Watched:
    """A devnet, and what its nodes have claimed so far."""

    def __init__(
        self, base: Path, *, validators: int = 4, slot_ms: int = 1_000, spec: str | None = None
    ) -> None:
        """Write it down; `up` starts it."""
        self.net = Devnet.create(base, validators=validators, slot_ms=slot_ms, spec=spec)
        self.claims: dict[int, str] = {}
        """Height and hash of every block that a node has called final."""
        self.highest: dict[int, int] = {}
        """Last final height that each node has reported."""
        self.cheats: set[int] = set()
        """Nodes that were made to equivocate, or whose key another one uses."""
        self.excused: list[re.Pattern[str]] = []
        """Lines of trouble that belong to what was done to the network."""
        self._proven: set[str] = set()
        self._read: dict[int, int] = {}
        for node in self.net.nodes:
            self.act(node.index)

    # ---- what is done to it

    def act(self, index: int, *acts: str) -> None:
        """Have a node started with these acts from its next start on, and with its journal."""
        node = self.net.node(index)
        node.program = launcher.program(f"journal={self.journal(index)}", *acts)
        self.net._save()

    def start(self, index: int) -> None:
        """Start a node without waiting, written down so that `down` finds it whatever happens."""
        others = [other.address for other in self.net.nodes if other.index != index]
        self.net.node(index).start(others)
        self.net._save()

    def excuse(self, *patterns: str) -> None:
        """Let such lines of trouble pass from now on."""
        self.excused += [re.compile(pattern) for pattern in patterns]

    def journal(self, index: int) -> Path:
        """Return the file in which the launcher notes what a node signs."""
        return self.net.base / f"journal-{index}.jsonl"

    def down(self) -> None:
        """End it, whatever state it is in."""
        self.net.down()

    def make_whole(self) -> None:
        """Start all validators that are down, end all partitions, wait until all go together."""
        self.net.reload()
        self.net.heal()
        for node in self.net.nodes:
            if node.is_paused:
                node.resume()
            if not node.is_alive:
                self.net.restart(node.index)
        self.catch_up()

    def catch_up(self, label: str = "", seconds: float = HANG) -> float:
        """Wait until all nodes have finalized what was the best block; the seconds it took."""
        began = time.monotonic()
        best = max(node.rpc.best() for node in self.running())
        self.net.wait_for_finality(best, seconds=seconds)
        took = time.monotonic() - began
        if label:
            print(f"  {label}: {took:.1f} s")
        return took

    def stalled(self, nodes: Sequence[int], clock: Sequence[int]) -> list[int]:
        """Wait until finality has stopped on nodes that are too few; the heights where it stands.

        Votes that were on their way may still finalize blocks: it has stopped if it has not moved
        while the nodes of `clock` made two blocks. A node without a peer makes none.
        """
        deadline = time.monotonic() + HANG
        while True:
            before = [self.net[index].rpc.finalized() for index in nodes]
            best = max(self.net[index].rpc.best() for index in clock)
            self.net.wait_for_block(best + 2, nodes=clock, seconds=HANG)
            if [self.net[index].rpc.finalized() for index in nodes] == before:
                return before
            assert time.monotonic() < deadline, f"finality goes on at {before} on nodes {nodes}"

    def running(self) -> list[DevNode]:
        """Nodes that can answer."""
        return [node for node in self.net.nodes if node.is_alive and not node.is_paused]

    # ---- what it must keep

    def check(self) -> int:
        """Assert I1-I7 on what the nodes show now; the height that all hold to be final."""
        running = self.running()
        heads = {node.index: node.rpc.finalized() for node in running}
        for index, height in heads.items():
            before = self.highest.get(index, 0)
            assert height >= before, f"I4: node {index} finality went from {before} to {height}"
            self.highest[index] = height
        for node in running:
            self._check_chain(node, heads[node.index])
        for node in running:
            self._check_proofs(node, heads[node.index])
            self._check_memory(node)
        self.check_signatures()
        self.check_logs()
        return min(heads.values())

    def _check_chain(self, node: DevNode, height: int) -> None:
        """I1, I3: what is final here is what was final anywhere, and so are all roots in it."""
        at = height
        while at > 0:
            hash = node.rpc.block_hash(at)
            assert hash is not None, f"I1: node {node.index} lacks final block {at}"
            known = at in self.claims
            said = self.claims.setdefault(at, hash)
            assert said == hash, f"I1: block {at} is {hash} on node {node.index}, and {said}"
            # Each header names its parent: where two chains meet, all below is one.
            if known and at - 1 in self.claims:
                break
            at -= 1
        if height:
            header: Any = node.rpc.call("chain_getHeader", self.claims[height])
            root = header["stateRoot"]
            served: Any = node.rpc.call("state_getReadProof", [AUTHORITIES], self.claims[height])
            assert served["proof"], f"I3: node {node.index} cannot prove its state {root}"

    def _check_proofs(self, node: DevNode, height: int) -> None:
        """I5: the head that is served as final has a proof that the strict rule accepts."""
        hash = node.rpc.block_hash(height)
        if not height or hash is None or f"{node.index} {hash}" in self._proven:
            return
        block: Any = node.rpc.call("chain_getBlock", hash)
        proofs = [bytes(raw) for engine, raw in _proofs(block) if engine == GRANDPA]
        assert proofs, f"I5: node {node.index} has no proof of final head {height}"
        parent = block["block"]["header"]["parentHash"]
        voters, set_id = voters_at(node.rpc, parent)
        target = Target(H256.fromhex(hash[2:]), height)
        verdict = verify_full(Justification.decode(proofs[0]), set_id, voters, target)
        assert verdict is Verdict.ACCEPTED, f"I5: node {node.index}, block {height}: {verdict}"
        self._proven.add(f"{node.index} {hash}")

    def _check_memory(self, node: DevNode) -> None:
        used = resident(node)
        assert used < LARGEST, f"I6: node {node.index} has {used >> 20} MiB in memory"

    def check_signatures(self) -> None:
        """I2: no honest node has signed two messages for one slot, or in one step."""
        said: dict[str, str] = {}
        cheating = {line["key"] for index in sorted(self.cheats) for line in self.signed(index)}
        for node in self.net.nodes:
            for line in self.signed(node.index):
                if line["key"] in cheating:
                    continue
                place = f"{line['key']} {line['place']}"
                before = said.setdefault(place, line["said"])
                assert before == line["said"], f"I2: {place}: {before} and {line['said']}"
        made: dict[tuple[str, str], str] = {}
        names = {self.net.node(index).name for index in self.cheats}
        for node in self.net.nodes:
            for _, hash, author, slot in IMPORTED.findall(node.log.read_text(errors="replace")):
                if author in names:
                    continue
                before = made.setdefault((author, slot), hash)
                assert before == hash, f"I2: {author} made {before} and {hash} for slot {slot}"

    def signed(self, index: int) -> list[dict[str, Any]]:
        """Return the entries of a node's journal; a line that a crash cut is left out."""
        file = self.journal(index)
        if not file.exists():
            return []
        whole = file.read_bytes()
        lines = whole[: whole.rfind(b"\n") + 1].splitlines()
        return [json.loads(line) for line in lines]

    def check_logs(self) -> None:
        """I7: no errors without a cause, and no honest node is accused."""
        for node in self.net.nodes:
            text = node.log.read_text(errors="replace")
            fresh = text[self._read.get(node.index, 0) :]
            self._read[node.index] = len(text)
            bad = [line for line in fresh.splitlines() if TROUBLE.search(line)]
            if not self.cheats:
                bad += [line for line in fresh.splitlines() if EQUIVOCATION in line]
            bad = [
                line for line in bad if not any(pattern.search(line) for pattern in self.excused)
            ]
            assert not bad, f"I7: node {node.index} ({node.log}):\n" + "\n".join(bad[:20])

    # ---- what is measured

    def report(self) -> str:
        """A line for the printed report: heights and memory."""
        parts = []
        for node in self.running():
            said = node.glance()
            parts.append(f"{said.name} {said.best}/{said.finalized} {resident(node) >> 20} MiB")
        return "  " + ", ".join(parts)

    def lags(self, seconds: float, nodes: Sequence[int]) -> list[int]:
        """Samples of how far finality is behind the best block."""
        found, deadline = [], time.monotonic() + seconds
        while time.monotonic() < deadline:
            found += [self.net[index].glance().lag for index in nodes]
            time.sleep(_PAUSE)
        return found


def voters_at(rpc: Rpc, block: str) -> tuple[VoterSet, int]:
    """The voters whom a block's state names, and the number of their set.

    A block is proven by those of its parent's state: the one that brings others is the last one of
    those before them.
    """
    raw = rpc.call("state_getStorage", AUTHORITIES, block)
    number = rpc.call("state_getStorage", SET_ID, block)
    assert isinstance(raw, str)
    voters = [(who, int(weight)) for who, weight in VOTERS.decode_all(bytes.fromhex(raw[2:]))]
    set_id = int.from_bytes(bytes.fromhex(number[2:]), "little") if isinstance(number, str) else 0
    return VoterSet(voters), set_id


def reports_at(rpc: Rpc, block: str | None = None) -> int:
    """Return the number of offences on chain."""
    found = rpc.call("state_getKeysPaged", REPORTS, 100, None, *([block] if block else []))
    assert isinstance(found, list)
    return len(found)


def session_at(rpc: Rpc, block: str | None = None) -> int:
    """The session of a block, the best one by default."""
    raw = rpc.call("state_getStorage", SESSION, *([] if block is None else [block]))
    return int.from_bytes(bytes.fromhex(raw[2:]), "little") if isinstance(raw, str) else 0


def resident(node: DevNode) -> int:
    """Bytes that a node has in memory; 0 if it is gone."""
    pid = None if node.process is None else node.process.pid
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) << 10 if found else 0


def until(
    what: str,
    holds: Callable[[], bool],
    seconds: float = HANG,
    found: Callable[[], object] | None = None,
) -> float:
    """Wait until something holds; the seconds it took.

    Fails if it never does, naming it and what `found` returns.
    """
    began = asked = time.monotonic()
    while not holds():
        now = time.monotonic()
        if now - began > seconds:
            there = "" if found is None else f"; there is {found()}"
            raise AssertionError(f"not within {seconds:g} s: {what}{there}")
        took = now - asked
        # The nodes need the processor: a tenth of it for looks, a fifth for those that take long.
        time.sleep(max(_PAUSE, min(9 * took, _LONG_PAUSE), 4 * took))
        asked = time.monotonic()
    return time.monotonic() - began


def end_of(node: DevNode, seconds: float) -> int:
    """Wait until a node ends by itself; its exit code, -N for signal N. Fails if it does not."""
    assert node.process is not None
    assert node.process.wait(seconds), f"node {node.index} does not end\n{node.tail()}"
    code = node.process.exit_code()
    assert code is not None, f"node {node.index} was not started here"
    node.process.reap()
    return code


def command(url: str, *words: str) -> Any:
    """Type a command, and read what it answers a program.

    In this process: it takes seconds of a core to start one that has the runtime.
    """
    done = CliRunner().invoke(program, [*words, "--url", url, "--json"], prog_name="btt-chain")
    assert done.exit_code == 0, f"{words}: {done.output}"
    return json.loads(done.stdout)


class Words:
    """Lines of a log from now on."""

    def __init__(self, node: DevNode) -> None:
        self._log = node.log
        self._from = len(self.all())

    def all(self) -> str:
        """The whole log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def new(self) -> str:
        """Return the new lines."""
        return self.all()[self._from :]

    def have(self, text: str) -> Callable[[], bool]:
        """Return True if a text is in the new lines; for `until`."""
        return lambda: text in self.new()


def _proofs(block: Mapping[str, Any]) -> list[tuple[list[int], list[int]]]:
    found: list[tuple[list[int], list[int]]] = block["justifications"] or []
    return found
