"""The audit: invariants of every state, checked on the state as a whole.

Each check recomputes a part of the accounting from other records, and reports differences. It reads
the whole state and changes nothing: for tests, operators and independent verification, at any
finalized block; never for a hook or a call. The numbers I1 to I19 are those of docs/economy.md, I45
is that of docs/oracle.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId
from btt_chain.scale import DecodeError, EncodeError, u32
from runtime import BttRuntime
from runtime.audit_economy import (
    burns,
    development,
    mining,
    pools,
    programmes,
    reserve,
    stakes,
)
from runtime.audit_oracle import prices
from runtime.audit_state import AuditedState, Check, Finding
from runtime.frame import Reason
from runtime.frame.items import HASH, HASH_PREFIX, Map, StorageItem
from runtime.pallets import (
    assets,
    bounties,
    chambers,
    conviction_voting,
    identity,
    multisig,
    proxy,
    referenda,
)
from runtime.pallets.asset_registry import AssetRegistry, State
from runtime.pallets.balances import is_pool
from runtime.pallets.balances.formulas import amount_of, lock_level, sum_of
from runtime.pallets.bounties import Bounties
from runtime.pallets.exchange import Side
from runtime.pallets.exchange.types import book_key
from runtime.pallets.jobs import ENDED, JobState
from runtime.pallets.mining import Mining
from runtime.pallets.preimage import Preimage, Unrequested
from runtime.pallets.receipts import Phase, Receipts
from runtime.pallets.tier_staking import TierStaking
from runtime.pallets.tokenomics import Tokenomics
from runtime.pallets.vesting import LOCK_ID, total_unvested

K = TypeVar("K")
V = TypeVar("V")
PREFIX_SIZE: Final = 16
"""Length of the pallet's part of a storage prefix, in bytes; the item's part is as long."""
CHECKED: Final = (JobState.Committed, JobState.Checking, JobState.Pending)
"""States of a job that has a receipt."""
OWN_KEYS: Final = b":"
"""First byte of keys outside of pallets: code, parameters, the chain's id."""


def audit(runtime: BttRuntime) -> list[Finding]:
    """Return all violations in the current state of `runtime`; an empty list if there are none.

    The state must be that of a block's end. Reads every key of it: seconds on a large chain.
    """
    unreadable = list(stored(runtime))
    if unreadable:  # the other checks would fail on it
        return unreadable
    audited = AuditedState(
        runtime,
        dict(runtime.system.account.items()),
        runtime.pallet(Tokenomics),
        runtime.pallet(Mining),
        runtime.pallet(TierStaking),
    )
    return [finding for check in CHECKS for finding in check(audited)]


# ---- I17: all storage is readable and canonical


def stored(runtime: BttRuntime) -> Iterator[Finding]:
    """Check I17: every key belongs to an item, and every value re-encodes to itself."""
    items = {
        item.prefix: (f"{pallet.name}.{item.name}", item)
        for pallet in runtime.pallets.values()
        for _, item in pallet.live_storage()
    }
    state = runtime.host.state
    for key in list(state.keys(b"")):
        if key.startswith(OWN_KEYS):
            continue
        name, item = items.get(key[: 2 * PREFIX_SIZE], ("", None))
        if item is None:
            yield Finding("I17", f"key 0x{key.hex()} belongs to no pallet")
            continue
        problem = unreadable(item, key, state.get(key) or b"")
        if problem:
            yield Finding("I17", f"{name}: {problem} under 0x{key.hex()}")


def unreadable(item: StorageItem, key: bytes, raw: bytes) -> str:
    """Return the problem with a key of `item` or its value; an empty text if there is none."""
    shape = item.shape()
    try:
        if shape.value.encode(shape.value.decode_all(raw)) != raw:
            return "a value that is not in its own form"
        at = len(item.prefix)
        for hasher, part in shape.keys:
            size = HASH_PREFIX.get(hasher)
            if size is None:  # a hash without the key: nothing to compare
                return ""
            value, end = part.decode(key, at + size)
            if HASH[hasher](part.encode(value)) != key[at:end]:
                return "a key whose hash is not that of what it stands for"
            at = end
    except (DecodeError, EncodeError) as error:
        return f"unreadable bytes ({error})"
    return "" if at == len(key) else "a key that is too long"


# ---- I1, I4, I19: balances by account


def issuance(audited: AuditedState) -> Iterator[Finding]:
    """Check I1: the balances of all accounts add up to the total issuance."""
    held = sum(int(info.data.free) + int(info.data.reserved) for info in audited.accounts.values())
    recorded = int(audited.runtime.balances.total_issuance.value)
    if held != recorded:
        yield Finding("I1", f"accounts have {held} planck, the issuance is {recorded}")


def reserves(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: reserves have an owner and a reason, and the stored locks match their entries."""
    balances = audited.runtime.balances
    for who, info in audited.accounts.items():
        holds, named = balances.holds[who], balances.reserves[who]
        parts, reserved = sum_of(holds) + sum_of(named), int(info.data.reserved)
        if parts != reserved:
            yield Finding("I4", f"{who.hex()}: {reserved} planck reserved, {parts} with a reason")
        firm = sum_of([hold for hold in holds if hold.id not in balances.offsetting])
        lock = lock_level(balances.locks[who], balances.freezes[who])
        frozen = lock + firm if lock else 0
        if info.data.frozen != frozen:
            recorded = f"{info.data.frozen} planck frozen"
            yield Finding("I4", f"{who.hex()}: {recorded}, its locks make {frozen}")
    for item in (balances.holds, balances.reserves, balances.locks, balances.freezes):
        for who, entries in item.items():
            if who not in audited.accounts:
                yield Finding("I4", f"{who.hex()}: {item.name} without an account")
            elif not entries or not all(entry.amount for entry in entries):
                yield Finding("I4", f"{who.hex()}: {item.name} of nothing")


def bonds(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: bonds are on hold to the planck, and deposits are reserved."""
    runtime = audited.runtime
    balances, reason = runtime.balances, runtime.authorities.reason
    ledgers = {who: ledger.total for who, ledger in runtime.authorities.bonds.ledger.items()}
    for who in {**audited.accounts, **ledgers}:
        held, bonded = amount_of(balances.holds[who], reason), ledgers.get(who, 0)
        if held != bonded:
            yield Finding("I4", f"{who.hex()}: {held} planck held as bond, {bonded} bonded")
    yield from unexplained(audited)
    noted = deposits_noted(runtime)
    for name, deposits in noted.items():
        reserved = sum(int(amount_of(entries, name)) for _, entries in balances.reserves.items())
        if reserved != deposits:
            recorded = f"{reserved} planck reserved under {name!r}"
            yield Finding("I4", f"{recorded}, the deposits noted are {deposits}")


def deposits_noted(runtime: BttRuntime) -> dict[bytes, int]:
    """Return the sum reserved under each name, by the records of the pallets that reserve."""
    polls = runtime.referenda.referendum_info_for.items()
    return {
        proxy.RESERVE_ID: sum(
            int(deposit)
            for item in (runtime.proxy.proxies, runtime.proxy.announced.announcements)
            for _, (_, deposit) in item.items()
        ),
        bounties.RESERVE_ID: sum(
            int(bounty.bond) + int(bounty.curator_deposit)
            for _, bounty in runtime.pallet(Bounties).bounties.items()
        ),
        multisig.RESERVE_ID: sum(
            int(operation.deposit) for _, operation in runtime.multisig.multisigs.items()
        ),
        identity.RESERVE_ID: sum(
            int(known.deposit)
            + sum(int(one.fee) for _, one in known.judgements if isinstance(one, identity.FeePaid))
            for _, known in runtime.identity.identity_of.items()
        )
        + sum(int(deposit) for _, (deposit, _) in runtime.identity.subs.subs_of.items()),
        chambers.RESERVE_ID: sum(
            int(one.deposit) for _, one in runtime.chambers.elections.candidates.items()
        )
        + sum(int(seat.deposit) for seat in runtime.chambers.membership.representatives.value),
        referenda.RESERVE_ID: sum(
            int(deposit.amount) for _, poll in polls for deposit in left_for(poll)
        ),
        assets.RESERVE_ID: sum(
            int(one.reason.deposit)
            for _, one in runtime.assets.account.items()
            if isinstance(one.reason, assets.DepositHeld)
        ),
    }


def left_for(poll: referenda.ReferendumInfo) -> list[referenda.Deposit]:
    """Return the deposits that are still reserved for a referendum."""
    found: list[referenda.Deposit | None]
    match poll:
        case referenda.Ongoing(status):
            found = [status.submission_deposit, status.decision_deposit]
        case referenda.WasKilled():
            found = []
        case _:
            found = [poll.submission, poll.decision]
    return [deposit for deposit in found if deposit is not None]


def unexplained(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: holds match the pallets' records, and voting locks the greatest class lock."""
    runtime, expected = audited.runtime, dict[tuple[AccountId, Reason], int]()
    for who, reason, amount in records(runtime):
        expected[who, reason] = expected.get((who, reason), 0) + amount
    elsewhere = (runtime.authorities.reason, audited.staking.reason)  # see `bonds`, `holdings`
    held = {
        (who, hold.id): int(hold.amount)
        for who, entries in runtime.balances.holds.items()
        for hold in entries
        if hold.id not in elsewhere
    }
    for who, reason in {**held, **expected}:
        on_hold, due = held.get((who, reason), 0), expected.get((who, reason), 0)
        if on_hold != due:
            why = f"{runtime.pallets[reason.pallet].name} holds {on_hold} planck"
            yield Finding(
                "I4", f"{who.hex()}: {why} (reason {reason.index}), its records say {due}"
            )
    votes, locks = runtime.conviction_voting.class_locks_for, runtime.balances.locks
    for who in {**dict(votes.items()), **dict(locks.items())}:
        most = max((int(amount) for _, amount in votes[who]), default=0)
        locked = int(amount_of(locks[who], conviction_voting.LOCK_ID))
        if locked != most:
            yield Finding("I4", f"{who.hex()}: {locked} planck locked by votes, they say {most}")


def values_of(item: Map[K, V]) -> list[V]:
    """Return all values of an item."""
    return [value for _, value in item.items()]


def records(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the holds expected by the records of the pallets: account, reason, planck."""
    notes = Reason(runtime.preimage.index, Preimage.HoldReason.Preimage)
    for status in values_of(runtime.preimage.request_status_for):
        deposit = status.ticket if isinstance(status, Unrequested) else status.maybe_ticket
        if deposit is not None:
            yield deposit[0], notes, int(deposit[1])
    for who, ledger in runtime.providers.ledgers.items():
        yield who, runtime.providers.reason, int(ledger.bond) + int(ledger.leaving)
        yield who, runtime.providers.deposit_reason, int(runtime.providers.registration_deposit)
    for model in values_of(runtime.models.models):
        yield model.owner, runtime.models.reason, int(model.bond)
    for job in values_of(runtime.jobs.store.jobs):
        if job.requester is not None and job.state not in ENDED:
            yield job.requester, runtime.jobs.reason, int(job.escrow)
    challenge = Reason(runtime.receipts.index, Receipts.HoldReason.Challenge)
    for who, verifier in runtime.receipts.bonds.verifiers.items():
        yield who, runtime.receipts.reason, int(verifier.bond)
    for receipt in values_of(runtime.receipts.receipts):
        for one in receipt.challenges:
            if one.by is not None and not one.answered:
                yield one.by, challenge, int(one.deposit)
    for order in values_of(runtime.exchange.order_book.orders):
        yield order.owner, runtime.exchange.reason, int(order.escrow)
    for who, feeder in runtime.oracle.feeders.feeders.items():
        yield who, runtime.oracle.reason, int(feeder.bond)
    yield from asset_records(runtime)


def asset_records(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the expected holds of the asset registry."""
    registry, why = runtime.asset_registry, AssetRegistry.HoldReason
    for id, info in registry.registrations.registered.items():
        poll, offer = registry.voting.polls.get(id), registry.buy_back.buy_backs.get(id)
        revenue = registry.holders.revenue[id]
        for reason, amount in (
            (why.Registration, int(info.deposit)),
            (why.VoteReward, int(poll.left) if poll else 0),
            (why.BuyBack, int(offer.price) * int(offer.units) if offer else 0),
            (why.Revenue, int(revenue.fed) - int(revenue.paid)),
        ):
            yield info.issuer, Reason(registry.index, reason), amount
    for who, verifier in registry.verification.verifiers.items():
        yield who, Reason(registry.index, why.VerifierBond), int(verifier.bond)


def dust(audited: AuditedState) -> Iterator[Finding]:
    """Check I19: no account is stored with less than it needs to exist."""
    least = audited.runtime.balances.existential_deposit
    for who, info in audited.accounts.items():
        data = info.data
        if not (info.providers or info.sufficients):
            yield Finding("I19", f"{who.hex()}: stored, but nothing keeps it alive")
        exempt = is_pool(who) or who == audited.runtime.balances.treasury
        if 0 < data.free < least and not (data.reserved or exempt):
            yield Finding("I19", f"{who.hex()}: {data.free} planck of dust")


# ---- I5: vesting


def vesting(audited: AuditedState) -> Iterator[Finding]:
    """Check I5: schedules are well formed, equal in both formats, and covered by locks."""
    runtime = audited.runtime
    schedules = dict(runtime.vesting.schedules_ext.items())
    recorded = dict(runtime.vesting.vesting.items())
    locks = {
        who: int(amount_of(entries, LOCK_ID))
        for who, entries in runtime.balances.locks.items()
        if amount_of(entries, LOCK_ID)
    }
    now = runtime.babe.now()
    for who in {**schedules, **recorded, **locks}:
        rows = schedules.get(who, [])
        if recorded.get(who, []) != [row.info() for row in rows]:
            yield Finding("I5", f"{who.hex()}: the format for wallets has other schedules")
        for row in rows:
            if not row.length or not row.start <= row.cliff <= row.end or not row.locked:
                yield Finding("I5", f"{who.hex()}: {row} is no schedule")
                return
            if row.unvested(now) > row.unvested(max(0, now - 1)) or row.unvested(row.end):
                yield Finding("I5", f"{who.hex()}: {row} does not come free")
        # The lock is updated by calls of accounts: until then it locks more.
        least, most = total_unvested(rows, now), sum(int(row.locked) for row in rows)
        if not least <= locks.get(who, 0) <= most:
            locked = f"{locks.get(who, 0)} planck locked"
            yield Finding("I5", f"{who.hex()}: {locked}, schedules lock {least} to {most}")


# ---- I4: work


def work(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: bonds cover the running jobs, and every running job is counted once."""
    runtime = audited.runtime
    jobs, providers, receipts = runtime.jobs, runtime.providers, runtime.receipts
    running = {id: job for id, job in jobs.store.jobs.items() if job.state not in ENDED}
    escrowed = sum(int(job.escrow) for job in running.values())
    recorded = int(jobs.escrows.escrowed.value)
    if escrowed != recorded:
        yield Finding("I4", f"{recorded} planck in escrow, jobs say {escrowed}")
    reserved: dict[AccountId, list[int]] = {}
    for (who, id), amount in providers.engagements.reservations.items():
        reserved.setdefault(who, []).append(int(amount))
        if id not in running or running[id].provider != who:
            yield Finding("I4", f"{who.hex()}: bond for job {id.hex()}, which it does not do")
    for who, ledger in providers.ledgers.items():
        rows = reserved.pop(who, [])
        if (int(ledger.reserved), int(ledger.busy)) != (sum(rows), len(rows)):
            said = f"{ledger.busy} jobs and {ledger.reserved} planck reserved"
            yield Finding("I4", f"{who.hex()}: {said}, {len(rows)} and {sum(rows)} are")
        if who not in providers.providers:
            yield Finding("I4", f"{who.hex()}: a bond of no provider")
    for who in reserved:
        yield Finding("I4", f"{who.hex()}: reservations of no provider")
    for id, model in runtime.models.models.items():
        count = sum(job.model == id for job in running.values())
        if model.open != count:
            yield Finding("I4", f"model {id.hex()}: {model.open} jobs open, there are {count}")
    live = {one.job for _, one in receipts.receipts.items() if one.phase is not Phase.Ended}
    checked = {id for id, job in running.items() if job.state in CHECKED}
    if live != checked:
        yield Finding("I4", f"{len(live)} receipts are open, {len(checked)} jobs have one")
    bonds = receipts.bonds
    at_work = {who: one.bond for who, one in bonds.verifiers.items() if one.free_at is None}
    if {who: bond for who, bond, _ in bonds.roster.value} != at_work:
        yield Finding("I4", "the roster of verifiers is not those at work with their bonds")


# ---- I10: assets


def units(audited: AuditedState) -> Iterator[Finding]:
    """Check I10: units have owners and match the supply; sales are held, the book is complete."""
    runtime = audited.runtime
    pallet, registry, exchange = runtime.assets, runtime.asset_registry, runtime.exchange
    owned: dict[int, list[int]] = {}
    for (id, _), account in pallet.account.items():
        owned.setdefault(id, []).append(int(account.balance))
    for id, details in pallet.asset.items():
        rows, info = owned.pop(id, []), registry.registrations.registered.get(id)
        if (int(details.supply), int(details.accounts)) != (sum(rows), len(rows)):
            said = f"{details.supply} units of {details.accounts} accounts"
            yield Finding("I10", f"asset {id}: {said}, there are {sum(rows)} of {len(rows)}")
        due = info.units if info is not None and info.state is State.Issued else 0
        if details.supply != due:
            yield Finding("I10", f"asset {id}: {details.supply} units, {due} may be issued")
    for missing in owned:
        yield Finding("I10", f"asset {missing}: units of what does not exist")
    orders = dict(exchange.order_book.orders.items())
    selling: dict[tuple[int, AccountId], int] = {}
    for number, order in orders.items():
        if order.side is Side.Sell:
            place = (int(order.asset), order.owner)
            selling[place] = selling.get(place, 0) + int(order.units)
        elif order.escrow < int(order.price) * int(order.units):
            yield Finding("I10", f"order {number}: {order.escrow} planck on hold, it may cost more")
    held = {(int(id), who): int(amount) for (id, who), amount in pallet.held.items()}
    if held != selling:
        yield Finding("I10", "units on hold are not those of the orders that sell")
    for (asset, who), amount in held.items():
        if amount > pallet.balance(u32(asset), who):
            recorded = f"{amount} units of asset {asset} on hold"
            yield Finding("I10", f"{who.hex()}: {recorded}, it has less")
    standing = {
        (order.asset, book_key(order.side, int(order.price), int(id))): id
        for id, order in orders.items()
    }
    if dict(exchange.order_book.book.items()) != standing:
        yield Finding("I10", "the book is not the orders that are open")
    owners = sorted(id for _, ids in exchange.order_book.own.items() for id in ids)
    if owners != sorted(orders):
        yield Finding("I10", "orders by owner are not the orders that are open")


__all__ = ["Finding", "audit", "records"]

CHECKS: Final[tuple[Check, ...]] = (
    issuance, reserves, bonds, dust, vesting, burns, pools, development, reserve, programmes,
    mining, stakes, work, units, prices,
)  # fmt: skip
"""All checks except that of I17, which runs first."""
