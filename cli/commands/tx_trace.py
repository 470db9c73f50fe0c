"""`btt-chain tx trace`: what a transaction did in its block, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

import click

from btt_chain.client.chain import Chain
from btt_chain.client.errors import Undecodable
from btt_chain.client.extrinsics import hash_of
from btt_chain.client.jsonrpc import Json
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.wire import header_number, list_of, member, records_of, to_bytes
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import examples, query_options
from cli.common.session import open_chain, run

MAX_SHOWN: Final = 160
"""Characters of a value that are shown to people."""

STEPS: Final = "Extrinsic,Call,Event,Error,Done"
"""Methods of a trace's events without the accesses to the state."""

MIN_DIGITS: Final = 6
"""Hex digits of a hash that are enough to search for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A step of a trace: its depth below the transaction, its kind, its name and its value."""

    depth: int
    kind: str
    name: str
    value: str = ""


@examples(
    "btt-chain tx trace 0x0c50af5c",
    "btt-chain tx trace 0x0c50af5c --no-storage",
    "btt-chain tx trace 0x0c50af5c --block 120 --json",
)
@click.command()
@click.argument("hash", metavar="HASH")
@click.option("--block", help="Its block, by number or hash. [default: searched for]")
@click.option(
    "--search",
    type=click.IntRange(min=1),
    default=2_000,
    show_default=True,
    help="The most blocks to search, from the best one down.",
)
@click.option("--storage/--no-storage", default=True, help="Show reads and writes. [default: yes]")
@query_options
def trace(
    hash: str, block: str | None, search: int, storage: bool, url: str, timeout: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Show what a transaction did in its block, step by step.

    HASH is the transaction's hash or its beginning. The node executes the block again: calls and
    the calls within them, reads and writes, weights, events, and where a failed call failed.
    """
    wanted = hash.lower().removeprefix("0x")
    if len(wanted) < MIN_DIGITS or not set(wanted) <= set("0123456789abcdef"):
        raise Mistyped(f"{hash!r} is not a hash: write 0x and at least {MIN_DIGITS} hex digits")

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            number, at, index, found = await _find(chain, wanted, block, search)
            there = await chain.at_block(to_hex(at))
            found_trace = await _ask(chain, at, storage=storage)
            steps = list(lines(there.metadata, found_trace, index))
            failed = next((step for step in reversed(steps) if step.kind == "error"), None)
            if as_json:
                show.document(
                    {
                        "hash": found,
                        "block": {"number": number, "hash": to_hex(at)},
                        "index": index,
                        "success": steps[-1].kind != "failed",
                        "steps": [asdict(step) for step in steps],
                    }
                )
                return
            show.record({"hash": found, "block": f"{number} {to_hex(at)}, extrinsic {index}"})
            for step in steps:
                if storage or step.kind not in {"read", "write"}:
                    _print(step)
            if steps[-1].kind != "failed":
                show.good("The call succeeded.")
                if failed is not None:
                    show.note(f"a call within it failed: {failed.value}")
            elif failed is not None:
                show.bad(f"The call failed: {failed.value}")

    run(work())


async def _find(
    chain: Chain, wanted: str, block: str | None, search: int
) -> tuple[int, bytes, int, str]:
    """Return number and hash of a transaction's block, its index there, and its whole hash."""
    at = await chain.block_hash(block or "best")
    for _ in range(1 if block else search):
        answer = await chain.connection.call("chain_getBlock", to_hex(at))
        if answer is None:
            break
        inner = member(answer, "block")
        header = member(inner, "header")
        number = header_number(header)
        for index, wire in enumerate(list_of(member(inner, "extrinsics"))):
            name = hash_of(to_bytes(wire))
            if name.removeprefix("0x").startswith(wanted):
                return number, at, index, name
        if not number:
            break
        at = to_bytes(member(header, "parentHash"))
    where = f"block {block}" if block else f"the last {search} blocks"
    raise NotFound(
        f"there is no transaction 0x{wanted} in {where}; name its block with --block, or search "
        "more blocks with --search"
    )


async def _ask(chain: Chain, at: bytes, *, storage: bool) -> dict[str, Json]:
    """Return the trace of a block, without reads and writes if with them it is too large."""
    block = to_hex(at)
    if storage:
        answer = await chain.connection.call("state_traceBlock", block, "", "", "")
        if "choose some by" not in _problem(answer):
            return _trace(answer)
        show.note("the block has too many reads and writes to show: they are left out")
    return _trace(await chain.connection.call("state_traceBlock", block, "", "", STEPS))


def _problem(answer: Json) -> str:
    """Return why the node has no trace; empty if it has one."""
    problem = answer.get("traceError") if isinstance(answer, dict) else None
    return str(problem.get("error")) if isinstance(problem, dict) else ""


def _trace(answer: Json) -> dict[str, Json]:
    """Return the trace of an answer. Raises Refused."""
    if isinstance(answer, dict) and isinstance(found := answer.get("blockTrace"), dict):
        return found
    why = _problem(answer) or "its answer has another form"
    raise Refused(f"the node cannot trace the block: {why}")


def lines(metadata: ChainMetadata, trace: dict[str, Json], index: int) -> Iterator[Line]:
    """Yield the steps of the extrinsic of this index; the last one is `done` or `failed`."""
    parents = {each["id"]: each["parentId"] for each in records_of(trace["spans"])}
    begin: Json = None
    depths: dict[Json, int] = {}
    seen: set[tuple[Json, str, str]] = set()
    failed = False
    for event in records_of(trace["events"]):
        data, span = event["data"], event["parentId"]
        values = data["stringValues"] if isinstance(data, dict) else None
        if not isinstance(values, dict):
            continue
        texts = {name: str(value) for name, value in values.items()}
        if texts["method"] == "Extrinsic":
            begin = span if texts["index"] == str(index) else None
            depths = {begin: 0}
            continue
        if begin is None or (depth := _depth(span, parents, depths)) is None:
            continue
        for step in _steps(metadata, texts, depth):
            # The same value is read many times, of accounts above all.
            if step.kind == "read" and (known := (span, step.name, step.value)) in seen:
                continue
            elif step.kind == "read":
                seen.add(known)
            failed = failed or (step.kind == "error" and depth == 1)
            if step.kind == "done" and depth == 0:
                yield Line(0, "failed" if failed else "done", step.name, step.value)
                return
            yield step


def _depth(span: Json, parents: dict[Json, Json], depths: dict[Json, int]) -> int | None:
    """Return the depth of a span below the extrinsic; None if it is not part of it."""
    chain: list[Json] = []
    while span is not None and span not in depths:
        chain.append(span)
        span = parents.get(span)
    if span is None:
        return None
    for place, each in enumerate(reversed(chain), 1):
        depths[each] = depths[span] + place
    return depths[chain[0]] if chain else depths[span]


def _steps(metadata: ChainMetadata, texts: dict[str, str], depth: int) -> Iterator[Line]:
    match texts["method"]:
        case "Call":
            call = metadata.decoder.call(bytes.fromhex(texts["call"]))
            origin = _origin(metadata, texts["origin"])
            yield Line(depth, "call", call.line, f"{origin}, {_us(texts['weight'])}")
        case "Get":
            yield _access(metadata, depth, "read", texts["key"], texts["result"])
        case "Put":
            yield _access(metadata, depth, "write", texts["key"], texts["value"])
        case "Event":
            # As the value of System.Events: one record, of any phase, without topics.
            raw = b"\4\1" + bytes.fromhex(texts["event"]) + b"\0"
            for event in metadata.decoder.events(raw):
                yield Line(depth, "event", event.name, event.shown)
        case "Error":
            error = metadata.decoder.dispatch_error_in(bytes.fromhex(texts["error"]))
            yield Line(depth, "error", "", error)
        case "Done":
            yield Line(depth, "done", "", _us(texts["weight"]))


def _access(metadata: ChainMetadata, depth: int, kind: str, key: str, value: str) -> Line:
    raw_key = bytes.fromhex(key)
    text = value.removeprefix("Some(").removesuffix(")")
    raw = None if value == "None" else bytes.fromhex(text)
    found = metadata.storage.entry_of(raw_key)
    if found is None:
        return Line(depth, kind, _own(raw_key), "none" if raw is None else "0x" + text)
    pallet, entry = found
    name = f"{pallet.name}.{entry.name}"
    try:
        keys = metadata.storage.keys_of(entry, raw_key)
        shown = "none"
        if raw is not None:
            shown = metadata.values.for_people(*metadata.storage.stored(entry, raw))
    except Undecodable:
        return Line(depth, kind, f"{name} 0x{key}", "none" if raw is None else "0x" + text)
    return Line(depth, kind, f"{name}({', '.join(keys)})" if keys else name, shown)


def _own(key: bytes) -> str:
    """Return the name of a key that is not a pallet's."""
    return key.decode() if key[:1] == b":" and key.isascii() else to_hex(key)


def _origin(metadata: ChainMetadata, text: str) -> str:
    kind, _, account = text.partition(" 0x")
    return f"{kind} {metadata.address(bytes.fromhex(account))}" if account else kind


def _us(weight: str) -> str:
    """Return a weight in microseconds."""
    return f"{int(weight) / 1_000_000:_.1f} us"


def _print(step: Line) -> None:
    colours = {"call": "cyan", "error": "red", "event": "yellow", "write": "magenta"}
    value = step.value if len(step.value) <= MAX_SHOWN else f"{step.value[:MAX_SHOWN]} ..."
    text = "  ".join(part for part in (step.name, value) if part)
    show.labelled("  " * step.depth + step.kind.ljust(6), text, colours.get(step.kind))
