"""`btt-chain doctor`: checks a node and names its faults.

Each check is a line: OK, WARN or FAIL, the observation, the remedy. The node is queried by
JSON-RPC; files are checked only if `--base-path` or `--chain` is given, and never changed while a
node uses them. Evaluation is separate from the queries, so that it can be tested.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from btt_chain.client.errors import ClientError, Disconnected, RpcError
from btt_chain.client.jsonrpc import Connection, Json, WebSocket
from btt_chain.client.wire import header_number
from btt_chain.crypto.hashing import twox_64_concat, twox_128
from btt_chain.lazyclass import dataclass
from btt_chain.node.engine.log_lines import called
from btt_chain.node.service.paths import default_base_path
from btt_chain.primitives import ss58
from btt_chain.primitives.babe import NoPreDigest, pre_digest
from btt_chain.primitives.header import Header
from btt_chain.scale.compact import compact_decode
from btt_chain.telemetry.voter_participation import RoundSeen, VoterParticipation
from btt_chain.testing import Devnet, DevnetError
from btt_chain.testing.process import listener
from btt_chain.web.addresses import is_here
from cli.commands.devnet_common import VARIABLE, located
from cli.commands.devnet_report import trouble
from cli.commands.doctor_rules import (
    Check,
    Quorum,
    Verdict,
    Votes,
    fail,
    judge_clock,
    judge_files,
    judge_finality,
    judge_keys,
    judge_moving,
    judge_peers,
    judge_runtime,
    judge_signing,
    judge_validators,
    ok,
    warn,
)
from cli.common import show
from cli.common.errors import ExitCode, NotFound
from cli.common.key_state import key_reports
from cli.common.options import (
    base_path_option,
    chain_names,
    connection_options,
    examples,
    json_option,
)

PATIENCE_SLOTS: Final = 4
LONGEST_WAIT: Final = 30.0
OTHERS_PATIENCE: Final = 3
"""Number of usual block times to wait for a block of another validator, to compare clocks."""
ROUNDS_PAUSE: Final = 0.5
ROUNDS_WANTED: Final = 3
"""Number of completed rounds, so that a slightly late voter is not reported as missing."""
ROUNDS_PATIENCE: Final = 15.0
"""Seconds to watch the rounds of finality; one that takes ten is waiting for a voter."""


@examples(
    "btt-chain doctor",
    "btt-chain doctor --url ws://127.0.0.1:9945",
    "btt-chain doctor --base-path /var/lib/btt --chain mainnet --json",
)
@click.command()
@connection_options
@base_path_option(
    "Look at the data there as well. [default: ~/.local/share/btt-chain, with --chain]"
)
@click.option(
    "--chain", metavar="NAME|FILE", shell_complete=chain_names,
    help="Whose data; needed for the database, the keys and the signing record.",
)  # fmt: skip
@json_option
def doctor(
    url: str, timeout: float, base_path: Path | None, chain: str | None, *, as_json: bool
) -> int:
    """Name what stops a node; exit code 0 if nothing does, else 1."""
    checks = asyncio.run(look_at_node(url, timeout))
    is_up = checks[0].verdict is Verdict.OK
    checks += look_at_machine(url, is_up=is_up)
    checks += look_at_programs(url)
    if base_path is not None or chain is not None:
        # Imported here: it opens databases, and takes a second.
        from cli.commands.doctor_data import look_at_data

        checks += look_at_data(base_path or default_base_path(), chain, is_up=is_up)
    if as_json:
        show.document(
            {
                "ok": not _failed(checks),
                "checks": [
                    {"name": c.name, "verdict": c.verdict, "seen": c.seen, "todo": c.todo}
                    for c in checks
                ],
            }
        )
    else:
        _print(checks)
    return ExitCode.REFUSED if _failed(checks) else ExitCode.DONE


def _failed(checks: Iterable[Check]) -> bool:
    return any(check.verdict is Verdict.FAIL for check in checks)


def _print(checks: Sequence[Check]) -> None:
    say = {Verdict.OK: show.good, Verdict.WARN: show.heading, Verdict.FAIL: show.bad}
    width = max(len(check.name) for check in checks)
    for check in checks:
        say[check.verdict](f"{check.verdict:<5} {check.name:<{width}}  {check.seen}")
        if check.todo:
            click.echo(f"{'':<6}{'':<{width}}  -> {check.todo}")
    failed = sum(check.verdict is Verdict.FAIL for check in checks)
    warned = sum(check.verdict is Verdict.WARN for check in checks)
    if not failed and not warned:
        show.note("nothing is wrong")
        return
    show.note(f"{failed} stop the node, {warned} to look at")


# ---- queries to the node


async def look_at_node(url: str, timeout: float) -> list[Check]:
    """Check a node by its RPC; the first check is that it answers."""
    try:
        client = await WebSocket.connect(url, min(timeout, 10.0))
    except Disconnected as error:
        return [fail("node", str(error).partition(";")[0], "start it; its log says why it ended")]
    try:
        async with client:
            return await _asked(client, url)
    except ClientError as error:
        return [fail("node", str(error), "look at its log; is it busy or stopping?")]


async def _asked(client: Connection, url: str) -> list[Check]:
    name, version, chain, health, roles = await asyncio.gather(
        client.call("system_name"),
        client.call("system_version"),
        client.call("system_chain"),
        client.call("system_health"),
        client.call("system_nodeRoles"),
    )
    checks = [ok("node", f"{name} {version} on {chain} at {url}"), *await _runtime(client)]
    said = health if isinstance(health, dict) else {}
    peers = said.get("peers")
    alone, is_syncing = said.get("shouldHavePeers") is not True, said.get("isSyncing") is True
    checks += judge_peers(
        peers if isinstance(peers, int) else 0,
        should_have=not alone,
        is_syncing=is_syncing,
    )
    keys = await _keys(client)
    blocks, votes = await asyncio.gather(
        _blocks(client, keys, alone=alone, is_syncing=is_syncing), _votes(client, keys)
    )
    checks += blocks
    checks += judge_finality(*await _heads(client), votes, is_syncing=is_syncing)
    if (keys.active or keys.queued) and not await _is_by_hand(client):
        is_validator = isinstance(roles, list) and "Authority" in roles
        checks += judge_keys(keys.ours, keys.active, is_validator=is_validator, asked=keys.asked)
        checks += judge_validators(len(keys.active))
    return [*checks, *judge_signing(await key_reports(client))]


async def _runtime(client: Connection) -> list[Check]:
    """Check that the node has the scheduled runtime; no check if the node does not report it."""
    try:
        status = await client.call("upgrade_status")
    except RpcError:
        return []
    return [judge_runtime(status)] if isinstance(status, dict) else []


async def _blocks(client: Connection, keys: _Keys, *, alone: bool, is_syncing: bool) -> list[Check]:
    """Wait for a block; check that it comes, and the age of one of another validator."""
    best, _ = await _heads(client)
    pace = await _pace(client, best)
    patience = min(max(PATIENCE_SLOTS * pace, 2.0), LONGEST_WAIT)
    began = time.monotonic()
    number: int | None = None
    waited = patience
    offset: float | None = None
    async with client.subscribe("chain_subscribeNewHeads", "chain_unsubscribeNewHeads") as heads:
        try:
            async with asyncio.timeout(patience) as limit:
                async for head in heads:
                    arrived = time.time()
                    if header_number(head) <= best:
                        continue
                    if number is None:
                        number, waited = header_number(head), time.monotonic() - began
                        more = patience * (OTHERS_PATIENCE - 1)
                        limit.reschedule(asyncio.get_running_loop().time() + more)
                    if alone:
                        break
                    if _author(head, keys) in keys.ours:
                        continue  # made by this clock, so no comparison
                    hash = await client.call("chain_getBlockHash", header_number(head))
                    made = await _timestamp(client, hash)
                    offset = None if made is None else arrived - made
                    break
        except TimeoutError:
            pass  # the results so far are evaluated
    age = None
    if number is None:
        waited = time.monotonic() - began
        made = await _timestamp(client, await client.call("chain_getBlockHash"))
        age = None if made is None else time.time() - made
    moving = judge_moving(best, number, waited, age, alone=alone)
    if alone:
        # Its blocks have the time of this clock, and by hand they may be ahead of it.
        return [moving, ok("clock", "no other node to compare with")]
    return [moving, judge_clock(offset, pace, is_syncing=is_syncing)]


def _author(head: Json, keys: _Keys) -> str | None:
    """Return the account of a block's author, by the claim in its header; None if it is unknown."""
    if not isinstance(head, dict):
        return None
    try:
        index = int(pre_digest(Header.from_json(head).digest.logs).claim.authority_index)
    except NoPreDigest:
        return None
    return keys.active[index] if index < len(keys.active) else None


async def _heads(client: Connection) -> tuple[int, int]:
    best = header_number(await client.call("chain_getHeader"))
    final = await client.call("chain_getFinalizedHead")
    return best, header_number(await client.call("chain_getHeader", final))


async def _pace(client: Connection, best: int) -> float:
    """Return the recent seconds between blocks; six if unknown."""
    back = min(best - 1, 10)
    if back < 1:
        return 6.0
    last, first = [
        await _timestamp(client, await client.call("chain_getBlockHash", height))
        for height in (best, best - back)
    ]
    return 6.0 if last is None or first is None else max((last - first) / back, 0.1)


async def _timestamp(client: Connection, hash: Json) -> float | None:
    """Return the Unix seconds of a block, None if its state does not have them."""
    raw = await client.call("state_getStorage", _key("Timestamp", "Now"), hash)
    if not isinstance(raw, str):
        return None
    return int.from_bytes(bytes.fromhex(raw[2:]), "little") / 1_000


async def _votes(client: Connection, keys: _Keys) -> Votes | None:
    """Watch the rounds of finality until the missing voters are known; None if unavailable."""
    participation: VoterParticipation[str] = VoterParticipation()
    until = time.monotonic() + ROUNDS_PATIENCE
    quorum = Quorum()
    while time.monotonic() < until:
        try:
            quorum = _look_at_rounds(participation, await client.call("grandpa_roundState"))
        except (RpcError, LookupError, TypeError, ValueError):
            return None
        if participation.missing() is not None and (
            participation.is_stuck or participation.rounds_seen >= ROUNDS_WANTED
        ):
            break
        await asyncio.sleep(ROUNDS_PAUSE)
    missing = participation.missing()
    if missing is None:
        return None
    named = [await _voter(client, each) for each in missing]
    return Votes(named, participation.is_stuck, quorum, keys.ours)


def _look_at_rounds(participation: VoterParticipation[str], state: Any) -> Quorum:
    """Record a round state; return what finality needs, and lacks in the present round.

    LookupError, TypeError or ValueError for a malformed answer.
    """

    def seen(said: Any) -> RoundSeen[str]:
        late = set(said["precommits"]["missing"])
        silent = tuple(each for each in said["prevotes"]["missing"] if each in late)
        return RoundSeen(int(said["round"]), silent)

    best = state["best"]
    present, stage = seen(best), best["prevotes"]
    has_heads = int(stage["currentHeads"]) >= int(best["thresholdHeads"])
    if has_heads and int(stage["currentWeight"]) >= int(best["thresholdWeight"]):
        # It waits for precommits now: a voter that only prevoted, and then fell silent, blocks it
        # too.
        stage = best["precommits"]
        present = RoundSeen(present.number, tuple(stage["missing"]))
    participation.look(
        int(state["setId"]),
        present,
        [seen(each) for each in state["background"]],
        int(time.monotonic() * 1_000),
    )
    total, received = int(best["totalWeight"]), int(stage["currentWeight"])
    share = 100 * (total - received) // max(total, 1)
    return Quorum(share, int(best["totalHeads"]), int(best["thresholdHeads"]))


async def _voter(client: Connection, key: str) -> str:
    """Return the validator of a GRANDPA key; the key itself if the chain does not have it."""
    try:
        raw, _ = ss58.decode(key)
    except ss58.Ss58Error:
        raw = bytes.fromhex(key.removeprefix("0x"))
    # (KeyTypeId, Vec<u8>): four letters, then the key after its compact length.
    owner = twox_64_concat(b"gran" + bytes((len(raw) << 2,)) + raw)
    found = await client.call("state_getStorage", _key("Session", "KeyOwner") + owner.hex())
    return _named(bytes.fromhex(found[2:])) if isinstance(found, str) else key


@dataclass(frozen=True, slots=True)
class _Keys:
    """The node's session keys, and those in force; accounts by their names."""

    queued: bool = False
    """True if the chain has session keys."""
    active: Sequence[str] = ()
    ours: Sequence[str] = ()
    asked: bool = True
    """True if the node reported its keys."""


async def _keys(client: Connection) -> _Keys:
    queued = await _list(client, "QueuedKeys", 32 + 64)
    active = [_named(each) for each in await _list(client, "Validators", 32)]
    ours = []
    for entry in queued:
        try:
            has = await client.call("author_hasSessionKeys", "0x" + entry[32:].hex())
        except RpcError:
            return _Keys(bool(queued), active, asked=False)
        if has is True:
            ours.append(_named(entry[:32]))
    return _Keys(bool(queued), active, ours)


async def _is_by_hand(client: Connection) -> bool:
    """Return True if a chain is sealed by hand: its validator signs nothing."""
    manual = "0x00"  # Engine.Manual
    return await client.call("state_getStorage", _key("Babe", "Engine")) == manual


async def _list(client: Connection, item: str, size: int) -> list[bytes]:
    """Return a list of entries of `size` bytes in the session pallet; empty if there is none."""
    found = await client.call("state_getStorage", _key("Session", item))
    if not isinstance(found, str):
        return []
    raw = bytes.fromhex(found[2:])
    count, at = compact_decode(raw, 0)
    return [raw[at + size * i : at + size * (i + 1)] for i in range(count)]


def _key(pallet: str, item: str) -> str:
    return "0x" + (twox_128(pallet.encode()) + twox_128(item.encode())).hex()


def _named(account: bytes) -> str:
    """Return the address, followed by the name of a well-known development account."""
    address, name = ss58.encode(account), called(account)
    return address if "…" in name else f"{address} ({name})"


# ---- checks of machine and programs


def look_at_machine(url: str, *, is_up: bool) -> list[Check]:
    """Check the limits of the node's process, and find the process on its port if it is down."""
    parts = urlsplit(url)
    if not is_here(parts.hostname or "") or parts.port is None:
        return []
    who = listener(parts.port)
    found = []
    if not is_up and who is not None:
        found.append(
            fail("port", f"{parts.port} is held by {who}, which does not answer as a node",
                 "if that is the node, it starts or hangs: see its log; else stop it, or give the "
                 "node another --rpc-port")
        )  # fmt: skip
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    pid = re.search(r"pid (\d+)", who or "")
    if pid is not None and is_up:
        limit = _limit_of(int(pid[1])) or limit
    return [*found, judge_files(limit)]


def look_at_programs(url: str) -> list[Check]:
    """Check the programs beside the nodes, if the node is one of the devnet of this folder."""
    named = os.environ.get(VARIABLE)
    try:
        net = Devnet.open(located(None if named is None else Path(named)))
    except (NotFound, DevnetError):
        return []
    parts = urlsplit(url)
    is_ours = is_here(parts.hostname or "") and parts.port in {node.rpc_port for node in net.nodes}
    if not is_ours or not net.helpers:
        return []
    lines = trouble(net, ())
    if lines:
        return [fail("programs", "; ".join(lines), "`btt-chain devnet restart` starts one again")]
    died = [f"{each.name} {each.deaths}x, it {each.last_death}" for each in net.helpers
            if each.deaths]  # fmt: skip
    if died:
        return [
            warn("programs", f"all run, after deaths: {'; '.join(died)}",
                 "`btt-chain devnet logs` shows why they ended")
        ]  # fmt: skip
    return [ok("programs", f"{len(net.helpers)} run beside the nodes")]


def _limit_of(pid: int) -> int | None:
    """Return the maximum number of open files of a process; None if it may not be read."""
    try:
        text = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    found = re.search(r"Max open files\s+(\d+)", text)
    return None if found is None else int(found[1])
