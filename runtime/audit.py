"""The audit: invariants of every state, checked on the state as a whole.

Each check recomputes a part of the accounting from other records, and reports differences. It reads
the whole state and changes nothing: for tests, operators and independent verification, at any
finalized block; never for a hook or a call. The numbers I1 to I19 are those of docs/economy.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import DecodeError, EncodeError, path, u32
from runtime import BttRuntime
from runtime.accounts import DEVELOPMENT_FUND, MINING, RESERVE, STAKING, TREASURY
from runtime.emission import EMISSION_MS, emitted
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
from runtime.pallets.mining.shares import part, score_of
from runtime.pallets.preimage import Preimage, Unrequested
from runtime.pallets.receipts import Phase, Receipts
from runtime.pallets.tier_staking import ONE, Benefit, Stake, TierStaking, accrued
from runtime.pallets.tokenomics import BurnReason, MilestoneStatus, Tokenomics
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.pallets.vesting import LOCK_ID, total_unvested
from runtime.splits import BPS

K = TypeVar("K")
V = TypeVar("V")
PREFIX_SIZE: Final = 16
"""Length of the pallet's part of a storage prefix, in bytes; the item's part is as long."""
CHECKED: Final = (JobState.Committed, JobState.Checking, JobState.Pending)
"""States of a job that has a receipt."""
CONFIRMED: Final = MilestoneStatus.Confirmed
OWN_KEYS: Final = b":"
"""First byte of keys outside of pallets: code, parameters, the chain's id."""


@path("btt_runtime::audit::Finding")
@dataclass(frozen=True, slots=True)
class Finding:
    """A violated invariant, with the values found."""

    invariant: str
    """Number of the invariant: `I1`."""
    text: str
    """Description of the violation, with amounts in planck."""


@dataclass(slots=True)
class Books:
    """A state under audit: its runtime, and its accounts, read once."""

    runtime: BttRuntime
    accounts: dict[AccountId, AccountInfo]
    tokenomics: Tokenomics
    mining: Mining
    staking: TierStaking

    def of(self, who: AccountId) -> AccountInfo:
        """Return an account; an empty record if there is none."""
        return self.accounts.get(who) or AccountInfo()


Check = Callable[[Books], Iterator[Finding]]


def audit(runtime: BttRuntime) -> list[Finding]:
    """Return all violations in the current state of `runtime`; an empty list if there are none.

    The state must be that of a block's end. Reads every key of it: seconds on a large chain.
    """
    unreadable = list(stored(runtime))
    if unreadable:  # the other checks would fail on it
        return unreadable
    books = Books(
        runtime,
        dict(runtime.system.account.items()),
        runtime.pallet(Tokenomics),
        runtime.pallet(Mining),
        runtime.pallet(TierStaking),
    )
    return [finding for check in CHECKS for finding in check(books)]


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
        return f"what nobody can read ({error})"
    return "" if at == len(key) else "a key that is too long"


# ---- I1, I4, I19: balances by account


def issuance(books: Books) -> Iterator[Finding]:
    """Check I1: the balances of all accounts add up to the total issuance."""
    held = sum(int(info.data.free) + int(info.data.reserved) for info in books.accounts.values())
    told = int(books.runtime.balances.total_issuance.value)
    if held != told:
        yield Finding("I1", f"accounts have {held} planck, the issuance is {told}")


def reserves(books: Books) -> Iterator[Finding]:
    """Check I4: reserves have an owner and a reason, and the stored locks match their entries."""
    balances = books.runtime.balances
    for who, info in books.accounts.items():
        holds, named = balances.holds[who], balances.reserves[who]
        parts, reserved = sum_of(holds) + sum_of(named), int(info.data.reserved)
        if parts != reserved:
            yield Finding("I4", f"{who.hex()}: {reserved} planck reserved, {parts} with a reason")
        firm = sum_of([hold for hold in holds if hold.id not in balances.offsetting])
        lock = lock_level(balances.locks[who], balances.freezes[who])
        frozen = lock + firm if lock else 0
        if info.data.frozen != frozen:
            told = f"{info.data.frozen} planck frozen"
            yield Finding("I4", f"{who.hex()}: {told}, its locks make {frozen}")
    for item in (balances.holds, balances.reserves, balances.locks, balances.freezes):
        for who, entries in item.items():
            if who not in books.accounts:
                yield Finding("I4", f"{who.hex()}: {item.name} without an account")
            elif not entries or not all(entry.amount for entry in entries):
                yield Finding("I4", f"{who.hex()}: {item.name} of nothing")


def bonds(books: Books) -> Iterator[Finding]:
    """Check I4: bonds are on hold to the planck, and deposits are reserved."""
    runtime = books.runtime
    balances, reason = runtime.balances, runtime.authorities.reason
    ledgers = {who: ledger.total for who, ledger in runtime.authorities.bonds.ledger.items()}
    for who in {**books.accounts, **ledgers}:
        held, bonded = amount_of(balances.holds[who], reason), ledgers.get(who, 0)
        if held != bonded:
            yield Finding("I4", f"{who.hex()}: {held} planck held as bond, {bonded} bonded")
    yield from unexplained(books)
    noted = deposits_noted(runtime)
    for name, deposits in noted.items():
        reserved = sum(int(amount_of(entries, name)) for _, entries in balances.reserves.items())
        if reserved != deposits:
            told = f"{reserved} planck reserved under {name!r}"
            yield Finding("I4", f"{told}, the deposits noted are {deposits}")


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


def unexplained(books: Books) -> Iterator[Finding]:
    """Check I4: holds match the pallets' records, and voting locks the greatest class lock."""
    runtime, expected = books.runtime, dict[tuple[AccountId, Reason], int]()
    for who, reason, amount in records(runtime):
        expected[who, reason] = expected.get((who, reason), 0) + amount
    elsewhere = (runtime.authorities.reason, books.staking.reason)  # see `bonds`, `holdings`
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
        ticket = status.ticket if isinstance(status, Unrequested) else status.maybe_ticket
        if ticket is not None:
            yield ticket[0], notes, int(ticket[1])
    for who, ledger in runtime.providers.ledgers.items():
        yield who, runtime.providers.reason, int(ledger.bond) + int(ledger.leaving)
        yield who, runtime.providers.deposit_reason, int(runtime.providers.registration_deposit)
    for model in values_of(runtime.models.models):
        yield model.owner, runtime.models.reason, int(model.bond)
    for job in values_of(runtime.jobs.jobs):
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


def dust(books: Books) -> Iterator[Finding]:
    """Check I19: no account is stored with less than it needs to exist."""
    least = books.runtime.balances.existential_deposit
    for who, info in books.accounts.items():
        data = info.data
        if not (info.providers or info.sufficients):
            yield Finding("I19", f"{who.hex()}: stored, but nothing keeps it alive")
        exempt = is_pool(who) or who == books.runtime.balances.treasury
        if 0 < data.free < least and not (data.reserved or exempt):
            yield Finding("I19", f"{who.hex()}: {data.free} planck of dust")


# ---- I5: vesting


def vesting(books: Books) -> Iterator[Finding]:
    """Check I5: schedules are well formed, equal in both formats, and covered by locks."""
    runtime = books.runtime
    schedules = dict(runtime.vesting.schedules_ext.items())
    told = dict(runtime.vesting.vesting.items())
    locks = {
        who: int(amount_of(entries, LOCK_ID))
        for who, entries in runtime.balances.locks.items()
        if amount_of(entries, LOCK_ID)
    }
    now = runtime.babe.now()
    for who in {**schedules, **told, **locks}:
        rows = schedules.get(who, [])
        if told.get(who, []) != [row.info() for row in rows]:
            yield Finding("I5", f"{who.hex()}: wallets are told of other schedules")
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


# ---- I2, I3, I14, I15, I18: pools and releases


def burns(books: Books) -> Iterator[Finding]:
    """Check I2, I3: all missing issuance was burned, each planck for a reason."""
    balances, tokenomics = books.runtime.balances, books.tokenomics
    burned, supply = int(balances.total_burned.value), int(tokenomics.genesis_supply.value)
    issued = int(balances.total_issuance.value)
    if issued + burned != supply:
        yield Finding("I2", f"{issued} planck issued, {burned} burned, genesis had {supply}")
    reasons = sum(int(amount) for _, amount in tokenomics.burned_by.items())
    if reasons != burned:
        yield Finding("I3", f"{burned} planck burned, {reasons} of them for a reason")


def pools(books: Books) -> Iterator[Finding]:
    """Check I18: pools exist, never signed, and have what was not paid out of them."""
    tokenomics, total = books.tokenomics, 0
    known = dict(tokenomics.ledger.pools.items())
    for who in ALL_POOLS:
        name = id_of(who)
        info, pool = books.of(who), known.pop(name, None)
        if not info.providers:
            yield Finding("I18", f"{name!r}: the account does not exist")
        if info.nonce:
            yield Finding("I18", f"{name!r}: somebody signed for it")
        if info.data.reserved:
            yield Finding("I18", f"{name!r}: {info.data.reserved} planck reserved")
        if pool is None or pool.account != who:
            yield Finding("I18", f"{name!r}: there are no books")
            continue
        # Any account can send money to a pool, so there may be more; the treasury pays by itself.
        left = int(pool.allocated) - int(pool.released) - int(pool.burned)
        if who != TREASURY and info.data.free < left:
            yield Finding("I18", f"{name!r}: {info.data.free} planck, {left} were not paid out")
        if who != MINING:
            total += min(int(pool.released), int(pool.allocated))
    for name in known:
        yield Finding("I18", f"{name!r}: books of no pool")
    told = int(tokenomics.releases.released_total.value)
    years = sum(int(amount) for _, amount in tokenomics.releases.released_by_year.items())
    if not told == years == total:
        yield Finding("I18", f"{told} planck released, {years} by years, {total} by pools")


def development(books: Books) -> Iterator[Finding]:
    """Check I18: the development fund covers its earmarked money and the inflow to be shared."""
    tokenomics = books.tokenomics
    dividends = tokenomics.dividends
    earmarked, inflow = int(dividends.earmarked.value), int(dividends.compute_inflow.value)
    free = int(books.of(DEVELOPMENT_FUND).data.free)
    if free < earmarked + inflow:
        yield Finding("I18", f"{free} planck of development, {earmarked} and {inflow} promised")


def reserve(books: Books) -> Iterator[Finding]:
    """Check I14: the reserve spends within the unlocked cap, and that is within the reserve."""
    tokenomics = books.tokenomics
    pool, unlock = (
        tokenomics.ledger.pools.get(id_of(RESERVE)),
        tokenomics.reserve_fund.reserve_unlock.get(),
    )
    released, allocated = (0, 0) if pool is None else (int(pool.released), int(pool.allocated))
    spent, cap = (0, 0) if unlock is None else (int(unlock.spent), int(unlock.cap))
    if spent > cap or spent > released:
        yield Finding("I14", f"{spent} planck spent of {cap} unlocked, {released} of it paid")
    if released - spent + cap > allocated:
        yield Finding("I14", f"{released} planck paid, {cap - spent} more unlocked of {allocated}")


def programmes(books: Books) -> Iterator[Finding]:
    """Check I15: the Foundation has no more than time and milestones allow; burns happen once."""
    tokenomics, now = books.tokenomics, books.runtime.babe.now()
    for number, programme in tokenomics.programmes.programmes.items():
        name, released = f"programme {number}", int(programme.released_planck)
        done = sum(int(item.bps) for item in programme.milestones if item.status is CONFIRMED)
        whole = sum(int(item.bps) for item in programme.milestones)
        if programme.done_bps != done or whole != BPS:
            yield Finding("I15", f"{name}: {programme.done_bps} bps done, items say {done}")
        most = tokenomics.programmes.cap(programme, now)
        if released > most:
            yield Finding("I15", f"{name}: {released} planck released, {most} have come free")
        pool = tokenomics.ledger.pools.get(programme.pool)
        if pool is None or pool.released != released or pool.allocated != programme.amount:
            yield Finding("I15", f"{name}: {released} planck released, its pool says otherwise")
    executed = sum(
        int(burn.amount)
        for _, burn in tokenomics.milestone_burns.milestone_burns.items()
        if burn.executed_at is not None
    )
    burned = int(tokenomics.burned_by[BurnReason.Milestone])
    if executed != burned:
        yield Finding("I15", f"{burned} planck burned at milestones that burn {executed}")


# ---- I6: mining


def mining(books: Books) -> Iterator[Finding]:
    """Check I6: issued emission is paid, owed or unallocated, and the rest is not issued."""
    pallet, ledger = books.mining, books.mining.ledger
    allocated, unemitted = int(ledger.allocated.value), int(ledger.unemitted.value)
    owed, paid, free = (int(item.value) for item in (ledger.owed, ledger.paid, ledger.unallocated))
    if paid + owed + free + unemitted != allocated:
        parts = f"{paid} paid, {owed} owed, {free} unallocated, {unemitted} not issued"
        yield Finding("I6", f"{parts}: not {allocated} planck")
    began = int(pallet.eras.began.value) * int(pallet.era_length) * int(pallet.slot_ms)
    rest = allocated - emitted(allocated, began)
    if unemitted != rest:
        yield Finding("I6", f"{unemitted} planck not issued, the schedule says {rest}")
    if emitted(allocated, EMISSION_MS) != allocated:
        yield Finding("I6", f"the schedule does not issue {allocated} planck")
    pool = books.tokenomics.ledger.pools.get(id_of(MINING))
    if pool is None or pool.released != paid or pool.allocated != allocated:
        yield Finding("I6", f"{paid} planck paid of {allocated}, the pool's books say otherwise")
    yield from eras(books, owed)


def eras(books: Books, owed: int) -> Iterator[Finding]:
    """Check I6: the owed sum is that of the eras, and an era's shares never exceed its rest."""
    pallet = books.mining.eras
    parts: dict[int, int] = {}
    scores: dict[int, int] = {}
    known = dict(pallet.eras.items())
    for (index, _), steps in pallet.shares.items():
        era, score = known.get(index), score_of(steps)
        scores[index] = scores.get(index, 0) + score
        if era is not None:
            parts[index] = parts.get(index, 0) + part(int(era.budget), score, int(era.score))
    left = sum(int(era.left) for era in known.values())
    if left != owed:
        yield Finding("I6", f"{owed} planck owed, eras owe {left}")
    for index, era in known.items():
        # Expired rewards become unallocated, and their shares are removed in steps.
        if era.left and parts.get(index, 0) > era.left:
            yield Finding("I6", f"era {index}: {parts[index]} planck shared, {era.left} owed")
        if scores.get(index, 0) > era.score:
            yield Finding("I6", f"era {index}: shares score {scores[index]} of {era.score}")
    now, running = int(pallet.era_index.value), int(pallet.running.value.score)
    if scores.get(now, 0) != running:
        yield Finding("I6", f"the era that runs has {running} scored, {scores.get(now, 0)} shared")


# ---- I7, I9: stakes


def stakes(books: Books) -> Iterator[Finding]:
    """Check I7: stakes are on hold, and the pool covers their promised rewards."""
    staking = books.staking
    now = books.runtime.babe.now() * int(staking.slot_ms)
    by_owner: dict[AccountId, list[tuple[int, Stake]]] = {}
    for (who, number), stake in staking.ledger.stakes.items():
        by_owner.setdefault(who, []).append((int(number), stake))
        name = f"stake {number} of {who.hex()}"
        term = int(stake.term_end) - int(stake.opened)
        promised = accrued(stake.amount, stake.bps, term)
        if stake.commit != promised:
            yield Finding("I7", f"{name}: {stake.commit} planck promised, it earns {promised}")
        passed = max(0, min(now, int(stake.term_end)) - int(stake.opened))
        earned = accrued(stake.amount, stake.bps, passed)
        if stake.gross_claimed > earned:
            yield Finding("I7", f"{name}: {stake.gross_claimed} planck claimed of {earned}")
    everything = [stake for rows in by_owner.values() for _, stake in rows]
    yield from staked_sums(books, everything)
    yield from holdings(books, by_owner)


def staked_sums(books: Books, everything: list[Stake]) -> Iterator[Finding]:
    """Check I7, I9: the stored sums match the sums over all stakes."""
    staking, tokenomics = books.staking, books.tokenomics
    committed = int(staking.reward_pool.pool_committed.value)
    open_ = sum(int(stake.commit) - int(stake.gross_claimed) for stake in everything)
    if committed != open_:
        yield Finding("I7", f"{committed} planck committed, stakes may claim {open_}")
    balance = int(tokenomics.payments.available(STAKING))
    if balance < committed:
        yield Finding("I7", f"{balance} planck to be had of the pool, {committed} committed")
    staked, total = (
        sum(int(stake.amount) for stake in everything),
        int(staking.ledger.total_staked.value),
    )
    if staked != total:
        yield Finding("I7", f"{total} planck staked, stakes are {staked}")
    dividends = staking.dividend_accounting
    acc, left = int(dividends.acc_dividend.value), int(dividends.acc_rem.value)
    due = sum(int(stake.amount) * (acc - int(stake.acc_snapshot)) for stake in everything)
    owed = int(dividends.dividends_owed.value)
    if due + left != owed * ONE:
        yield Finding("I9", f"{owed} planck of dividends owed, {due} and {left} of 10^18 are")
    if owed != tokenomics.dividends.earmarked.value:
        yield Finding(
            "I9", f"{owed} planck of dividends owed, {tokenomics.dividends.earmarked.value} kept"
        )


def holdings(books: Books, by_owner: dict[AccountId, list[tuple[int, Stake]]]) -> Iterator[Finding]:
    """Check I7: an account's stakes are on hold, and its summary record matches them."""
    staking, balances, long_staked = books.staking, books.runtime.balances, 0
    known = dict(staking.positions.holdings.items())
    for who in {**books.accounts, **by_owner, **known}:
        rows = sorted(by_owner.get(who, []), key=lambda row: row[0])
        held = int(amount_of(balances.holds[who], staking.reason))
        staked = sum(int(stake.amount) for _, stake in rows)
        if held != staked:
            yield Finding("I7", f"{who.hex()}: {held} planck held as stakes, {staked} staked")
        told = known.get(who)
        positions = [] if told is None else sorted(told.positions, key=lambda one: int(one.id))
        if [(int(one.id), int(one.amount), int(one.until)) for one in positions] != [
            (number, int(stake.amount), int(stake.term_end)) for number, stake in rows
        ]:
            yield Finding("I7", f"{who.hex()}: the record of all stakes differs from them")
        commit = sum(int(stake.commit) for _, stake in rows)
        if commit != (0 if told is None else told.commit):
            yield Finding("I7", f"{who.hex()}: {commit} planck promised, another sum noted")
        if commit > staking.reward_pool.max_commit_per_account.value:
            yield Finding("I7", f"{who.hex()}: {commit} planck promised, more than one may have")
        long_staked += sum(int(one.amount) for one in positions if one.benefits & Benefit.VOTE)
    if long_staked != staking.ledger.long_staked.value:
        yield Finding(
            "I7", f"{staking.ledger.long_staked.value} planck vote more, stakes {long_staked}"
        )


# ---- I4: work


def work(books: Books) -> Iterator[Finding]:
    """Check I4: bonds cover the running jobs, and every running job is counted once."""
    runtime = books.runtime
    jobs, providers, receipts = runtime.jobs, runtime.providers, runtime.receipts
    running = {id: job for id, job in jobs.jobs.items() if job.state not in ENDED}
    escrowed, told = sum(int(job.escrow) for job in running.values()), int(jobs.escrowed.value)
    if escrowed != told:
        yield Finding("I4", f"{told} planck in escrow, jobs say {escrowed}")
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


def units(books: Books) -> Iterator[Finding]:
    """Check I10: units have owners and match the supply; sales are held, the book is complete."""
    runtime = books.runtime
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
            told = f"{amount} units of asset {asset} on hold"
            yield Finding("I10", f"{who.hex()}: {told}, it has less")
    standing = {
        (order.asset, book_key(order.side, int(order.price), int(id))): id
        for id, order in orders.items()
    }
    if dict(exchange.order_book.book.items()) != standing:
        yield Finding("I10", "the book is not the orders that are open")
    owners = sorted(id for _, ids in exchange.order_book.own.items() for id in ids)
    if owners != sorted(orders):
        yield Finding("I10", "orders by owner are not the orders that are open")


CHECKS: Final[tuple[Check, ...]] = (
    issuance, reserves, bonds, dust, vesting, burns, pools, development, reserve, programmes,
    mining, stakes, work, units,
)  # fmt: skip
"""All checks except that of I17, which runs first."""
