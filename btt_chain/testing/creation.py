"""Creation of a network of nodes: its specification, names, keys and ports."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from btt_chain.crypto.development import dev_path
from btt_chain.testing import state
from btt_chain.testing.errors import DevnetError
from btt_chain.testing.helper import PROVIDER, Helper
from btt_chain.testing.node import DevNode
from btt_chain.testing.process import free_ports, is_taken, listener
from btt_chain.testing.specification import MAX_VALIDATORS, local_specification

SPEC_FILE: Final = "spec.json"
MARKET: Final = "Market"
EXPLORER: Final = "Explorer"
BOND: Final = "2000BTT"
"""Bond of a provider: above the minimum, so that a missed offer does not end its service."""
HOSPITAL: Final = "//Hospital"
"""Account that posts the market's jobs."""
FEEDERS: Final = ("//Dave", "//Eve", "//Ferdie")
"""Accounts that are admitted feeders from the genesis block on."""
PRICES: Final = {"cny": "0.40", "usd": "0.056", "hkd": "0.44", "eur": "0.048"}
"""Prices of BTT on a new devnet with feeders; figures for trying out."""
PRICE_FILES: Final = ("a.json", "b.json", "c.json")
"""Sources of all feeders: each needs three."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a network (`Devnet.create`)."""

    validators: int
    slot_ms: int
    log: str
    program: Sequence[str]
    spec: str | None
    """Text of a specification; None makes one."""
    providers: int
    feeders: bool
    explorer_port: int | None
    """Port of the explorer's pages; None for no explorer."""


class Ports(NamedTuple):
    """First port of each kind; None chooses free ones."""

    rpc: int | None
    p2p: int | None
    prometheus: int | None


def new_plan(base: Path, settings: Settings, ports: Ports) -> state.Plan:
    """Return the plan of a network in `base`, and write its specification.

    A network that was created there with equal settings keeps names, data folders and network keys.
    DevnetError if a network runs there, one with other settings was made there, or a port is taken.
    """
    count = settings.validators
    if not 1 <= count <= MAX_VALIDATORS:
        raise DevnetError(f"a devnet has 1 to {MAX_VALIDATORS} validators")
    base.mkdir(parents=True, exist_ok=True)
    before = state.read(base) if state.exists(base) else None
    if before is None:
        spec = settings.spec
        if spec is None:
            spec = local_specification(count, settings.slot_ms)
        (base / SPEC_FILE).write_text(spec)
    else:
        _check_alike(base, before, count, settings.slot_ms)
    nodes = before.nodes if before is not None else _validators(base, count)
    for node in nodes:
        node.flags = node_flags(base, node.key, settings.log)
        node.program = list(settings.program)
        if count == 1:
            # A single node has no peers to synchronize with, and must make blocks all the same.
            node.flags.append("--force-authoring")
    _set_ports(nodes, ports)
    known = [] if before is None else before.helpers
    helpers = _providers(base, nodes, settings.providers, known)
    if settings.feeders or any(helper.key in FEEDERS for helper in known):
        helpers += _feeders(base, nodes)
    explorer = [helper for helper in known if helper.name == EXPLORER]
    if settings.explorer_port is not None:
        _check_explorer(settings.explorer_port)
        explorer = [_explorer(base, nodes[0], settings.explorer_port)]
    helpers += explorer
    _check_ports(nodes, ports)
    return state.Plan(nodes, settings.slot_ms, count, helpers=helpers)


def _set_ports(nodes: Sequence[DevNode], ports: Ports) -> None:
    # All at once: a port chosen for one kind might be chosen again for the next.
    free = iter(free_ports(len(nodes) * ports.count(None)))
    for place, node in enumerate(nodes):
        node.index = place
        node.rpc_port, node.port, node.prometheus_port = (
            next(free) if first is None else first + place for first in ports
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
            f"{plan.slot_ms} ms: ask for the same, or choose another --base-path"
        )


def _validators(base: Path, count: int) -> list[DevNode]:
    return [
        DevNode(
            index=place,
            name=key_name(dev_path(place)),
            folder=state.node_folder(base, place),
            flags=[],
            rpc_port=0,
            node_key=secrets.token_hex(32),
            key=dev_path(place),
        )
        for place in range(count)
    ]


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
    prices = base / "prices"
    prices.mkdir(exist_ok=True)
    sources = []
    for name in PRICE_FILES:
        file = prices / name
        if not file.exists():
            file.write_text(json.dumps(PRICES, indent=2) + "\n")
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


def _explorer(base: Path, node: DevNode, port: int) -> Helper:
    """Return the explorer of a node; the last of its words is where it listens."""
    folder = state.helper_folder(base, EXPLORER)
    words = [
        "-m", "cli.main", "explorer", "--url", node.ws, "--base-path", str(folder),
        "--listen", f"127.0.0.1:{port}",
    ]  # fmt: skip
    return Helper(EXPLORER, folder, words, "")


def explorer_address(helpers: Sequence[Helper]) -> str | None:
    """Return the address of a network's explorer; None if it has none."""
    found = [helper.words[-1] for helper in helpers if helper.name == EXPLORER]
    return f"http://{found[0]}/" if found else None


def _check_explorer(port: int) -> None:
    if is_taken(port):
        who = listener(port) or "another program"
        raise DevnetError(
            f"port {port} of the explorer is taken by {who}: stop it, or choose another port with "
            "--explorer-port"
        )


def key_name(path: str) -> str:
    """Return the name of a development key: Alice, Validator-0."""
    return path.removeprefix("//").replace("//", "-")


def node_flags(base: Path, key: str | None, log: str) -> list[str]:
    """Return the command line flags of a node; of a validator if `key` is given."""
    words = ["--chain", str(base / SPEC_FILE), "--log", log]
    return words if key is None else [*words, "--validator", "--dev-key", key]
