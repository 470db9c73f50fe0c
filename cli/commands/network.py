"""`btt-chain network`: start of a network by several organisations (docs/launch.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import click

from btt_chain.client.amount import BTT, AmountError, Currency
from btt_chain.keystore import Keystore, Password
from btt_chain.keystore.launch import make_records
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import open_chain
from btt_chain.node.service.paths import Paths, default_base_path
from cli.common import show
from cli.common.chain_data import live_chain, plain_errors
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import FILE, write_json
from cli.common.keystore_passwords import keystore_password
from cli.common.options import (
    Command,
    Group,
    add_options,
    data_path_option,
    examples,
    json_option,
    live_chain_options,
)
from cli.common.types import RANDOMNESS
from cli.common.validator_keys import (
    KINDS,
    keystore_password_options,
    plain_key_errors,
)
from genesis.accounts import address
from genesis.build import build
from genesis.catalogue import load, read_holders
from genesis.census import Census, census
from genesis.ceremony import Ceremony, Entry, Plan, assemble, inspect, load_entry, load_parameters
from genesis.validators import BOND
from storage.kv import Locked

CHOSEN: Final = ("slotMs", "epochSlots", "reelectionEpochs", "unbondingEpochs", "reportEpochs")
"""Parameters with an option."""

SHOWN: Final = 2
"""Number of accounts of a row in a line."""

WORDS: Final = {
    "slotMs": "milliseconds of a slot",
    "epochSlots": "slots of an epoch, which is a session",
    "reelectionEpochs": "epochs between two elections of validators",
    "minValidators": "validators at least",
    "maxValidators": "validators at most",
    "unbondingEpochs": "epochs until unbonded money is free",
    "reportEpochs": "epochs in which an offence can be reported",
    "dayMs": "milliseconds of a day of decisions",
    "hourMs": "milliseconds of an hour of payments",
}

T = TypeVar("T")


@click.group(cls=Group)
def network() -> None:
    """Start a network of several organisations: entries, specification, launch.

    Each validator makes an entry (`key ceremony-entry`), one organisation puts them together
    (`init`), each validator checks the result (`check`), compares the genesis hash with the others,
    and accepts it (`accept`). docs/launch.md walks through it.
    """


# ---- init


def _parameter_options(command: Command) -> Command:
    options = [
        click.option(
            "--" + re.sub("([A-Z])", r"-\1", name).lower(),
            name,
            type=click.IntRange(min=1),
            help=f"{WORDS[name].capitalize()}; made from testnet only.",
        )
        for name in CHOSEN
    ]
    return add_options(command, *options)


@examples(
    "btt-chain network init entries/ --chain testnet --holders holders.json -o btt-testnet.json",
    "btt-chain network init a.json b.json c.json d.json --chain testnet --id btt-trial "
    "--holders holders.json --epoch-slots 100 --reelection-epochs 2 -o btt-trial.json",
)
@network.command()
@click.argument(
    "entries", nargs=-1, required=True, metavar="ENTRY|FOLDER...",
    type=click.Path(exists=True, path_type=Path),
)  # fmt: skip
@live_chain_options
@click.option("--name", "chain_name", help="Its name for people. [default: the chain's]")
@click.option("--holders", type=FILE, required=True, help="Who holds the rows of the allocation.")
@click.option(
    "--params", "params_file", type=FILE,
    help='A file of parameters: {"slotMs": 1000, "epochSlots": 100, ...}.',
)  # fmt: skip
@_parameter_options
@click.option("--bond", metavar="AMOUNT", help="What each validator bonds. [default: 10000BTT]")
@click.option(
    "--randomness", type=RANDOMNESS,
    help="The randomness of the first two epochs: 32 public bytes that were unknown when "
    "the keys were made. [default: from the id]",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, allow_dash=True), default="-",
    help="The file of the specification; - is standard output.",
)  # fmt: skip
def init(
    entries: tuple[Path, ...], preset: str, chain_id: str | None, chain_name: str | None,
    holders: Path, params_file: Path | None, bond: str | None, randomness: bytes | None,
    output: str, **parameters: int | None,
) -> None:  # fmt: skip
    """Put entries, holders and parameters together into one raw chain specification.

    The result depends on these files only, not on who makes it or in which order they are named:
    any party can make it again and compare the genesis hash.
    """
    base = live_chain(preset)
    try:
        planck = BOND if bond is None else BTT.parse(bond)
    except AmountError as error:
        raise Mistyped(f"--bond: {error}") from None
    if planck < BOND:
        raise Mistyped(f"--bond: each validator bonds {BTT.format(BOND)} at least")
    with plain_errors():
        chosen = {} if params_file is None else _loaded(params_file, load_parameters)
        chosen |= {name: value for name, value in parameters.items() if value is not None}
        plan = Plan(
            base.preset, chain_id or base.id, chain_name or base.name, chosen, planck, randomness
        )
        found = [_loaded(path, load_entry) for path in _files(entries)]
        spec = assemble(plan, found, read_holders(base, holders))
        genesis = build(spec)
    if genesis.no_validating is not None:
        raise Refused(f"this network would have no validator: {genesis.no_validating}")
    if spec.warning:
        show.note(f"warning: {spec.warning}")
    write_json(spec.to_json(), output)
    show.note(f"{len(found)} validators: {', '.join(sorted(entry.name for entry in found))}")
    show.note(f"genesis 0x{genesis.hash.hex()}")
    show.note("send the file to all of them; each runs `btt-chain network check` on it")


def _files(given: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not inside:
            raise NotFound(f"{path}: there are no entries (*.json) in this folder")
        found += inside
    return list(dict.fromkeys(found))


def _loaded(path: Path, load: Callable[[bytes, str], T]) -> T:
    return load(path.read_bytes(), path.name)


# ---- check and accept


def _place_options(command: Command) -> Command:
    return add_options(command, data_path_option, keystore_password_options)


@examples(
    "btt-chain network check btt-testnet.json --entry bitwave.json",
    "btt-chain network check btt-testnet.json --holders holders.json",
)
@network.command()
@click.argument("spec", type=FILE)
@click.option("--entry", type=FILE, help="Your entry: must be in the specification unchanged.")
@click.option(
    "--holders", type=FILE,
    help="Make the specification again from its entries and this file, and compare.",
)  # fmt: skip
@_place_options
@json_option
def check(
    spec: Path, entry: Path | None, holders: Path | None, base_path: Path | None,
    password: str | None, password_filename: Path | None, password_interactive: bool, as_json: bool,
) -> None:  # fmt: skip
    """Check a specification before its network starts, and show what it says.

    Every signature is checked, the state of block zero is compared with the entries, and your own
    entry must be there. Nothing is written. Compare the genesis hash with the others by voice.
    """
    found = _inspected(spec)
    word = keystore_password(password, password_filename, password_interactive)
    own = _own_entry(found, _paths(found, base_path), word)
    if entry is not None:
        with plain_errors():
            mine = load_entry(entry.read_bytes(), entry.name)
        same = next((one for one in found.entries if one.stash == mine.stash), None)
        if same is None:
            raise Refused(
                f"the entry of {mine.name} is not in {spec.name}: hand it in, and have "
                "the specification made again"
            )
        if same.message() != mine.message():
            raise Refused(
                f"the entry of {mine.name} in {spec.name} is another than yours: "
                "which of the two is the right one?"
            )
        own = same
    if holders is not None:
        _compare(found, holders)
    counted = census(found.genesis)
    if as_json:
        show.document(_facts(found, counted, own))
    else:
        _print(found, counted, own, entered=entry is not None, compared=holders is not None)


@examples("btt-chain network accept btt-testnet.json --genesis-hash 0x4f3c... --base-path data")
@network.command()
@click.argument("spec", type=FILE)
@click.option(
    "--genesis-hash", required=True, metavar="HEX",
    help="The hash on which all validators have agreed.",
)  # fmt: skip
@_place_options
def accept(
    spec: Path, genesis_hash: str, base_path: Path | None, password: str | None,
    password_filename: Path | None, password_interactive: bool,
) -> None:  # fmt: skip
    """Begin the signing records of your session keys on a network that has not started yet.

    You vouch that it has not, and that nothing was signed with these keys: a record that is begun
    again forgets what was signed, and the bond is lost. Once per network, before the first start.
    """
    found = _inspected(spec)
    wanted = "0x" + found.genesis.hash.hex()
    if "0x" + genesis_hash.lower().removeprefix("0x") != wanted:
        raise Refused(
            f"{spec.name} has the genesis hash {wanted}, not {genesis_hash}: it is not "
            "the file on which you have agreed"
        )
    paths = _paths(found, base_path)
    own = _own_entry(
        found, paths, keystore_password(password, password_filename, password_interactive)
    )
    if own is None:
        raise NotFound(
            f"there are no session keys in {paths.keystore}: is --base-path the one of "
            "`key ceremony-entry`?"
        )
    _must_be_at_block_zero(spec, paths)
    with plain_key_errors():
        made = make_records(paths.signing, found.genesis.hash, own.keys.values())
    for kind in KINDS:
        what = "is there already" if own.keys[kind] not in made else "begun"
        show.note(f"{kind} 0x{own.keys[kind].hex()}: record {what}")
    show.good(
        f"{own.name} is ready. Start: btt-chain node --chain {spec} --validator"
        + ("" if base_path is None else f" --base-path {base_path}")
    )


def _inspected(spec: Path) -> Ceremony:
    with plain_errors():
        return inspect(load(str(spec)))


def _paths(found: Ceremony, base_path: Path | None) -> Paths:
    return Paths(base_path or default_base_path(), found.spec.id)


def _own_entry(found: Ceremony, paths: Paths, word: Password | None) -> Entry | None:
    """Return the entry with this machine's keys; None without keys. Else Refused."""
    with plain_key_errors():
        store = Keystore.open(paths.keystore, word)
    held = {kind: set(store.public_keys(type_)) for kind, type_ in KINDS.items()}
    if not any(held.values()):
        return None
    own = [
        entry for entry in found.entries if all(entry.keys[kind] in held[kind] for kind in KINDS)
    ]
    if not own:
        raise Refused(
            f"no entry has the session keys of {paths.keystore}: your entry was left out, or was "
            "made with other keys. Hand it in, and have the specification made again"
        )
    if len(own) > 1:
        names = " and ".join(entry.name for entry in own)
        raise Refused(
            f"{paths.keystore} has the keys of {names}: each validator has a machine and "
            "a base path of its own"
        )
    return own[0]


def _compare(found: Ceremony, holders: Path) -> None:
    with plain_errors():
        held = read_holders(found.plan.chain(), holders)
        again = build(assemble(found.plan, found.entries, held)).hash
    if again != found.genesis.hash:
        raise Refused(
            f"with {holders.name} and the entries the genesis hash is 0x{again.hex()}, and the "
            f"specification has 0x{found.genesis.hash.hex()}: it has other holders, or its state "
            "was changed. Do not start it"
        )


def _must_be_at_block_zero(spec: Path, paths: Paths) -> None:
    """Raise Refused if the chain has run on this machine."""
    if not paths.database.exists():
        return
    with plain_errors():
        try:
            opened = open_chain(NodeConfig(str(spec), paths.base), create=False)
        except Locked:
            raise Refused(f"a node runs on {paths.base}: stop it first") from None
    try:
        best = opened.client.best().number
    finally:
        opened.close()
    if best:
        raise Refused(
            f"the chain in {paths.database} is at block {best}: it has started. If the record of a "
            "key was lost, see docs/keys.md: restoring from a backup"
        )


# ---- output


def _facts(found: Ceremony, counted: Census, own: Entry | None) -> Mapping[str, object]:
    return {
        "name": found.spec.name,
        "id": found.spec.id,
        "genesisHash": "0x" + found.genesis.hash.hex(),
        "parameters": dict(counted.params),
        "supply": str(counted.supply),
        "own": None if own is None else own.name,
        "validators": [
            {"bond": str(found.plan.bond), **entry.to_json()} for entry in found.entries
        ],
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "amount": str(row.amount),
                "accounts": [address(account) for account in row.accounts],
            }
            for row in counted.rows
        ],
        "bootNodes": list(found.spec.boot_nodes),
    }


def _print(
    found: Ceremony, counted: Census, own: Entry | None, *, entered: bool, compared: bool
) -> None:
    symbol = found.spec.properties.get("tokenSymbol")
    money = Currency(symbol if isinstance(symbol, str) else "BTT").format
    show.record(
        {
            "network": f"{found.spec.name} ({found.spec.id}), made from {found.plan.preset}",
            "genesis hash": "0x" + found.genesis.hash.hex(),
            "state root": "0x" + found.genesis.header.state_root.hex(),
            "supply": money(counted.supply),
            "bond of each": money(found.plan.bond),
            "randomness": "from the id"
            if found.plan.randomness is None
            else "0x" + found.plan.randomness.hex(),
            "bootnodes": list(found.spec.boot_nodes) or "none: give --bootnodes to every node",
        }
    )
    show.table(
        ["parameter", ">value", "meaning"],
        [(name, f"{value:_}", WORDS.get(name, "")) for name, value in counted.params.items()],
    )
    show.table(
        ["validator", "stash", "babe", "grandpa"],
        [
            (entry.name, address(entry.stash), *("0x" + entry.keys[kind].hex() for kind in KINDS))
            for entry in found.entries
        ],
    )
    show.table(
        ["row", "kind", ">amount", "accounts"],
        [
            (row.name, row.kind, money(row.amount), _some(list(map(address, row.accounts))))
            for row in counted.rows
        ],
    )
    count = len(found.entries)
    show.good(f"{count} entries, all signed by their stashes and session keys, and as in the state")
    if compared:
        show.good("made again from the entries and your holders file: the same genesis hash")
    else:
        show.note("the holders were not compared: --holders FILE makes the specification again")
    if own is None:
        show.note("no session keys are on this machine: nothing was compared with your own entry")
    elif entered:
        show.good(f"your entry is in it unchanged: {own.name}")
    else:
        show.good(f"an entry with the session keys of this machine is in it: {own.name}")
        show.note("it was not compared with your file: --entry FILE")
    show.note("compare the genesis hash with the others, then: btt-chain network accept")


def _some(accounts: list[str]) -> str:
    more = len(accounts) - SHOWN
    return ", ".join(accounts[:SHOWN]) + (f" and {more} more (--json)" if more > 0 else "")
