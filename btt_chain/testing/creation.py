"""Creation of a network of nodes: its specification, names, keys and ports."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from btt_chain.crypto.development import dev_path
from btt_chain.own_files import own_folder, read_own, replace_own
from btt_chain.rpc.access import DEFAULT_ORIGINS
from btt_chain.testing import state
from btt_chain.testing.errors import DevnetError
from btt_chain.testing.helper import PROVIDER, Helper
from btt_chain.testing.network_file import NamedNode
from btt_chain.testing.node import PROGRAM, DevNode
from btt_chain.testing.ports import Reservation
from btt_chain.testing.process import is_taken, listener, own_files
from btt_chain.testing.specification import (
    FULL,
    MAX_VALIDATORS,
    lacks,
    local_specification,
    runtime_of,
)

VALIDATORS: Final = 4
SLOT_MS: Final = 500
"""Length of a slot of the chain `local`."""
MARKET: Final = "Market"
EXPLORER: Final = "Explorer"
KEEPER: Final = "Keeper"
BOND: Final = "2000BTT"
"""Bond of a provider: above the minimum, so that a missed offer does not end its service."""
HOSPITAL: Final = "//Hospital"
"""Account that posts the market's jobs."""
FEEDERS: Final = ("//Dave", "//Eve", "//Ferdie")
"""Accounts that are admitted feeders from the genesis block on."""
ORACLE: Final = "oracle"
"""Section of a specification whose chain has prices."""
PRICES: Final = {"cny": "0.40", "usd": "0.056", "hkd": "0.44", "eur": "0.048"}
"""Prices of BTT on a new devnet with feeders; figures for trying out."""
PRICE_FILES: Final = ("a.json", "b.json", "c.json")
"""Sources of all feeders: each needs three."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a network (`Devnet.create`)."""

    validators: int | None = None
    """None: as in the network that was created there, else VALIDATORS."""
    slot_ms: int | None = None
    """None: as in the network that was created there, else SLOT_MS."""
    log: str = "info"
    program: Sequence[str] = PROGRAM
    spec: str | None = None
    """Text of a specification; None makes one."""
    providers: int = 0
    feeders: bool = False
    explorer_port: int | None = None
    """Port of the explorer's pages; None for no explorer."""
    nodes: Sequence[NamedNode] = ()
    """Names, keys and ports of all nodes; empty: validators with the names of their keys."""
    runtime: str | None = None
    """Set of features of the chain; None: as in the network that was created there, else all."""


class Ports(NamedTuple):
    """First port of each kind; None chooses free ones."""

    rpc: int | None = None
    p2p: int | None = None
    prometheus: int | None = None
    usual_rpc: int | None = None
    """First JSON-RPC port where `rpc` is None, if it and those behind it are free."""
    is_explorer_fixed: bool = True
    """True if the explorer takes no other port than its own."""


def new_plan(base: Path, settings: Settings, ports: Ports, reservation: Reservation) -> state.Plan:
    """Return the plan of a network in `base`, and write its specification.

    A network that was created there with equal settings keeps names, data folders and network keys.
    Its ports are reserved until the reservation is closed. DevnetError if a network runs there, one
    with other settings was made there, or a port is taken.
    """
    before = state.read(base) if state.exists(base) else None
    count, slot_ms = _size(settings, before)
    if not 1 <= count <= MAX_VALIDATORS:
        raise DevnetError(f"a devnet has 1 to {MAX_VALIDATORS} validators")
    with own_files():
        own_folder(base)
    if before is None:
        spec = settings.spec
        if spec is None:
            spec = local_specification(count, slot_ms, settings.runtime or FULL)
        _check_features(base, settings, spec)
        with own_files():
            replace_own(base / state.SPEC_FILE, spec, 0o644)
    else:
        _check_alike(base, before, count, slot_ms)
        _check_features(base, settings, stored_specification(base))
    named = settings.nodes or [NamedNode(key_name(dev_path(place))) for place in range(count)]
    nodes = before.nodes if before is not None else _new_nodes(base, named)
    if settings.nodes:
        _check_names(base, nodes, named)
    args = {each.name: each.args for each in settings.nodes}
    for node in nodes:
        node.flags = [*node_flags(base, node.key, settings.log), *args.get(node.name, ())]
        node.program = list(settings.program)
        if count == 1:
            # A single node has no peers to synchronize with, and must make blocks all the same.
            node.flags.append("--force-authoring")
    explorer_port = _explorer_port(settings, ports, reservation)
    _set_ports(nodes, ports, reservation)
    for node, each in zip(nodes, settings.nodes, strict=False):
        node.rpc_port = each.rpc_port or node.rpc_port
    known = [] if before is None else before.helpers
    helpers = _providers(base, nodes, settings.providers, known)
    if settings.feeders or any(helper.key in FEEDERS for helper in known):
        helpers += _feeders(base, nodes)
    stored = explorer_listen(known)
    if explorer_port is not None or stored is not None:
        listen = stored if explorer_port is None else f"127.0.0.1:{explorer_port}"
        helpers.append(_explorer(base, nodes[0], str(listen)))
    _check_ports(nodes, ports)
    return state.Plan(nodes, slot_ms, count, helpers=helpers)


def _size(settings: Settings, before: state.Plan | None) -> tuple[int, int]:
    """Return the number of validators and the slot length: as requested, as stored, or usual."""
    count, slot_ms = (
        (VALIDATORS, SLOT_MS) if before is None else (before.validators, before.slot_ms)
    )
    return (
        count if settings.validators is None else settings.validators,
        slot_ms if settings.slot_ms is None else settings.slot_ms,
    )


def _explorer_port(settings: Settings, ports: Ports, reservation: Reservation) -> int | None:
    """Reserve and return the explorer's port, None without an explorer. Raises DevnetError.

    Before the ports of nodes are chosen: one of them might be this one.
    """
    port = settings.explorer_port
    if port is None or reservation.take(port):
        return port
    if ports.is_explorer_fixed:
        who = listener(port) or "another program"
        raise DevnetError(
            f"port {port} of the explorer is taken by {who}: stop it, or choose another port with "
            "--explorer-port"
        )
    return reservation.free(1)[0]


def _set_ports(nodes: Sequence[DevNode], ports: Ports, reservation: Reservation) -> None:
    rpc, usual = ports.rpc, ports.usual_rpc
    if rpc is None and usual is not None:
        is_free = reservation.take_all(range(usual, usual + len(nodes)))
        rpc = usual if is_free else None
    for place, node in enumerate(nodes):
        node.index = place
        node.rpc_port, node.port, node.prometheus_port = (
            reservation.free(1)[0] if first is None else first + place
            for first in (rpc, ports.p2p, ports.prometheus)
        )


def _check_ports(nodes: Sequence[DevNode], ports: Ports) -> None:
    """Raise DevnetError for the first requested port that is taken."""
    for node in nodes:
        for asked, number, flag in (
            (ports.rpc, node.rpc_port, "--rpc-base-port"),
            (ports.p2p, node.port, "--p2p-base-port"),
            (ports.prometheus, node.prometheus_port, "--prometheus-base-port"),
        ):
            if asked is not None and is_taken(number):
                who = listener(number) or "another program"
                raise DevnetError(
                    f"port {number} of node {node.index} ({node.name}) is taken by {who}: "
                    f"stop it, or choose other ports with {flag}"
                )


def _check_alike(base: Path, plan: state.Plan, validators: int, slot_ms: int) -> None:
    everything: list[DevNode | Helper] = [*plan.nodes, *plan.helpers]
    pids = [one.process.pid for one in everything if one.is_alive and one.process is not None]
    if pids:
        raise DevnetError(
            f"a devnet is running in {base} (pids {', '.join(map(str, pids))}): stop it with "
            "`devnet down`, or choose another --base-path"
        )
    if (plan.validators, plan.slot_ms) != (validators, slot_ms):
        raise DevnetError(
            f"the chain in {base} was made for {plan.validators} validators and slots of "
            f"{plan.slot_ms} ms: ask for the same, begin anew with --fresh, or choose another "
            "--base-path"
        )


def stored_specification(base: Path) -> str:
    """Return the text of the specification of the network in `base`. Raises DevnetError."""
    with own_files():
        return read_own(base / state.SPEC_FILE)


def _check_features(base: Path, settings: Settings, spec: str) -> None:
    """Raise DevnetError if a chain has another set of features than the settings need."""
    runtime = runtime_of(spec)
    if settings.runtime not in (None, runtime):
        raise DevnetError(
            f"the chain of {base} has the runtime {runtime or 'of a raw specification'}, not "
            f"{settings.runtime}: leave out --runtime, begin anew with --fresh, or choose another "
            "--base-path"
        )
    if settings.feeders and lacks(spec, ORACLE):
        raise DevnetError(
            f"the runtime {runtime} has no oracle for prices: leave out --feeders, or begin a "
            f"chain with --runtime {FULL}"
        )


def _new_nodes(base: Path, named: Sequence[NamedNode]) -> list[DevNode]:
    """Return nodes with new network keys; validators without a key get the free ones in order."""
    count = sum(each.is_validator for each in named)
    given = {each.key for each in named}
    free = iter([path for path in map(dev_path, range(count)) if path not in given])
    return [
        DevNode(
            index=place, name=each.name, folder=state.node_folder(base, place), flags=[],
            rpc_port=0, node_key=secrets.token_hex(32),
            key=(each.key or next(free)) if each.is_validator else None,
        )
        for place, each in enumerate(named)
    ]  # fmt: skip


def _check_names(base: Path, nodes: Sequence[DevNode], named: Sequence[NamedNode]) -> None:
    """Raise DevnetError if the stored nodes are not those that were asked for."""
    stored, wanted = [node.name for node in nodes], [each.name for each in named]
    if stored[: len(wanted)] != wanted:
        raise DevnetError(
            f"the network in {base} has the nodes {', '.join(stored)}, not {', '.join(wanted)}: "
            "begin anew with --fresh, or choose another --base-path"
        )


def _providers(
    base: Path, nodes: Sequence[DevNode], count: int, before: Sequence[Helper]
) -> list[Helper]:
    """Return the market and that many providers, including the previous ones; empty for zero."""
    count = max(count, sum(helper.is_provider for helper in before))
    if not count:
        return []
    validators = [node.key for node in nodes if node.key is not None]
    keys = [f"{PROVIDER}{place}" for place in range(count)]
    loans = [f"{key}={validators[at % len(validators)]}" for at, key in enumerate(keys)]
    folder = state.helper_folder(base, MARKET)
    words = [
        "-m", "btt_chain.testing.market", "--url", nodes[0].ws, "--base-path", str(folder),
        "--from", HOSPITAL, *(word for loan in loans for word in ("--lend", loan)),
    ]  # fmt: skip
    made = [Helper(MARKET, folder, words, HOSPITAL)]
    for at, key in enumerate(keys):
        name = key_name(key)
        folder = state.helper_folder(base, name)
        words = [
            "-m", "cli.main", "provider", "run", "--url", nodes[at % len(nodes)].ws,
            "--from", key, "--bond", BOND, "--base-path", str(folder), "--jobs", "3",
        ]  # fmt: skip
        made.append(Helper(name, folder, words, key))
    return made


def _feeders(base: Path, nodes: Sequence[DevNode]) -> list[Helper]:
    """Return three feeders of all prices, and write the files that they read unless they exist."""
    prices = base / state.PRICES_FOLDER
    with own_files():
        own_folder(prices)
    sources = []
    for name in PRICE_FILES:
        file = prices / name
        if not file.is_file():
            with own_files():
                replace_own(file, json.dumps(PRICES, indent=2) + "\n", 0o644)
        sources += ["--source", f"file:{file}#/{{quote_}}"]
    made = []
    for at, key in enumerate(FEEDERS):
        name = f"Feeder-{key_name(key)}"
        words = [
            "-m", "cli.main", "feeder", *(f"BTT/{quote.upper()}" for quote in PRICES), *sources,
            "--url", nodes[at % len(nodes)].ws, "--from", key, "--interval", "2",
            "--max-age", "0",
        ]  # fmt: skip
        made.append(Helper(name, state.helper_folder(base, name), words, key))
    return made


def _explorer(base: Path, node: DevNode, listen: str) -> Helper:
    """Return the explorer of a node; the last of its words is where it listens."""
    folder = state.helper_folder(base, EXPLORER)
    words = [
        "-m", "cli.main", "explorer", "--url", node.ws, "--base-path", str(folder),
        "--listen", listen,
    ]  # fmt: skip
    return Helper(EXPLORER, folder, words, "")


def keeper_of(base: Path) -> Helper:
    """Return the program that starts the others again when they die."""
    words = ["-m", "btt_chain.testing.keeper", str(base)]
    return Helper(KEEPER, state.helper_folder(base, KEEPER), words, "")


def explorer_address(helpers: Sequence[Helper]) -> str | None:
    """Return the address of a network's explorer; None if it has none."""
    listen = explorer_listen(helpers)
    return None if listen is None else f"http://{listen}/"


def explorer_listen(helpers: Sequence[Helper]) -> str | None:
    """Return where a network's explorer listens, as host and port; None if it has none."""
    return next((helper.words[-1] for helper in helpers if helper.name == EXPLORER), None)


def key_name(path: str) -> str:
    """Return the name of a development key: Alice, Validator-0."""
    return path.removeprefix("//").replace("//", "-")


def node_flags(base: Path, key: str | None, log: str) -> list[str]:
    """Return the command line flags of a node; of a validator if `key` is given."""
    words = ["--chain", str(base / state.SPEC_FILE), "--log", log]
    if key is None:
        return words
    # A validator answers no pages by default; a network for trials answers the usual ones.
    pages = ",".join(DEFAULT_ORIGINS)
    return [*words, "--validator", "--dev-key", key, "--rpc-cors", pages]
