"""The file by which another process finds a network: `devnet.json` in its base path."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
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


@dataclass(slots=True)
class Plan:
    """The stored plan: the nodes with their ports and processes, and the partition."""

    nodes: list[DevNode]
    slot_ms: int
    validators: int
    groups: list[list[int]] | None = None
    """The partition in force, None if the network is whole."""
    helpers: list[Helper] = field(default_factory=list)
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
        "nodes": [_json(node) for node in plan.nodes],
        "helpers": [_json(helper) for helper in plan.helpers],
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


def _json(member: DevNode | Helper) -> dict[str, object]:
    """Return the fields of a node or program, but its folder, which follows from its name."""
    process = member.process
    names = [each.name for each in fields(member) if each.name not in ("folder", "process")]
    return {
        **{re.sub("_(.)", lambda found: found[1].upper(), name): getattr(member, name)
           for name in names},
        "process": process and [process.pid, process.started, process.boot],
    }  # fmt: skip


def _read_helper(base: Path, written: dict[str, object]) -> Helper:
    name = str(written["name"])
    return Helper(
        name=name, folder=helper_folder(base, name), words=_texts(written["words"]),
        key=str(written["key"]), process=_read_process(written["process"]),
        is_wanted=written.get("isWanted") is not False, deaths=_int(written.get("deaths", 0)),
        last_death=str(written.get("lastDeath", "")),
    )  # fmt: skip


def _read_node(base: Path, written: dict[str, object]) -> DevNode:
    key = written["key"]
    return DevNode(
        index=_int(written["index"]), name=str(written["name"]),
        folder=node_folder(base, _int(written["index"])), flags=_texts(written["flags"]),
        rpc_port=_int(written["rpcPort"]), port=_int(written["port"]),
        prometheus_port=_int(written["prometheusPort"]), node_key=str(written["nodeKey"]),
        key=None if key is None else str(key), program=_texts(written["program"]),
        process=_read_process(written["process"]),
    )  # fmt: skip


def _read_process(written: object) -> ProcessId | None:
    if not isinstance(written, list):
        return None
    return ProcessId(_int(written[0]), _int(written[1]), str(written[2]))


def _texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise DevnetError(f"{STATE_FILE} is damaged: {value!r} is not a number")
    return value
