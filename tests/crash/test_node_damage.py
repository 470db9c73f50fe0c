"""Files that are damaged, cut or gone: healed to an older state that was true, or refused.

Each round damages a copy of a real chain at a place that its seed chooses, opens it as a node
does, and compares whatever is served with the chain as it was. BTT_CRASHES sets how many rounds
of each kind of damage (a fifth of it), BTT_SEED the seed.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from crash.chains import Victim, Yard, copy, database, scan, store_of
from crash.damage import (
    PATTERNS,
    WAYS,
    Harm,
    empty,
    flip,
    flip_index,
    halve,
    harm,
    lose,
    spoil,
    zero_page,
    zero_tail,
)
from crash.process import running
from crash.wallet import Claims, open_wallet
from storage.kv import StorageError
from storage.state import StateUnavailable

pytestmark = pytest.mark.crash

ROUNDS = max(1, int(os.environ.get("BTT_CRASHES", "5")) // 5)
"""For each of two chains: one keeps all states, one has pruned some."""
SEED = os.environ.get("BTT_SEED", "1")
EMPTY = ("clean", "log")


def verdict(victim: Victim, base: Path, rng: Random) -> str:
    """Open a damaged database, and compare all that it serves; what became of it.

    A StorageError is a refusal at any point, other than one that blames pruning.
    """
    kept = sorted(victim.record.states)
    heights = {*rng.sample(kept, 4), kept[0], kept[-1]}
    try:
        with store_of(base, victim.pruning) as store:
            best, healed = store.blocks.best.number, store.note is not None
            victim.record.compare(store, heights)
            Yard(store, "after").grow(2)
    except StateUnavailable:
        raise
    except StorageError as refusal:
        plain(str(refusal), base)
        return "refused"
    # What was healed stays healed, with the blocks that came on top.
    try:
        with store_of(base, victim.pruning) as store:
            assert store.note is None
            assert store.blocks.best.number == best + 2
            if healed:
                scan(store)
    except StateUnavailable:
        raise
    except StorageError as refusal:
        # LevelDB compacts on its own, and so finds damage in blocks that nothing has read.
        plain(str(refusal), base)
        return "refused later"
    older = "older" if best + 1 < len(victim.record.headers) else "whole"
    return f"{'healed' if healed else 'served'} {older}"


def plain(text: str, base: Path) -> None:
    """An operator can act on this text."""
    assert "\n" not in text
    assert str(base) in text or "the database does not hold together" in text, text
    assert "purge-chain" in text, text


def with_bytes(base: Path, kind: str) -> list[Path]:
    """The files of a kind. One that the kill interrupted may not have a byte yet: none names it."""
    return [one for one in database(base).glob(PATTERNS[kind]) if one.stat().st_size]


# A clean stop leaves an empty log.
CASES = [
    pytest.param(state, kind, way, marks=pytest.mark.full if state == "clean" else ())
    for state in ("clean", "killed")
    for kind in PATTERNS
    for way in WAYS
    if (state, kind) != EMPTY
]


@pytest.mark.parametrize(("state", "kind", "way"), CASES)
def test_a_damaged_file_never_serves_what_was_not(
    victim: Victim, kind: str, way: Harm, state: str, tmp_path: Path
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        rng = Random(f"{SEED}/{kind}/{way.__name__}/{state}/{number}")
        base = copy(victim.clean if state == "clean" else victim.killed, tmp_path / f"{number}")
        file = harm(database(base), kind, way, rng)
        print(f"round {number}: {way.__name__} {file.name}")
        outcomes[verdict(victim, base, rng)] += 1
        shutil.rmtree(base)
    print(dict(outcomes))


def test_the_empty_log_of_a_clean_stop_is_no_loss(victim: Victim, tmp_path: Path) -> None:
    base = copy(victim.clean, tmp_path)
    for log in database(base).glob("*.log"):
        log.unlink()
    assert verdict(victim, base, Random(SEED)) == "served whole"


@pytest.mark.parametrize(
    "ways",
    [(zero_tail, flip), (flip, flip), (zero_page, lose)],
    ids=lambda ways: " and ".join(way.__name__ for way in ways),
)
def test_damage_in_a_log_and_in_a_table_at_once(
    victim: Victim, ways: tuple[Harm, Harm], tmp_path: Path
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(4 * ROUNDS):
        rng = Random(f"{SEED}/{ways[0].__name__}/{ways[1].__name__}/{number}")
        base = copy(victim.killed, tmp_path / f"{number}")
        print(f"round {number}")
        for kind, way in zip(("log", "table"), ways, strict=True):
            harm(database(base), kind, way, rng)
        outcomes[verdict(victim, base, rng)] += 1
        shutil.rmtree(base)
    print(dict(outcomes))


def test_no_check_is_left_out_after_a_heal(victim: Victim, tmp_path: Path) -> None:
    base, rng = copy(victim.killed, tmp_path), Random(SEED)
    harm(database(base), "log", zero_tail, rng)
    written = with_bytes(base, "table")
    assert written
    for table in written:
        flip_index(table, rng)
    assert verdict(victim, base, rng) == "refused"


@pytest.mark.parametrize("share", [0, 1, 2, 3])
def test_a_table_that_a_killed_node_left_half_written_is_no_damage(
    victim: Victim, share: int, tmp_path: Path
) -> None:
    base = copy(victim.killed, tmp_path)
    table = max(database(base).glob(PATTERNS["table"]), key=lambda file: file.stat().st_size)
    raw = table.read_bytes()
    # No manifest names it: LevelDB had not come to that.
    (database(base) / "900000.ldb").write_bytes(raw[: len(raw) * share // 4])
    assert verdict(victim, base, Random(SEED)) == "served whole"


def test_the_undamaged_chain_is_served_whole(victim: Victim, tmp_path: Path) -> None:
    for number, state in enumerate((victim.clean, victim.killed)):
        base = copy(state, tmp_path / f"{number}")
        assert verdict(victim, base, Random(SEED)) == "served whole"


# ---- the same, seen from outside: a node as a process


async def test_a_healed_node_says_so_and_keeps_what_it_had(pruned: Victim, tmp_path: Path) -> None:
    base = copy(pruned.killed, tmp_path)
    for log in database(base).glob("*.log"):
        raw = log.read_bytes()
        log.write_bytes(raw[: len(raw) // 2] + bytes(len(raw) - len(raw) // 2))
    with running(base, pruning=str(pruned.pruning)) as node:
        async with open_wallet(node.port(), Claims()) as found:
            await found.check()
        assert [line for line in node.lines if "had a damaged log" in line], node.text()
        assert node.stop() == 0, node.text()
    with running(base, pruning=str(pruned.pruning)) as node:
        node.port()
        assert not [line for line in node.lines if "damaged" in line], node.text()


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("table", spoil),
        ("manifest", halve),
        ("current", lose),
        # The store refuses these as the rounds above show; so does a node that meets them.
        pytest.param("table", lose, marks=pytest.mark.full),
        pytest.param("table", halve, marks=pytest.mark.full),
        pytest.param("manifest", empty, marks=pytest.mark.full),
        pytest.param("current", halve, marks=pytest.mark.full),
    ],
)
def test_a_node_refuses_what_cannot_be_healed(
    archive: Victim, kind: str, way: Harm, tmp_path: Path
) -> None:
    base = copy(archive.killed, tmp_path)
    for file in with_bytes(base, kind):
        way(file, Random(SEED))
    with running(base) as node:
        assert "purge-chain" in node.refusal()


async def test_a_node_that_meets_damage_stops(archive: Victim, tmp_path: Path) -> None:
    """After a clean stop tables are not read through: what is bad is met when it is used."""
    base = copy(archive.clean, tmp_path)
    for table in with_bytes(base, "table"):
        spoil(table, Random(SEED))
    with running(base, sealing="interval:50") as node:
        assert "is damaged" in node.refusal()
