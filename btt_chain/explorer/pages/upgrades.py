"""The page of upgrades: versions of the runtime, from which block on, by whose decision."""

from __future__ import annotations

from typing import Final, TypedDict

from btt_chain.client.errors import ClientError, Disconnected
from btt_chain.crypto.hashing import blake2_256
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.index.queries import END
from btt_chain.explorer.index.reading import OF_BLOCK
from btt_chain.explorer.index.schema import EVENT
from btt_chain.explorer.pages.blocks import event_place, split_events
from btt_chain.explorer.pages.clock import Clock, slot_clock, time_of_slot
from btt_chain.explorer.pages.forms import (
    AccountRow,
    NoSuchPage,
    account_json,
    hex_of,
    number_in,
    time_of,
)
from runtime.pallets.upgrade.pallet import ScheduledUpgrade

CODE: Final = b":code"
MAX_VERSIONS: Final = 20
"""Maximum number of versions on the page."""
MAX_DECISIONS: Final = 50
DECISIONS: Final = {
    "Upgrade.UpgradeScheduled": "scheduled", "Upgrade.UpgradeCancelled": "cancelled",
    "System.CodeUpdated": "in force after this block",
}  # fmt: skip
"""Events of upgrades in words."""
DECIDERS: Final = ("Scheduler.Dispatched", "Sudo.Sudid")
"""Events that say who decided what a block executes."""


class VersionRow(TypedDict):
    """A version of the runtime, from which block on, and the hash of its code."""

    version: int
    first: int
    time: int | None
    codeHash: str | None


class PlannedRow(TypedDict):
    """The scheduled upgrade."""

    version: int
    slot: int
    time: int | None
    codeHash: str


class DecisionRow(TypedDict):
    """An event of upgrades, with the account that caused it."""

    height: int
    time: int | None
    what: str
    extrinsic: str | None
    signer: AccountRow | None
    version: int | None
    by: str | None


class UpgradesPage(TypedDict):
    """The versions, the scheduled one, and the events that changed them."""

    at: int
    clock: Clock | None
    versions: list[VersionRow]
    planned: PlannedRow | None
    decisions: list[DecisionRow]
    nodeError: str | None


async def upgrades_page(context: Context) -> UpgradesPage:
    """Return the versions, the scheduled one, and the events that changed them."""
    versions = context.index.specs()[:MAX_VERSIONS]
    clock, planned, error = None, None, None
    try:
        clock = await slot_clock(context)
        planned = await _planned(context, clock)
    except NodeGone as gone:
        error = str(gone)
    return {
        "at": context.index.final()[0],
        "clock": clock,
        "versions": [await _version(context, *each) for each in versions],
        "planned": planned,
        "decisions": _decisions(context),
        "nodeError": error,
    }


async def _version(context: Context, version: int, first: int) -> VersionRow:
    block = context.index.block(first)
    return {
        "version": version,
        "first": first,
        "time": None if block is None else time_of(block.ms),
        "codeHash": await _code_hash(context, first),
    }


async def _code_hash(context: Context, first: int) -> str | None:
    """Return the hash of the code that executed a block; None if the node no longer has it."""
    block = context.index.block(first)
    versions = context.index.specs()
    if block is None or not versions:
        return None
    try:
        chain = await context.node.chain(versions[0][0])
        raw = await chain.storage_bytes(CODE, block.parent if first else block.hash)
    except NodeGone:
        return None
    except Disconnected:
        await context.node.close()
        return None
    except ClientError:  # its state is pruned
        return None
    return None if raw is None else hex_of(blake2_256(raw))


async def _planned(context: Context, clock: Clock | None) -> PlannedRow | None:
    try:
        planned = await apis.stored(context, ScheduledUpgrade, "Upgrade.Scheduled")
    except NoSuchPage:
        return None
    return None if planned is None else {
        "version": int(planned.spec_version),
        "slot": int(planned.slot),
        "time": time_of_slot(clock, planned.slot),
        "codeHash": hex_of(blake2_256(planned.code)),
    }  # fmt: skip


def _decisions(context: Context) -> list[DecisionRow]:
    """Return the events of upgrades with the account that caused each, the latest first."""
    rows: list[tuple[tuple[int, int], DecisionRow]] = []
    for name, words in DECISIONS.items():
        try:
            pallet, event = event_place(context, name)
        except NoSuchPage:
            continue
        for height, _ in context.index.occurrences(EVENT, pallet, event, END, MAX_DECISIONS):
            rows += _events(context, height, (pallet, event), words)
    rows.sort(key=lambda each: each[0], reverse=True)
    return [fields for _, fields in rows[:MAX_DECISIONS]]


def _events(
    context: Context, height: int, kind: tuple[int, int], words: str
) -> list[tuple[tuple[int, int], DecisionRow]]:
    """Return the events of a kind in a block, each with its height and place."""
    row, body = context.index.block(height), context.index.body(height)
    if row is None or body is None:
        return []
    parts = split_events(context, row, body)
    deciders = {
        context.data.event_name(row.spec, part.pallet, part.event): part.extrinsic for part in parts
    }
    rows: list[tuple[tuple[int, int], DecisionRow]] = []
    for place_in_block, part in enumerate(parts):
        if (part.pallet, part.event) != kind:
            continue
        fields: DecisionRow = {
            "height": height, "time": time_of(row.ms), "what": words, "extrinsic": None,
            "signer": None, "version": None,
            "by": next((name for name in DECIDERS if name in deciders), None),
        }  # fmt: skip
        if part.extrinsic != OF_BLOCK:
            place = context.index.extrinsic(height, part.extrinsic)
            fields["extrinsic"] = f"{height}-{part.extrinsic}"
            fields["signer"] = None if place is None else account_json(context.data, place.signer)
        rows.append(((height, place_in_block), fields))
        try:
            view = context.data.event(row.spec, body.events, part)
        except ClientError:
            continue
        fields["version"] = number_in(view.fields.get("spec_version"))
    return rows
