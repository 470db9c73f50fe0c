"""The file by which another process finds a network: `devnet.json` in its base path."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from btt_chain.own_files import read_own, replace_own
from btt_chain.testing.errors import DevnetError, NoDevnet
from btt_chain.testing.helper import Helper
from btt_chain.testing.node import DevNode
from btt_chain.testing.process import ProcessId, own_files

STATE_FILE: Final = "devnet.json"
SPEC_FILE: Final = "spec.json"
LOCK_FILE: Final = ".lock"
PRICES_FOLDER: Final = "prices"
FILES: Final = (STATE_FILE, SPEC_FILE, LOCK_FILE)
"""Files of a network besides folders and logs."""
LAYOUT: Final = 1


class Plan:
    """The stored plan: the nodes with their ports and processes, and the partition."""

    __slots__ = ("groups", "helpers", "nodes", "slot_ms", "validators")

    def __init__(
        self,
        nodes: list[DevNode],
        slot_ms: int,
        validators: int,
        groups: list[list[int]] | None = None,
        helpers: list[Helper] | None = None,
    ) -> None:
        self.nodes = nodes
        self.slot_ms = slot_ms
        self.validators = validators
        self.groups = groups
        """The partition in force, None if the network is whole."""
        self.helpers = helpers or []
        """The market, the providers and the feeders; in a detached network their keeper."""


def exists(base: Path) -> bool:
    """Return True if a network was created in `base`."""
    return (base / STATE_FILE).is_file()


def write(base: Path, plan: Plan) -> None:
    """Write the file, whole or not at all."""
    document = {
        "layout": LAYOUT,
        "slotMs": plan.slot_ms,
        "validators": plan.validators,
        "groups": plan.groups,
        "nodes": [_node_json(node) for node in plan.nodes],
        "helpers": [_helper_json(helper) for helper in plan.helpers],
    }
    with own_files():
        # Private, because it contains the nodes' network keys.
        replace_own(base / STATE_FILE, json.dumps(document, indent=2))


def read(base: Path) -> Plan:
    """Read the file. DevnetError if there is none or it is another program's."""
    file = base / STATE_FILE
    try:
        with own_files():  # it names the programs that are started
            document = json.loads(read_own(file))
    except FileNotFoundError:
        raise NoDevnet(f"there is no devnet in {base}") from None
    except ValueError:
        raise DevnetError(f"{file} is damaged; delete the directory and begin again") from None
    if not isinstance(document, dict) or document.get("layout") != LAYOUT:
        raise DevnetError(f"{file} was written by another version of this program")
    return Plan(
        nodes=[_read_node(base, each) for each in document["nodes"]],
        slot_ms=document["slotMs"],
        validators=document["validators"],
        groups=document["groups"],
        helpers=[_read_helper(base, each) for each in document.get("helpers", [])],
    )


def delete(base: Path, members: Sequence[DevNode | Helper]) -> None:
    """Delete the files of a network that is down; the folder, too, unless it has other files."""
    for folder in (*(one.folder for one in members), base / PRICES_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (*(one.log for one in members), *(base / name for name in FILES)):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # it is not empty
        base.rmdir()


def node_folder(base: Path, index: int) -> Path:
    """Return the data folder of a node."""
    return base / f"node-{index}"


def helper_folder(base: Path, name: str) -> Path:
    """Return the data folder of a helper program."""
    return base / name.lower()


def _helper_json(helper: Helper) -> dict[str, object]:
    process = helper.process
    return {
        "name": helper.name,
        "words": helper.words,
        "key": helper.key,
        "process": process and [process.pid, process.started, process.boot],
        "isWanted": helper.is_wanted,
        "deaths": helper.deaths,
        "lastDeath": helper.last_death,
    }


def _read_helper(base: Path, written: dict[str, object]) -> Helper:
    name, words = str(written["name"]), written["words"]
    return Helper(
        name=name,
        folder=helper_folder(base, name),
        words=[str(word) for word in words] if isinstance(words, list) else [],
        key=str(written["key"]),
        process=_read_process(written["process"]),
        is_wanted=written.get("isWanted") is not False,
        deaths=_int(written.get("deaths", 0)),
        last_death=str(written.get("lastDeath", "")),
    )


def _node_json(node: DevNode) -> dict[str, object]:
    process = node.process
    return {
        "index": node.index,
        "name": node.name,
        "flags": node.flags,
        "rpcPort": node.rpc_port,
        "port": node.port,
        "prometheusPort": node.prometheus_port,
        "nodeKey": node.node_key,
        "key": node.key,
        "program": node.program,
        "process": process and [process.pid, process.started, process.boot],
    }


def _read_node(base: Path, written: dict[str, object]) -> DevNode:
    flags, program = written["flags"], written["program"]
    key = written["key"]
    return DevNode(
        index=_int(written["index"]),
        name=str(written["name"]),
        folder=node_folder(base, _int(written["index"])),
        flags=[str(flag) for flag in flags] if isinstance(flags, list) else [],
        rpc_port=_int(written["rpcPort"]),
        port=_int(written["port"]),
        prometheus_port=_int(written["prometheusPort"]),
        node_key=str(written["nodeKey"]),
        key=None if key is None else str(key),
        program=[str(word) for word in program] if isinstance(program, list) else [],
        process=_read_process(written["process"]),
    )


def _read_process(written: object) -> ProcessId | None:
    if not isinstance(written, list):
        return None
    return ProcessId(_int(written[0]), _int(written[1]), str(written[2]))


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise DevnetError(f"{STATE_FILE} is damaged: {value!r} is not a number")
    return value
