"""Pages of validators: the list, and one with its blocks, its bond and its offences."""

from __future__ import annotations

import math
from typing import Final, TypedDict

from btt_chain.client.errors import ClientError, NotFound
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.pages.forms import (
    PAGE,
    AccountRow,
    BlockFields,
    NoSuchPage,
    account_json,
    account_of,
    block_json,
    hex_of,
    text_of,
)
from btt_chain.explorer.pages.slots import Strip, strip_of
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.block_shares import SHARE_UNIT, shares_of
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.scale import u32, u64
from btt_chain.scale.portable import Plain
from runtime.pallets.authorities.types import Ledger
from runtime.pallets.offences.pallet import Charge, OffenceDetails, Queued

WINDOW: Final = 600
"""Number of blocks over which authors are counted."""
MAX_VALIDATORS: Final = 1_000
OFFENCES: Final = {
    "babe:equivocatio": "two blocks in one slot", "grandpa:equivoca": "two votes in one round",
}  # fmt: skip
"""Kinds of offences in words."""


class Band(TypedDict):
    """The expected number of blocks, with two standard deviations; None outside of the set."""

    expected: float | None
    low: int | None
    high: int | None


class ValidatorRow(Band):
    """A validator with its share of the blocks in millionths, those made and those expected."""

    account: AccountRow | None
    isActive: bool
    made: int
    last: int | None
    share: int | None


class ValidatorsPage(TypedDict):
    """The validators, and the last slots by author."""

    blocks: int
    window: int
    validators: list[ValidatorRow]
    slots: Strip | None
    nodeError: str | None
    voters: int
    votersNeeded: int


class OffenceRow(TypedDict):
    """An offence, and the penalty for it."""

    report: str
    kind: str | None
    session: int | None
    charged: str | None


class Stakes(TypedDict):
    """Bond, candidacy and offences of a validator."""

    bond: str | None
    isCandidate: bool | None
    barredUntil: int | None
    offences: list[OffenceRow]


class ValidatorPage(Band, Stakes):
    """A validator: its blocks against those to be expected, its bond, its offences."""

    account: AccountRow | None
    address: str
    at: int
    isActive: bool
    share: int | None
    window: int
    blocks: int
    made: int
    latest: list[BlockFields]


async def validators_page(context: Context) -> ValidatorsPage:
    """Return the validators with their shares of the blocks, those made and those expected."""
    tip = context.index.tip()
    authored = {each.key: each for each in context.index.authored(max(tip - WINDOW, -1))}
    total = sum(each.blocks for each in authored.values())
    error, active = None, []
    try:
        active = await _active(context)
    except NodeGone as gone:
        error = str(gone)
    rows: list[ValidatorRow] = []
    listed_keys = set()
    for key, share in active[:MAX_VALIDATORS]:
        made = authored.get(key)
        listed_keys.add(key)
        rows.append(
            {
                "account": account_json(context.data, key),
                "isActive": True,
                "made": made.blocks if made else 0,
                "last": made.last if made else None,
                "share": round(share * 1_000_000),
                **expected(total, share),
            }
        )
    rows += [
        {"account": account_json(context.data, key), "isActive": False, "made": each.blocks,
         "last": each.last, "share": None, **expected(total, None)}
        for key, each in authored.items() if key not in listed_keys
    ]  # fmt: skip
    made_in = [
        (row.slot, row.author)
        for row in context.index.blocks_above(max(tip - WINDOW, -1), WINDOW)
        if row.slot is not None and row.author is not None
    ]
    strip = strip_of(
        made_in,
        lambda key: context.data.label(key) or context.data.address(key),
    )
    return {
        "blocks": total, "window": WINDOW, "validators": rows, "slots": strip, "nodeError": error,
        "voters": len(active), "votersNeeded": len(active) - (len(active) - 1) // 3,
    }  # fmt: skip


def expected(total: int, share: float | None) -> Band:
    """Return the expected number of blocks, and the band of two standard deviations around it.

    `share` is a validator's share of the blocks; None if it is in no set.
    """
    if share is None:
        return {"expected": None, "low": None, "high": None}
    mean, deviation = total * share, math.sqrt(total * share * (1 - share))
    return {
        "expected": round(mean, 1),
        "low": max(math.floor(mean - 2 * deviation), 0),
        "high": min(math.ceil(mean + 2 * deviation), total),
    }


async def _active(context: Context) -> list[tuple[bytes, float]]:
    """Return the validators of the last final block with their shares of the blocks."""
    specs = context.index.specs()
    if not specs:
        return []
    chain = await context.node.chain(specs[0][0])
    _, hash = context.index.final()
    try:
        validators = await chain.storage("Session.Validators", at=hash)
        authorities = await chain.storage("Babe.Authorities", at=hash)
        config = await chain.storage("Babe.EpochConfig", at=hash)
    except NotFound:
        return []
    except ClientError as error:
        raise NodeGone(str(error)) from None
    if not isinstance(validators, list):
        return []
    weights = [1] * len(validators)
    if isinstance(authorities, list) and len(authorities) == len(validators):
        weights = [
            each[1] if isinstance(each, list) and len(each) == 2 and isinstance(each[1], int) else 1
            for each in authorities
        ]
    try:
        rule = await chain.storage("Babe.SecondaryRule", at=hash)
    except ClientError:
        rule = "Uniform"  # Substrate's own
    keys = [apis.account(each) for each in validators]
    return [*zip(keys, _shares(weights, config, rule), strict=True)]


def _shares(weights: list[int], config: Plain, rule: Plain) -> list[float]:
    """Return the shares of the blocks of authorities with these weights.

    By the weights alone if the node does not say how slots are assigned.
    """
    known = EpochConfig((u64(1), u64(1)), AllowedSlots.PrimarySlots)
    match config:
        case {"c": [int(won), int(of)], "allowed_slots": str(slots)} if (
            slots in AllowedSlots.__members__ and 0 <= won <= of <= u64.MAX and of
        ):
            known = EpochConfig((u64(won), u64(of)), AllowedSlots[slots])
    uniform = SecondaryRule.Uniform
    used = uniform if rule == uniform.name else SecondaryRule.Weighted
    return [share / SHARE_UNIT for share in shares_of(weights, known, used)]


async def validator_page(context: Context, text: str) -> ValidatorPage:
    """Return a validator: its blocks against those to be expected, its bond, its offences."""
    key = account_of(context.data, text)
    tip = context.index.tip()
    above = max(tip - WINDOW, -1)
    authored = {each.key: each for each in context.index.authored(above)}
    total = sum(each.blocks for each in authored.values())
    active = dict(await _active(context))
    rows = [row for row in context.index.blocks_above(above, WINDOW) if row.author == key][::-1]
    fields = await _stakes(context, context.data.address(key))
    if key not in active and not rows and fields["bond"] is None:
        raise NoSuchPage(f"{context.data.address(key)} is not a validator.")
    share = active.get(key)
    band = expected(0 if share is None else total, share)
    return {
        "account": account_json(context.data, key),
        "address": context.data.address(key),
        "at": context.index.final()[0],
        "isActive": key in active,
        "share": None if share is None else round(share * 1_000_000),
        "window": WINDOW,
        "blocks": total,
        "made": len(rows),
        **band,
        "latest": [block_json(context.data, each) for each in rows[:PAGE]],
        **fields,
    }


async def _stakes(context: Context, address: str) -> Stakes:
    """Return bond, candidacy and offences, as far as the chain has them."""
    try:
        ledger = await apis.stored(context, Ledger, "Authorities.Ledger", address)
        candidate = await apis.stored(context, object, "Authorities.Candidates", address)
        barred = await apis.stored(context, u32, "Authorities.Barred", address)
        reports = await apis.entries(context, OffenceDetails, "Offences.Reports")
        charges = dict(await apis.entries(context, Charge, "Offences.Charges"))
        queue = [report for _, report in await apis.entries(context, Queued, "Offences.Queue")]
    except NoSuchPage:  # another chain
        return {"bond": None, "isCandidate": None, "barredUntil": None, "offences": []}
    kinds = {hex_of(report.report): _words(report.kind) for report in queue}
    offences: list[OffenceRow] = []
    for key, details in reports:
        if context.data.address(details.offender[0]) == address:
            charge = charges.get(key)
            offences.append(
                {
                    "report": str(key),
                    "kind": kinds.get(str(key)),
                    "session": None if charge is None else int(charge.session),
                    "charged": None if charge is None else str(int(charge.charged)),
                }
            )
    return {
        "bond": None if ledger is None else str(int(ledger.active)),
        "isCandidate": candidate is not None,
        "barredUntil": int(barred) if barred else None,
        "offences": offences,
    }


def _words(kind: bytes) -> str:
    """Return the kind of an offence in words."""
    name = text_of(kind)
    return OFFENCES.get(name, name)
