"""`btt-chain key generate-node-key|inspect-node-key`: the identity of a node on the network.

The forms are those of `subkey`: the secret as hex (`--bin`: 32 raw bytes) on standard output or in
a file, the peer id on standard error.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Final

import click

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.node.keys.identity import KEY_FILE, peer_id
from btt_chain.node.service.paths import Paths, default_base_path
from btt_chain.primitives.digits import from_hex
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import output_file, secret_of
from cli.common.options import data_options, examples, json_option

SEED_BYTES: Final = 32

file_option = click.option(
    "--file", type=click.Path(dir_okay=False, path_type=Path), help="The file of the secret."
)
binary_option = click.option("--bin", "binary", is_flag=True, help="32 raw bytes instead of hex.")


@examples(
    "btt-chain key generate-node-key --file node.key",
    "btt-chain key generate-node-key --chain testnet --base-path /var/lib/btt",
)
@click.command("generate-node-key")
@file_option
@binary_option
@data_options
@json_option
def generate(
    file: Path | None, binary: bool, dev: bool, chain: str | None, base_path: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make the key of a node, and print its peer id, which bootnode addresses end in.

    With --chain it is put where the node of that chain looks for it. A file that exists is never
    replaced; a new one can be read by its owner alone.
    """
    place = _place(file, dev, chain, base_path)
    seed = secrets.token_bytes(SEED_BYTES)
    raw = seed if binary or (file is None and place is not None) else seed.hex().encode()
    if place is not None:
        _write(place, raw)
    elif as_json:
        raise Mistyped("--json goes with --file or --chain: else the secret is what is printed")
    else:
        sys.stdout.buffer.write(raw if binary else raw + b"\n")
        sys.stdout.flush()
    peer = _peer_id(seed)
    if as_json:
        show.document({"peerId": peer, "file": str(place)})
    else:
        show.note(peer)


@examples(
    "btt-chain key inspect-node-key --file node.key",
    "btt-chain key inspect-node-key --chain testnet --base-path /var/lib/btt",
)
@click.command("inspect-node-key")
@file_option
@binary_option
@data_options
@json_option
def inspect(
    file: Path | None, binary: bool, dev: bool, chain: str | None, base_path: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Print the peer id of a node's key: of a file, of a chain's node, or of standard input."""
    place = _place(file, dev, chain, base_path)
    raw = sys.stdin.buffer.read(1 << 10) if place is None else _read(place)
    where = "standard input" if place is None else str(place)
    peer = _peer_id(_seed(raw, where, binary=binary))
    if as_json:
        show.document({"peerId": peer})
    else:
        click.echo(peer)


def _place(file: Path | None, dev: bool, chain: str | None, base_path: Path | None) -> Path | None:
    """Return the file of the key; None: standard input or output."""
    if not dev and chain is None:
        if base_path is not None:
            raise Mistyped("which chain? --base-path goes with --chain or --dev")
        return file
    if file is not None:
        raise Mistyped("give one of --file and --chain")
    # Imported here: the runtime takes half a second, and a key in a file needs none.
    from cli.common.chain_data import chain_id_of

    paths = Paths(base_path or default_base_path(), chain_id_of(dev, chain))
    return paths.network / KEY_FILE


def _write(place: Path, raw: bytes) -> None:
    """Write a new file that its owner alone can read. Refused if it exists."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with output_file(place, private=True, new=True) as out:
            out.write(raw)
    except FileExistsError:
        raise Refused(f"{place} exists and is not replaced: a node may use it") from None


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"{place}: there is no such file; the first start makes one, or `btt-chain "
                       "key generate-node-key`") from None  # fmt: skip


def _seed(raw: bytes, where: str, *, binary: bool) -> bytes:
    """Return the secret of a file's content: 32 raw bytes, or hex."""
    if len(raw) == SEED_BYTES:
        return raw
    try:
        text = "" if binary else secret_of(raw, where)
        seed = from_hex(text.strip())
    except (ValueError, Mistyped):
        seed = b""
    if len(seed) != SEED_BYTES:
        raise Refused(f"{where} holds no key of a node: expected 32 bytes, raw or as 64 hex digits")
    return seed


def _peer_id(seed: bytes) -> str:
    return peer_id(KeyPair.from_seed(seed, Scheme.ED25519))
