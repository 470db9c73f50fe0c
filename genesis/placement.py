"""Placement: the rows of a table assigned to accounts.

Every planck of every row is in an account of block zero. The placement is part of the chain
specification, so that a reader sees the owner of each balance; the balances and vesting schedules
of the runtime's configuration follow from it and are checked against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from genesis.accounts import POOLS, Multisig, address, dev_account, dev_path
from genesis.allocation import Kind, Row, Table, check_rows, read_row, read_rows
from genesis.holders import (
    SIGNERS,
    Holder,
    Holders,
    account_of,
    multisig_json,
    read_multisig,
    signers_of,
    stand_in_signers,
)
from genesis.presets import Liquidity
from runtime.accounts import EXCHANGE, PAYFI, TREASURY
from runtime.constants import BTT
from runtime.frame import GenesisError, Section
from runtime.pallets.balances.types import is_pool
from runtime.schedules import Schedule

COMMUNITY_PERCENT: Final = {"stak": 40, "hlth": 30, "refr": 15, "grnt": 15}
"""Parts of the community row by pool, in percent."""
ALLOWANCE: Final = 100 * int(BTT)
"""Initial balance of each signatory and validator of a Live chain, for fees."""
ALICE_SHARE: Final = 200_000 * int(BTT)
DEV_ACCOUNT_SHARE: Final = 40_000 * int(BTT)
TREASURY_SHARE: Final = 20_000 * int(BTT)
NAMED: Final = 6
"""Minimum number of accounts that share the liquidity of a development or local chain."""
MIN_OBSERVERS: Final = 2
"""Minimum number of them on a local chain that are not validators."""

_POOLED: Final = {Kind.MILESTONE, Kind.MINING, Kind.DISCRETIONARY, Kind.RESERVE}


@dataclass(frozen=True, slots=True)
class Holding:
    """The part of a row in one account, in planck."""

    account: AccountId
    amount: int
    multisig: Multisig | None = None
    """Signatories of the account, if it is a multisig."""


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row and its accounts; the holdings add up to the row."""

    row: Row
    holdings: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class Vests:
    """A linear row's account: its schedule, and the part of its balance free from genesis on."""

    row: Row
    account: AccountId
    schedule: Schedule
    liquid: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A whole table assigned to accounts."""

    table: Table
    rows: tuple[PlacedRow, ...]
    signers: tuple[tuple[str, Multisig], ...] = ()
    """Multisigs that act for pools: the `foundation`, and the `reserve` if there is one."""

    def balances(self) -> dict[AccountId, int]:
        """Return the balance of each account, in planck."""
        held: dict[AccountId, int] = {}
        for placed in self.rows:
            for holding in placed.holdings:
                held[holding.account] = held.get(holding.account, 0) + holding.amount
        return held

    def rows_of(self, account: AccountId) -> list[str]:
        """Return the keys of the rows in an account, wholly or in part."""
        return [
            placed.row.key
            for placed in self.rows
            if any(holding.account == account for holding in placed.holdings)
        ]

    def vesting(self, slot_ms: int) -> Iterator[Vests]:
        """Yield the vesting accounts; GenesisError if a schedule does not fit `slot_ms`."""
        balances = self.balances()
        for placed in self.rows:
            if placed.row.kind is Kind.LINEAR:
                account = placed.holdings[0].account
                liquid = balances[account] - placed.row.amount
                yield Vests(placed.row, account, self.table.schedule(placed.row, slot_ms), liquid)


# --- placing --------------------------------------------------------------------


def place(
    table: Table, liquidity: Liquidity, holders: Holders, validators: Sequence[AccountId] = ()
) -> Placement:
    """Assign every row of `table` to accounts. GenesisError if initial balances exceed their row.

    `holders` are those of all rows with a holder, and optionally those of `SIGNERS`.
    """
    allowances = _allowances(holders, validators) if liquidity is Liquidity.MULTISIG else {}
    programmes = iter(name for name in POOLS if name.startswith("fnd"))
    placed = []
    for row in table.rows:
        match row.kind:
            case Kind.LINEAR:
                holdings = [_held(holders[row.key], row.amount)]
            case Kind.IMMEDIATE:
                named = max(NAMED, len(validators) + MIN_OBSERVERS)
                holdings = _liquidity(row, liquidity, holders[row.key], allowances, named)
                allowances = {}
            case Kind.TREASURY:
                # Without a liquidity row the initial balances come from here.
                paid = {} if table.row_of(Kind.IMMEDIATE) else allowances
                holdings = _after_allowances(row, Holding(TREASURY, row.amount), paid)
            case Kind.MILESTONE:
                holdings = [Holding(POOLS[next(programmes)], row.amount)]
            case Kind.MINING:
                holdings = [Holding(POOLS["mine"], row.amount)]
            case Kind.RESERVE:
                holdings = [Holding(POOLS["rsrv"], row.amount)]
            case Kind.DISCRETIONARY if row.key == "community":
                holdings = _community(row)
            case Kind.DISCRETIONARY:
                holdings = [Holding(POOLS["ecos"], row.amount)]
        placed.append(PlacedRow(row, tuple(holdings)))
    acting = ((name, holders.get(name)) for name in signers_of(table))
    signers = tuple((name, who) for name, who in acting if isinstance(who, Multisig))
    return Placement(table, tuple(placed), signers)


def _held(holder: Holder, amount: int) -> Holding:
    return Holding(account_of(holder), amount, holder if isinstance(holder, Multisig) else None)


def _community(row: Row) -> list[Holding]:
    holdings = [
        Holding(POOLS[name], row.amount * percent // 100)
        for name, percent in COMMUNITY_PERCENT.items()
    ]
    rest = row.amount - sum(holding.amount for holding in holdings)
    return [*holdings[:-1], Holding(holdings[-1].account, holdings[-1].amount + rest)]


def _liquidity(
    row: Row, liquidity: Liquidity, holder: Holder, allowances: dict[AccountId, int], named: int
) -> list[Holding]:
    match liquidity:
        case Liquidity.MULTISIG:
            return _after_allowances(row, _held(holder, row.amount), allowances)
        case Liquidity.ALICE_AND_FIVE:
            alice, *others = _named(NAMED)
            rest = row.amount - ALICE_SHARE - DEV_ACCOUNT_SHARE * len(others)
            shares = {alice: ALICE_SHARE} | dict.fromkeys(others, DEV_ACCOUNT_SHARE)
        case Liquidity.NAMED_EQUALLY:
            alice, *others = _named(named)
            rest = TREASURY_SHARE
            part, left = divmod(row.amount - rest, named)
            shares = {alice: part + left} | dict.fromkeys(others, part)
    return [*(Holding(*share) for share in shares.items()), Holding(TREASURY, rest)]


def _named(count: int) -> Iterator[AccountId]:
    return (dev_account(dev_path(place)) for place in range(count))


def _allowances(holders: Holders, validators: Iterable[AccountId]) -> dict[AccountId, int]:
    # Placeholders for unnamed signatories have no key: balances for them would be lost.
    stand_ins = {*stand_in_signers()}
    signatories = (
        signatory
        for holder in holders.values()
        if isinstance(holder, Multisig)
        for signatory in holder.signatories
        if signatory not in stand_ins
    )
    return dict.fromkeys((*signatories, *validators), ALLOWANCE)


def _after_allowances(row: Row, main: Holding, allowances: dict[AccountId, int]) -> list[Holding]:
    rest = main.amount - sum(allowances.values())
    if rest <= 0:
        raise GenesisError(
            f"row {row.key}: {len(allowances)} allowances leave nothing of its {row.amount}"
        )
    holdings = [Holding(main.account, rest + allowances.get(main.account, 0), main.multisig)]
    return holdings + [
        Holding(*allowance) for allowance in allowances.items() if allowance[0] != main.account
    ]


# --- reading and writing --------------------------------------------------------


def placement_json(placement: Placement) -> dict[str, object]:
    """Return the placement in the form of a chain specification; amounts are decimal text."""
    table = placement.table
    fields: dict[str, object] = {
        "id": table.id,
        "supply": str(table.supply),
        "vesting_reading": table.reading.value,
        "allocations": [_row_json(placed) for placed in placement.rows],
    }
    if placement.signers:
        fields["multisigs"] = {name: multisig_json(who) for name, who in placement.signers}
    return fields


def _row_json(placed: PlacedRow) -> dict[str, object]:
    row = placed.row
    fields: dict[str, object] = {"key": row.key, "holder": row.holder}
    if row.members:
        fields["members"] = list(row.members)
    fields |= {"pct": row.percent, "kind": row.kind.value}
    if row.lock_months is not None:
        fields["lock_m"] = row.lock_months
    if row.months is not None:
        fields["dur_m"] = row.months
    return fields | {
        "group": row.group,
        "amount": str(row.amount),
        "accounts": [_holding_json(holding) for holding in placed.holdings],
    }


def _holding_json(holding: Holding) -> dict[str, object]:
    fields: dict[str, object] = {"account": address(holding.account), "amount": str(holding.amount)}
    if holding.multisig:
        fields["multisig"] = multisig_json(holding.multisig)
    return fields


def read_placement(section: Section) -> Placement:
    """Read the output of `placement_json`. Raises GenesisError that names row and field."""
    fields = section.fields(
        required=("id", "supply", "vesting_reading", "allocations"), optional=("multisigs",)
    )
    places = fields["allocations"].rows()
    rows = [read_row(place, more=("accounts",)) for place in places]
    table = read_rows(fields["id"].text(), fields["supply"], fields["vesting_reading"], rows)
    check_rows(table, places)
    placed = tuple(
        PlacedRow(row, _read_holdings(row, place)) for row, place in zip(rows, places, strict=True)
    )
    vesting: dict[AccountId, str] = {}
    for (row, holdings), place in zip(((p.row, p.holdings) for p in placed), places, strict=True):
        if row.kind is not Kind.LINEAR:
            continue
        if len(holdings) != 1:
            raise GenesisError(f"{place.path}.accounts: linear row {row.key} has one account")
        other = vesting.setdefault(holdings[0].account, row.key)
        if other != row.key:
            raise GenesisError(
                f"{place.path}.accounts[0]: row {row.key} has the account of row {other}"
            )
    signers = fields["multisigs"].fields(optional=tuple(SIGNERS)) if "multisigs" in fields else {}
    return Placement(
        table, placed, tuple((name, read_multisig(part)) for name, part in signers.items())
    )


def _read_holdings(row: Row, place: Section) -> tuple[Holding, ...]:
    accounts = place.fields(
        required=("accounts",),
        optional=("key", "holder", "members", "pct", "kind", "lock_m", "dur_m", "group", "amount"),
    )["accounts"]
    holdings = []
    seen: set[AccountId] = set()
    for part in accounts:
        holding = _read_holding(part)
        if holding.account in seen:
            raise GenesisError(f"{part.path}.account: row {row.key} has this account already")
        if row.kind in _POOLED and not is_pool(holding.account):
            raise GenesisError(f"{part.path}.account: {row.kind} row {row.key} lies in pools only")
        seen.add(holding.account)
        holdings.append(holding)
    total = sum(holding.amount for holding in holdings)
    if total != row.amount:
        raise GenesisError(
            f"{accounts.path}: the accounts of row {row.key} hold {total} planck, not {row.amount}"
        )
    return tuple(holdings)


def _read_holding(section: Section) -> Holding:
    fields = section.fields(required=("account", "amount"), optional=("multisig",))
    account, amount = fields["account"].account(), fields["amount"].planck()
    if not amount:
        raise fields["amount"].wrong("more than nothing")
    if "multisig" not in fields:
        return Holding(account, int(amount))
    multisig = read_multisig(fields["multisig"])
    if multisig.account != account:
        raise fields["account"].wrong(f"{address(multisig.account)}, the multisig's account")
    return Holding(account, int(amount), multisig)


# --- the runtime's configuration ------------------------------------------------


def balances_json(placement: Placement) -> dict[str, object]:
    """Return the configuration of Balances."""
    return {
        "balances": [[address(who), str(held)] for who, held in placement.balances().items()],
        "pools": [address(account) for account in (*POOLS.values(), EXCHANGE, PAYFI)],
    }


def vesting_json(placement: Placement, slot_ms: int) -> dict[str, object]:
    """Return Vesting's configuration: [account, begin, length, liquid] and [account, cliff]."""
    rows: list[list[object]] = []
    cliffs: list[list[object]] = []
    for vests in placement.vesting(slot_ms):
        who, schedule = address(vests.account), vests.schedule
        rows.append([who, int(schedule.start), int(schedule.length), str(vests.liquid)])
        if has_cliff(schedule):
            cliffs.append([who, int(schedule.cliff)])
    return {"vesting": rows, "vestingExt": cliffs}


def check_balances(section: Section, placement: Placement) -> None:
    """Raise GenesisError, naming the row, unless Balances' configuration is the placement's."""
    fields = section.fields(required=("balances",), optional=("pools",))
    wanted = placement.balances()
    for entry in fields["balances"]:
        account, amount = entry.rows(2)
        who = account.account()
        if who not in wanted:
            raise GenesisError(f"{account.path}: in no row of the allocation, or here twice")
        held = wanted.pop(who)
        if amount.planck() != held:
            rows = ", ".join(placement.rows_of(who))
            raise amount.wrong(f"{held} planck, what lies there of row {rows}")
    for who in wanted:
        row = placement.rows_of(who)[0]
        raise GenesisError(f"{fields['balances'].path}: {address(who)} of row {row} is missing")


def check_vesting(section: Section, placement: Placement, slot_ms: int) -> None:
    """Raise GenesisError, naming the row, unless Vesting's configuration is the placement's."""
    fields = section.fields(required=("vesting",), optional=("vestingExt",))
    wanted = {vests.account: vests for vests in placement.vesting(slot_ms)}
    cliffs = {who: vests for who, vests in wanted.items() if has_cliff(vests.schedule)}
    for entry in fields["vesting"]:
        account, begin, length, liquid = entry.rows(4)
        vests = _claim(wanted, account)
        schedule = vests.schedule
        for place, found, right in (
            (begin, begin.u32(), schedule.start),
            (length, length.u32(), schedule.length),
            (liquid, liquid.planck(), u128(vests.liquid)),
        ):
            if found != right:
                raise place.wrong(f"{right}, as row {vests.row.key} has it")
    for entry in fields.get("vestingExt") or ():
        account, cliff = entry.rows(2)
        vests = _claim(cliffs, account)
        if cliff.u32() != vests.schedule.cliff:
            raise cliff.wrong(f"{vests.schedule.cliff}, as row {vests.row.key} has it")
    for name, missing in (("vesting", wanted), ("vestingExt", cliffs)):
        for who, vests in missing.items():
            raise GenesisError(
                f"{section.path}.{name}: {address(who)} of row {vests.row.key} is missing"
            )


def has_cliff(schedule: Schedule) -> bool:
    """Return True if the schedule has a cliff after its start."""
    return schedule.cliff != schedule.start


def _claim(wanted: dict[AccountId, Vests], account: Section) -> Vests:
    vests = wanted.pop(account.account(), None)
    if vests is None:
        raise GenesisError(f"{account.path}: no row of the allocation has it so, or here twice")
    return vests
