"""Checks of a node's files by `btt-chain doctor`: disk, database, keys, signing records."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from btt_chain.keystore.errors import RecordError
from btt_chain.keystore.record import read, record_path
from btt_chain.node.service.config import NodeConfig
from btt_chain.node.service.lifecycle import WrongChain, open_chain
from btt_chain.node.service.paths import Paths
from cli.commands.doctor_rules import Check, fail, judge_disk, ok, warn
from genesis.build import build
from genesis.catalogue import load
from genesis.spec import ChainSpec, SpecError
from storage.kv import Locked, StorageError

_KEY_FILE: Final = re.compile(r"[a-z]{4}-([0-9a-f]{64})\.json")


def look_at_data(base: Path, chain: str | None, *, is_up: bool) -> list[Check]:
    """Check disk, database, keys and signing record below a base path."""
    place = next(folder for folder in (base, *base.absolute().parents) if folder.exists())
    checks = [judge_disk(shutil.disk_usage(place).free, place)]
    if chain is None:
        return checks
    try:
        spec = load(chain)
    except (SpecError, OSError) as error:
        return [*checks, fail("chain", str(error), "name the chain that the node runs")]
    paths = Paths(base, spec.id)
    return [
        *checks,
        look_at_database(base, chain, paths.database, is_up=is_up),
        *look_at_keys(paths.keystore, paths.signing, spec),
    ]


def look_at_database(base: Path, chain: str, database: Path, *, is_up: bool) -> Check:
    """Check that a node could open the database; one in use is not touched."""
    if not database.exists():
        return ok("database", f"none yet at {database}: the node makes it")
    if is_up:
        return ok("database", f"in use at {database}")
    try:
        opened = open_chain(NodeConfig(chain, base), create=False)
    except Locked:
        return warn("database", f"in use at {database}, by a node that does not answer here",
                    "it starts, hangs, or answers elsewhere (--url): see its log")  # fmt: skip
    except (StorageError, WrongChain, ValueError) as error:
        return fail("database", str(error), "docs/runbooks.md: restore from a backup")
    try:
        best = opened.client.best().number
    finally:
        opened.close()
    return ok("database", f"whole, best block {best}")


def look_at_keys(keystore: Path, signing: Path, spec: ChainSpec) -> list[Check]:
    """Check that keys are private, and that each has its signing record."""
    files = sorted(keystore.glob("*.json")) if keystore.is_dir() else []
    publics = [(file, _KEY_FILE.fullmatch(file.name)) for file in files]
    keys = [(file, bytes.fromhex(found[1])) for file, found in publics if found is not None]
    if not keys:
        return [ok("keystore", f"no keys in {keystore}")]
    exposed = [file.name for file, _ in keys if file.stat().st_mode & 0o077]
    checks = [ok("keystore", f"{len(keys)} keys in {keystore}")]
    if exposed:
        checks = [
            fail("keystore", f"others may read {', '.join(exposed)}",
                 f"chmod 600 {keystore}/*; if others have read them, make new keys")
        ]  # fmt: skip
    genesis = build(spec).hash
    lacking, damaged, waiting = [], [], []
    for _, public in keys:
        path = record_path(signing, genesis, public)
        if not path.exists():
            lacking.append(f"0x{public.hex()[:8]}…")
            continue
        try:
            ledger = read(path, genesis, public)
            if ledger.unsure:
                why = f" ({ledger.reason})" if ledger.reason else ""
                waiting.append(f"0x{public.hex()[:8]}…{why}")
        except RecordError as error:
            damaged.append(str(error))
    if damaged:
        return [
            *checks,
            fail("signing record", "; ".join(damaged),
                 "bring a newer copy (btt-chain signing import); never delete it"),
        ]  # fmt: skip
    if lacking:
        seen = f"none for {', '.join(lacking)}"
        if not spec.is_live:
            return [*checks, ok("signing record", f"{seen}: the node makes it")]
        return [
            *checks,
            fail("signing record", seen,
                 "bring it from where the key signed before (btt-chain signing import); only for a "
                 "key that never signed: --i-know-this-key-never-signed"),
        ]  # fmt: skip
    if waiting:
        return [
            *checks,
            warn("signing record", f"signs nothing yet: {', '.join(waiting)}",
                 "the node watches a session whether another node signs with them; the log says "
                 "until when (docs/keys.md: the doppelgaenger watch)"),
        ]  # fmt: skip
    return [*checks, ok("signing record", f"there for all {len(keys)} keys")]
