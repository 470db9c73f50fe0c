"""`btt-chain vesting`: money that is released over time. Times are slots since the first block."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Annotated, Final

from btt_chain.client.transactions import Included
from btt_chain.client.views import ViewClient, shaped
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule, rule_of
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u32, u128
from cli.common import show
from cli.common.calls import total
from cli.common.chain_time import ChainTime, until
from cli.common.errors import NotFound, Refused
from cli.common.options import Group
from cli.common.sending import Sender
from cli.declared import Chosen, composed, print_value, query
from cli.parameters import Input, context_of
from runtime.frame.aliases import Balance, SlotNumber
from runtime.pallets.balances.types import BalanceLock
from runtime.pallets.vesting.pallet import LOCK_ID, Vesting
from runtime.schedules import Schedule, total_unvested

MONTH_MS: Final = 30 * 86_400_000
MAX_DATES: Final = 120

vesting = Group("vesting", help="See what is released when, and unlock what has been released.")


@dataclass(frozen=True, slots=True)
class Released:
    """A schedule, and what it has released and still locks."""

    schedule: Schedule
    vested: Balance
    unvested: Balance


@dataclass(frozen=True, slots=True)
class Locked:
    """The amount that all schedules of an account lock at a slot."""

    slot: SlotNumber
    unvested: Balance


@dataclass(frozen=True, slots=True)
class Vested:
    """The schedules of an account, what is locked at a slot, and what can be unlocked then."""

    slot: SlotNumber
    unvested: Balance
    claimable: Balance
    """Amount that was released since the lock was last updated."""
    schedules: list[Released]
    dates: list[Locked]

    def when(self, slot: int, context: Context) -> str:
        """Return a slot as a date; with its distance if it is to come."""
        if slot <= self.slot or context.slot_ms is None:
            return rule(SlotNumber).text(u32(slot), context)
        return until(slot * context.slot_ms, int(self.slot) * context.slot_ms, context)


def first_release(schedule: Schedule) -> int:
    """Return the slot of a schedule's first release."""
    return max(int(schedule.start), int(schedule.cliff))


def next_dates(schedules: Sequence[Schedule], slot: int, step: int, count: int) -> list[int]:
    """Return the next slots to show: every `step` from now on, all cliffs, and the last end.

    At most `count` of the steps; none after the end.
    """
    end = max((schedule.end for schedule in schedules), default=slot)
    steps = {slot + step * n for n in range(1, count + 1) if slot + step * n < end}
    cliffs = {first for first in map(first_release, schedules) if first > slot}
    return sorted(steps | cliffs | ({end} if end > slot else set()))


def vested_at(
    schedules: Sequence[Schedule], lock: int, slot: int, dates: Sequence[int] = ()
) -> Vested:
    """Return schedules at a slot, with what they lock then and at later dates."""
    unvested = total_unvested(schedules, slot)
    rows = [Released(row, row.vested(slot), row.unvested(slot)) for row in schedules]
    later = [Locked(u32(date), total_unvested(schedules, date)) for date in dates]
    return Vested(u32(slot), unvested, u128(max(0, lock - int(unvested))), rows, later)


async def read_vested(chain: ViewClient, who: bytes, slot: int, months: int) -> Vested:
    """Return the schedules of an account at a slot, and what is locked in the next months."""
    stored = await chain.chain.storage("Vesting.SchedulesExt", to_hex(who))
    schedules = shaped(list[Schedule], stored or [])
    # The lock holds more than is unvested until it is updated.
    locks = shaped(
        list[BalanceLock], await chain.chain.storage("Balances.Locks", to_hex(who)) or []
    )
    lock = sum(int(row.amount) for row in locks if row.id == LOCK_ID)
    dates = next_dates(schedules, slot, MONTH_MS // chain.slot_ms, months)
    return vested_at(schedules, lock, slot, dates)


def print_vested(vested: Vested, context: Context) -> None:
    """Print the schedules of an account, and what is locked at the next dates."""
    if not vested.schedules:
        show.note("nothing of this account is vesting")
        return
    money = context.currency.format
    show.record(
        {
            "locked": money(int(vested.unvested)),
            "released": money(sum(int(row.vested) for row in vested.schedules)),
            "to unlock": money(int(vested.claimable)),
        }
    )
    show.heading("Schedules")
    print_value(
        rule_of(list[Released]), vested.schedules,
        {
            "amount": "schedule.locked", "released": "vested", "locked": "unvested",
            "first release": lambda row, _: vested.when(first_release(row.schedule), context),
            "all released": lambda row, _: vested.when(row.schedule.end, context),
        },
        context,
    )  # fmt: skip
    show.heading("Next dates")
    print_value(
        rule_of(list[Locked]), vested.dates,
        {"at": lambda row, _: vested.when(int(row.slot), context), "locked then": "unvested"},
        context,
    )  # fmt: skip
    if vested.claimable:
        show.note("unlock what is released: btt-chain vesting claim --from KEY")


@query(
    vesting, "btt-chain vesting show //Alice", "btt-chain vesting show 5FHneW46... --months 12",
    view=print_vested,
)  # fmt: skip
async def show_(
    chain: ViewClient,
    account: AccountId,
    months: Annotated[
        u32, Input(help="Next months of 30 days to show.", default="3", least=0, most=MAX_DATES)
    ],
) -> Vested:
    """Show the schedules of ACCOUNT: what is free, what is locked, and the next dates."""
    time = await ChainTime.read(chain.chain)
    return await read_vested(chain, account, time.slot, int(months))


def freed_by(sent: Included) -> dict[str, u128]:
    """Return the amount that a transaction unlocked, and what stays locked."""
    return {
        "unlocked": u128(total(sent, "Balances.Unlocked", "amount")),
        "locked": u128(total(sent, "Vesting.VestingUpdated", "unvested")),
    }


def freed(values: SimpleNamespace, context: Context) -> str:
    """Return the result of a claim as text."""
    free, locked = (context.currency.format(int(n)) for n in (values.unlocked, values.locked))
    return f"{free} are free now; {locked} are still locked."


@composed(
    vesting, Vesting.vest_other, "btt-chain vesting claim --from //Alice",
    "btt-chain vesting claim --for 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --from //Alice",
    facts=freed_by, done=freed,
)  # fmt: skip
async def claim(
    chain: ViewClient,
    sender: Sender,
    for_: Annotated[
        AccountId | None, Input("ACCOUNT", "Unlock money of this account, and pay the fee.")
    ],
) -> Chosen:
    """Unlock what has been released. Only then can it be spent."""
    who = for_ or AccountId(sender.account)
    slot = (await ChainTime.read(chain.chain)).at_next_block().slot
    vested = await read_vested(chain, who, slot, 0)
    if not vested.schedules:
        raise NotFound(f"nothing of {chain.chain.metadata.address(who)} is vesting")
    if not vested.claimable:
        first = min(first_release(row.schedule) for row in vested.schedules)
        when = vested.when(first, await context_of(chain))
        soon = f"; the first release is {when}" if first > slot else ""
        raise Refused(f"nothing was released since the last time{soon}")
    return Chosen({"target": Id(who)}, {"for_": who})
