"""Commands on the data of a node that is not running: purge, export, import, check, revert,
restart finality.

The binary form of exported blocks is Substrate's: their number (u64), then each SCALE(SignedBlock)
in a row. The JSON form has one block per line, as in `chain_getBlock`. Both contain justifications,
so that finality is preserved.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import click

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.consensus.finality.records import read_voters
from btt_chain.consensus.finality.warp import restart
from btt_chain.node.engine.unix_clock import unix_ms
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import OpenChain, is_by_hand, open_chain, reading_engine
from btt_chain.node.service.paths import Paths, default_base_path
from btt_chain.primitives.block import Block, SignedBlock
from btt_chain.primitives.digest import GRANDPA, ConsensusEngineId
from btt_chain.primitives.digits import to_hex, whole_number
from btt_chain.primitives.grandpa import Target
from btt_chain.primitives.header import Header
from btt_chain.primitives.strict_json import read_object
from btt_chain.scale import codec
from btt_chain.scale.errors import DecodeError
from cli.common import show
from cli.common.chain_data import chain_id_of, chain_name, opened, plain_errors
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import input_file, output_file
from cli.common.options import data_options, examples, json_option, stdout_option
from cli.common.validator_keys import delete_records, place_of
from genesis.checkpoint import Checkpoint
from p2p.sync.types import Block as SyncBlock
from runtime.frame.error import InvalidBlock
from storage.kv import StorageError
from storage.state import StateUnavailable

CHUNK: Final = 16 << 20
"""Bytes read ahead: more than any block has."""

FINAL_EVERY: Final = 256
"""Number of imported blocks that are finalized together, because each time waits for the disk."""

SHOWN: Final = 5
"""Number of dropped proofs that are named."""


# ---- purge


@examples(
    "btt-chain purge-chain --dev",
    "btt-chain purge-chain --chain local --base-path data --yes",
)
@click.command("purge-chain")
@data_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def purge_chain(dev: bool, chain: str | None, base_path: Path | None, yes: bool) -> None:
    """Delete the database of a chain.

    Keys and the node's identity are kept, and the record of what validators signed; on a
    development chain, which no other node has, that record goes as well.
    """
    paths = Paths(base_path or default_base_path(), chain_id_of(dev, chain))
    database = paths.database
    if not database.exists():
        raise NotFound(f"{database} does not exist: there is nothing to delete")
    if not yes:
        click.confirm(f"Delete {database}?", abort=True, err=True)
    with plain_errors(), _alone(database):
        shutil.rmtree(database)
    show.note(f"deleted {database}")
    _after_purge(dev, chain, base_path)


def _after_purge(dev: bool, chain: str | None, base_path: Path | None) -> None:
    """Delete the signing records of a chain of a single machine; name those that stay."""
    place = place_of(dev, chain, base_path)
    if not (place.paths.signing / place.genesis.hex()).exists():
        return
    if place.is_alone:
        # The chain restarts with block one, and old records would refuse all its votes.
        delete_records(place)
    else:
        show.note(
            "the signing records stay; if every node of a local chain begins anew, its votes need "
            "`btt-chain signing forget`"
        )


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Check that no node has the database open."""
    lock = database / "LOCK"
    if not lock.exists():
        yield
        return
    with lock.open("r+b") as file:
        try:
            # The lock that LevelDB itself takes.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(f"a node is running on {database}: stop it first") from None
        yield


# ---- export


@examples(
    "btt-chain export-blocks --dev --output blocks.bin",
    "btt-chain export-blocks --dev --from 1 --to 1000 --json | gzip > blocks.json.gz",
)
@click.command("export-blocks")
@data_options
@click.option(
    "--from", "first", type=click.IntRange(min=0), default=1, show_default=True,
    help="The first block.",
)  # fmt: skip
@click.option("--to", "last", type=click.IntRange(min=0), help="[default: the best block]")
@stdout_option
@click.option("--binary/--json", default=True, show_default=True, help="SCALE, or JSON lines.")
def export_blocks(
    dev: bool,
    chain: str | None,
    base_path: Path | None,
    first: int,
    last: int | None,
    output: str,
    binary: bool,
) -> None:
    """Write blocks of the best chain to a file, with what proves them final."""
    with opened(chain_name(dev, chain), base_path) as data:
        best = data.client.best().number
        last = best if last is None else last
        if max(first, last) > best:
            raise NotFound(f"there is no block {max(first, last)}: the best one is {best}")
        if first > last:
            raise Mistyped(f"from {first} to {last} there is no block")
        lowest = data.store.blocks.bodies_from
        if 0 < first < lowest:
            raise NotFound(
                f"the database has whole blocks from {lowest} on: give --from {lowest}, or export "
                "from a node that keeps all blocks (--blocks-pruning archive-canonical)"
            )
        with output_file(output) as file:
            _export(data, first, last, file, binary=binary)
    show.note(f"{show.counted(last - first + 1, 'block')} written, {first} to {last}")


def _export(data: OpenChain, first: int, last: int, file: IO[bytes], *, binary: bool) -> None:
    encode = codec(SignedBlock).encode
    count = last - first + 1
    if binary:
        file.write(count.to_bytes(8, "little"))
    with show.progress() as progress:
        task = progress.add_task("exporting", total=count)
        for number in range(first, last + 1):
            block = _stored(data, number)
            if binary:
                file.write(encode(block))
            else:
                file.write(json.dumps(block.to_json(), separators=(",", ":")).encode() + b"\n")
            progress.advance(task)


def _stored(data: OpenChain, number: int) -> SignedBlock:
    hash = data.client.block_hash(number)
    body = None if hash is None else data.client.body(hash)
    if hash is None or body is None:
        raise NotFound(f"block {number} is not in the database")
    proofs = data.store.blocks.justifications(hash)
    return SignedBlock(
        Block(data.client.header_of(hash), body),
        [(ConsensusEngineId(engine), proof) for engine, proof in proofs] or None,
    )


# ---- import


@examples(
    "btt-chain import-blocks blocks.bin --chain testnet",
    "zcat blocks.gz | btt-chain import-blocks --chain testnet",
)
@click.command("import-blocks")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@data_options
def import_blocks(file: str, dev: bool, chain: str | None, base_path: Path | None) -> None:
    """Read blocks from FILE (- is standard input) and import them; the form is recognised.

    Each block is executed and checked like one that comes from a peer. A new database is made
    if there is none; blocks that are known are passed over, so that it can be run again.
    """
    # Pipes work like files: `import-blocks <(gunzip -c blocks.gz)`.
    config = NodeConfig(chain_name(dev, chain), base_path or default_base_path())
    with plain_errors(), input_file(file) as source:
        data = open_chain(config)
        try:
            started = time.monotonic()
            if is_by_hand(data.client):
                done = _import_by_hand(data, source)
            else:
                done = _import(data, config, source)
        finally:
            data.close()
    seconds = max(time.monotonic() - started, 0.001)
    new = show.counted(done.new, "block")
    show.note(f"{new} imported, {done.known} were known; {done.new / seconds:.0f} blocks a second")
    if done.dropped:
        numbers = ", ".join(map(str, done.dropped[:SHOWN]))
        more = f" and {len(done.dropped) - SHOWN} more" if len(done.dropped) > SHOWN else ""
        show.note(
            f"{show.counted(len(done.dropped), 'proof')} of finality dropped, invalid or of "
            f"another set of voters, at block {numbers}{more}: the blocks themselves are right"
        )


@dataclass(slots=True)
class Imported:
    """The numbers of imported and known blocks, and of dropped proofs."""

    new: int = 0
    known: int = 0
    dropped: list[int] = field(default_factory=list)
    """Blocks with a proof of finality in the file that did not make them final."""


def _import(data: OpenChain, config: NodeConfig, source: IO[bytes]) -> Imported:
    """Import blocks, and finalize those with a proof in the file."""
    client, engine = data.client, reading_engine(data, config)
    reader = BlockReader(source)
    done = Imported()
    with show.progress() as progress:
        task = progress.add_task("importing", total=reader.count)
        for signed in reader:
            header, proofs = signed.block.header, dict(signed.justifications or ())
            is_known = client.header(header.hash()) is not None
            block = SyncBlock(
                bytes(header.hash()), header, list(signed.block.extrinsics), proofs.get(GRANDPA), ()
            )
            why = engine.take(block, unix_ms())
            if why is not None:
                raise Refused(
                    f"block {header.number} is refused: {_or_foreign(client, header, why)}"
                )
            done.known, done.new = done.known + is_known, done.new + (not is_known)
            if proofs and (GRANDPA not in proofs or client.finalized().number < header.number):
                done.dropped.append(int(header.number))
            progress.advance(task)
    return done


def _or_foreign(client: Client, header: Header, why: str) -> str:
    """Return why a block is refused; of a block 1 of another chain, both genesis hashes."""
    genesis = client.block_hash(0)
    if header.number != 1 or genesis is None or header.parent_hash == genesis:
        return why
    return (
        f"the file is of the chain with genesis {to_hex(header.parent_hash)}, and this one has "
        f"genesis {to_hex(genesis)}: name its chain with --chain"
    )


def _import_by_hand(data: OpenChain, source: IO[bytes]) -> Imported:
    """Import blocks; the new ones are final at the end."""
    client = data.client
    reader = BlockReader(source)
    done = Imported()
    with show.progress() as progress, _final_at_the_end(client):
        task = progress.add_task("importing", total=reader.count)
        for block in reader:
            header = block.block.header
            progress.advance(task)
            if client.header(header.hash()) is not None:
                done.known += 1
                continue
            if block.justifications:
                raise Refused(
                    f"block {header.number} has a justification, which no block of a chain "
                    "sealed by hand has: the file is of another chain"
                )
            try:
                client.import_block(header, block.block.extrinsics)
            except InvalidBlock as error:
                raise Refused(f"block {header.number} is invalid: {error}") from error
            except UnknownBlock as error:
                raise Refused(
                    f"block {header.number} does not connect, {error}: the file is of another "
                    "chain, or begins too late"
                ) from error
            done.new += 1
            if done.new % FINAL_EVERY == 0:
                client.finalize(client.best().hash)
    return done


@contextmanager
def _final_at_the_end(client: Client) -> Iterator[None]:
    """Finalize the best block at the end, also if a bad block or Ctrl-C ends the import."""
    try:
        yield
    except StorageError:
        # The store accepts nothing more, and its first error is the useful one.
        raise
    except BaseException:
        client.finalize(client.best().hash)
        raise
    client.finalize(client.best().hash)


class BlockReader:
    """A reader of the blocks of an exported file, in order; Refused if it is damaged."""

    def __init__(self, source: IO[bytes]) -> None:
        """Read the beginning, which determines the form."""
        self._source = source
        self._buffer = source.read(CHUNK)
        # A count that begins like a JSON object would be 10^17 blocks and more.
        self._is_json = self._buffer.lstrip()[:1] == b"{"
        if not self._is_json and len(self._buffer) < 8:
            raise Refused("the file holds no blocks: it is empty or cut")
        self.count = None if self._is_json else int.from_bytes(self._buffer[:8], "little")
        """Number of blocks, if the file states it."""

    def __iter__(self) -> Iterator[SignedBlock]:
        return self._json() if self._is_json else self._binary()

    def _json(self) -> Iterator[SignedBlock]:
        for number, line in enumerate(self._lines(), 1):
            try:
                document = read_object(line)
                proofs = document["justifications"]
                yield SignedBlock(
                    Block.from_json(document["block"]),
                    None
                    if proofs is None
                    else [(ConsensusEngineId(bytes(e)), bytes(proof)) for e, proof in proofs],
                )
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise Refused(f"line {number} of the file holds no block: {error}") from None

    def _lines(self) -> Iterator[bytes]:
        rest = self._buffer
        while True:
            *lines, rest = rest.split(b"\n")
            yield from filter(None, lines)
            chunk = self._source.read(CHUNK)
            if not chunk:
                break
            rest += chunk
        if rest.strip():
            yield rest

    def _binary(self) -> Iterator[SignedBlock]:
        decode = codec(SignedBlock).decode
        buffer, at = self._buffer, 8
        for done in range(self.count or 0):
            if len(buffer) - at < CHUNK // 2:
                buffer, at = buffer[at:] + self._source.read(CHUNK), 0
            try:
                block, at = decode(buffer, at)
            except DecodeError as error:
                raise Refused(
                    f"the file is cut or damaged after {done} of {self.count} blocks: {error}"
                ) from None
            yield block


# ---- check, revert


@examples("btt-chain check-block 30 --dev")
@click.command("check-block")
@click.argument("which", metavar="HASH|NUMBER")
@data_options
@json_option
def check_block(
    which: str, dev: bool, chain: str | None, base_path: Path | None, as_json: bool
) -> None:
    """Execute a stored block again on its parent's state, and compare every root."""
    with opened(chain_name(dev, chain), base_path) as data:
        hash = _hash_of(data, which)
        header, body = data.client.header_of(hash), data.client.body(hash)
        if body is None:
            raise NotFound(f"the extrinsics of block {header.number} are not in the database")
        if header.number == 0:
            raise Mistyped("block 0 has no parent to execute it on; build-spec makes it again")
        started = time.perf_counter()
        try:
            data.client.execute(header, body)
        except (InvalidBlock, DecodeError) as error:
            raise Refused(f"block {header.number} ({to_hex(hash)}) is wrong: {error}") from error
        except StateUnavailable as error:
            raise NotFound(f"the state of block {header.number}'s parent is pruned") from error
        milliseconds = (time.perf_counter() - started) * 1000
    facts = {
        "number": int(header.number),
        "hash": to_hex(hash),
        "extrinsics": len(body),
        "stateRoot": to_hex(header.state_root),
        "milliseconds": round(milliseconds, 1),
    }
    if as_json:
        show.document(facts)
        return
    show.record({name: str(value) for name, value in facts.items()})
    show.good("The block is right.")


def _hash_of(data: OpenChain, which: str) -> bytes:
    if which.startswith("0x"):
        try:
            hash = bytes.fromhex(which[2:])
        except ValueError:
            raise Mistyped(f"{which!r} is not hex") from None
        if data.client.header(hash) is None:
            raise NotFound(f"block {which} is not in the database")
        return hash
    number = whole_number(which)
    if number is None:
        raise Mistyped(f"{which!r} is not a block: give a number or a hash")
    found = data.client.block_hash(number)
    if found is None:
        raise NotFound(f"there is no block {which}: the best one is {data.client.best().number}")
    return found


@examples("btt-chain revert 10 --chain testnet")
@click.command()
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), default=256)
@data_options
@json_option
def revert(count: int, dev: bool, chain: str | None, base_path: Path | None, as_json: bool) -> None:
    """Take back the newest N blocks (256 unless given), as far as they are not final."""
    with opened(chain_name(dev, chain), base_path) as data:
        gone = data.store.revert(count)
        best, final = data.client.best(), data.client.finalized()
    if as_json:
        show.document(
            {
                "reverted": [{"number": ref.number, "hash": to_hex(ref.hash)} for ref in gone],
                "best": {"number": best.number, "hash": to_hex(best.hash)},
            }
        )
    elif gone:
        show.record({"reverted": show.counted(len(gone), "block"), "best now": f"{best.number:_}"})
    if len(gone) < count and best.number == final.number:
        show.note(
            f"block {final.number} is final and stays: final blocks cannot be taken back "
            "(purge-chain deletes the whole database)"
        )


# ---- the last resort of finality


@examples("btt-chain restart-finality 0x41f2...c8 --chain testnet")
@click.command("restart-finality")
@click.argument("which", metavar="HASH")
@data_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def restart_finality(
    which: str, dev: bool, chain: str | None, base_path: Path | None, yes: bool, as_json: bool
) -> None:
    """Make a block final without votes; the voters of its state go on from there.

    The last resort where a third of the voters, or of the weight, is gone for good, so that no
    block becomes final any more. All operators agree on one block whose state has other voters,
    stop their nodes, run this with its hash, and start again (docs/runbooks.md).
    """
    if not which.startswith("0x"):
        raise Mistyped("name the block by its hash: nodes may have different blocks at one height")
    with opened(chain_name(dev, chain), base_path) as data:
        client, hash = data.client, _hash_of(data, which)
        header, final = client.header_of(hash), client.finalized()
        if not client.store.blocks.extends_finalized(hash):
            raise Refused(
                f"block {header.number} does not descend from the final block {final.number}"
            )
        try:
            at = Checkpoint.at(header, lambda name: client.call(hash, name, b""))
        except StateUnavailable as error:
            raise NotFound(f"the state of block {header.number} is not here: {error}") from None
        except ValueError as error:
            raise Refused(f"voters cannot go on from block {header.number}: {error}") from None
        ended = _set_that_voted(data)
        if at.set_id <= ended:
            raise Refused(
                f"the state of block {at.number} has the voters of set {ended} still: take a block "
                "of a later session, from which on other validators vote"
            )
        if not yes:
            click.confirm(
                f"Make block {at.number} ({to_hex(at.hash)}) final without votes? "
                f"{len(at.authorities)} voters of set {at.set_id} go on from there; all other "
                "nodes of the chain must do the same",
                abort=True, err=True,
            )  # fmt: skip
        client.finalize(
            at.hash, aux=restart(at.set_id, at.authorities, Target(header.hash(), at.number))
        )
    facts = {
        "final": at.number,
        "hash": to_hex(at.hash),
        "set": at.set_id,
        "voters": len(at.authorities),
    }
    if as_json:
        show.document(facts)
        return
    show.record({name: str(value) for name, value in facts.items()})


def _set_that_voted(data: OpenChain) -> int:
    """Return the id of the set whose votes made the last final block final."""
    stored = read_voters(data.store.aux_get)
    return 0 if stored is None else stored[0].current.set_id
