"""Pages of validators: the list, and one with its blocks, its bond and its offences."""

from __future__ import annotations

import math
from typing import Final

from btt_chain.client.errors import ClientError, NotFound
from btt_chain.explorer import apis
from btt_chain.explorer.context import Context, NodeGone
from btt_chain.explorer.pages.forms import (
    PAGE,
    Fields,
    Json,
    NoSuchPage,
    account_json,
    account_of,
    block_json,
)
from btt_chain.explorer.pages.slots import strip_of
from btt_chain.present.visible import of_bytes
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.scale import u64
from btt_chain.scale.portable import Plain

WINDOW: Final = 600
"""Number of blocks over which authors are counted."""
MAX_VALIDATORS: Final = 1_000
OFFENCES: Final = {
    "babe:equivocatio": "two blocks in one slot", "grandpa:equivoca": "two votes in one round",
}  # fmt: skip
"""Kinds of offences in words."""


async def validators_page(context: Context) -> Fields:
    """Return the validators with their shares of the blocks, those made and those expected."""
    tip = context.index.tip()
    authored = {each.key: each for each in context.index.authored(max(tip - WINDOW, -1))}
    total = sum(each.blocks for each in authored.values())
    error, active = None, []
    try:
        active = await _active(context)
    except NodeGone as gone:
        error = str(gone)
    rows: list[Json] = []
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


def expected(total: int, share: float | None) -> Fields:
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
    keys = [apis.account(context, each) for each in validators]
    shares = _shares(weights, config, rule)
    return [(key, share) for key, share in zip(keys, shares, strict=True) if key is not None]


def _shares(weights: list[int], config: Plain, rule: Plain) -> list[float]:
    """Return the shares of the blocks of authorities with these weights.

    By the weights alone if the node does not say how slots are assigned.
    """
    # The lottery brings a library of curves.
    from btt_chain.primitives.block_shares import SHARE_UNIT, shares_of  # noqa: PLC0415
    from btt_chain.primitives.lottery import SecondaryRule  # noqa: PLC0415

    known = EpochConfig((u64(1), u64(1)), AllowedSlots.PrimarySlots)
    match config:
        case {"c": [int(won), int(of)], "allowed_slots": str(slots)} if (
            slots in AllowedSlots.__members__ and 0 <= won <= of <= u64.MAX and of
        ):
            known = EpochConfig((u64(won), u64(of)), AllowedSlots[slots])
    uniform = SecondaryRule.Uniform
    used = uniform if rule == uniform.name else SecondaryRule.Weighted
    return [share / SHARE_UNIT for share in shares_of(weights, known, used)]


async def validator_page(context: Context, text: str) -> Fields:
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


async def _stakes(context: Context, address: str) -> Fields:
    """Return bond, candidacy and offences, as far as the chain has them."""
    fields: Fields = {"bond": None, "isCandidate": None, "barredUntil": None, "offences": []}
    try:
        ledger = apis.optional(await apis.stored(context, "Authorities.Ledger", address))
        candidate = await apis.stored(context, "Authorities.Candidates", address)
        barred = await apis.stored(context, "Authorities.Barred", address)
        reports = await apis.entries(context, "Offences.Reports")
        charges = {
            str(key[0]): apis.record(value)
            for key, value in await apis.entries(context, "Offences.Charges")
            if key
        }
        kinds = _kinds(await apis.entries(context, "Offences.Queue"))
    except NoSuchPage:
        return fields  # another chain
    found: list[Json] = []
    for key, value in reports:
        offender = apis.items(apis.record(value).get("offender"))
        if not key or not offender or offender[0] != address:
            continue
        charge = charges.get(str(key[0]))
        found.append(
            {
                "report": str(key[0]),
                "kind": kinds.get(str(key[0])),
                "session": None if charge is None else apis.number(charge, "session"),
                "charged": None if charge is None else str(apis.number(charge, "charged")),
            }
        )
    return {
        "bond": None if ledger is None else str(apis.number(ledger, "active")),
        "isCandidate": candidate is not None,
        "barredUntil": barred if isinstance(barred, int) and barred else None,
        "offences": found,
    }


def _kinds(queue: list[tuple[list[Plain], Plain]]) -> dict[str, Json]:
    """Return the kinds of offences in words by their reports."""
    found: dict[str, Json] = {}
    for _, value in queue:
        each = apis.record(value)
        kind = apis.words(each.get("kind"))
        found[apis.text(each, "report")] = OFFENCES.get(kind, of_bytes(kind.encode()))
    return found
