"""Shared by the commands of points: the chain's months, keys and rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from btt_chain.care.errors import CareError
from btt_chain.care.schedule import MONTH_DAYS, Calendar
from btt_chain.client.views import ViewClient
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.point_voucher import Modulus
from btt_chain.scale import u32
from cli.common.chain_time import ChainTime
from cli.common.errors import NotFound, Refused
from cli.common.working import account
from cli.parameters import Input
from runtime.pallets.incentives.api import CurrentMonth, EpochView, IncentivesApi

Facility = Annotated[AccountId, Input("FACILITY")]


@contextmanager
def words() -> Iterator[None]:
    """Turn errors of the programs of care into those of commands."""
    try:
        yield
    except CareError as error:
        raise Refused(str(error)) from None


def account_id(given: str, prefix: int) -> AccountId:
    """Return the account of a text. Mistyped if the text is not an account."""
    return AccountId(account(given, prefix))


async def current(chain: ViewClient) -> CurrentMonth:
    """Return the chain's current month."""
    return await chain.api(IncentivesApi.current)


async def last_month(chain: ViewClient) -> int:
    """Return the month before the current one. Refused if none is over, or a step is missing."""
    now, slot = await current(chain), await slot_of(chain)
    month = int(now.month)
    if slot >= int(now.ends):
        raise Refused(
            f"month {month} is over, but no block has begun month {month + 1} yet: the chain takes "
            "one step of its months in a block. Try again in a few blocks; on a development chain "
            "`btt-chain dev mine 5` makes them"
        )
    if not month:
        raise Refused(f"no month is over yet: month 0 ends in {int(now.ends) - slot} slots")
    return month - 1


async def calendar(chain: ViewClient) -> Calendar:
    """Return the calendar of the chain's months."""
    now = await current(chain)
    return Calendar((int(now.ends) - int(now.begins)) // MONTH_DAYS)


async def slot_of(chain: ViewClient) -> int:
    """Return the chain's time, in slots since genesis."""
    return (await ChainTime.read(chain.chain)).slot


async def keys_of(chain: ViewClient, facility: AccountId, month: int) -> list[Modulus]:
    """Return the moduli that the chain has for a facility's month; empty without any."""
    return await chain.api(IncentivesApi.keys, facility, u32(month)) or []


async def epoch_of(chain: ViewClient, facility: AccountId, month: int) -> EpochView | None:
    """Return a facility's month; None if it has not paid for it."""
    return await chain.api(IncentivesApi.epoch, facility, u32(month))


async def rules_of(chain: ViewClient) -> dict[int, ActivityRule]:
    """Return the rules of activities by number."""
    return {int(view.id): view.rule for view in await chain.api(IncentivesApi.rules)}


async def rule_of(chain: ViewClient, number: int) -> ActivityRule:
    """Return a rule. NotFound if there is none."""
    found = (await rules_of(chain)).get(number)
    if found is None:
        raise NotFound(f"the chain has no rule {number}; `btt-chain facility rules` lists them")
    return found
