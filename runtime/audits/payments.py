"""The audit of payments to merchants and of prices (I45)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from runtime.audits.holds import values_of
from runtime.audits.payfi import payments
from runtime.audits.payfi_disputes import disputes_and_cards
from runtime.audits.state import AuditedState, FeatureAudit, Finding, HoldRecord
from runtime.features.work import Work
from runtime.frame import DispatchError, Reason
from runtime.pallets.oracle.feeders import ADMITTED
from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.oracle.prices import combine, is_near, within_window
from runtime.pallets.oracle.types import EXPIRES_MS, JUMP_BPS, MIN_COUNT, FeederState
from runtime.pallets.payfi.pallet import PayFi


def holds(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the expected holds: bonds, deposits, and what cards authorised (I36)."""
    oracle = runtime.pallet(Oracle)
    for who, feeder in oracle.feeders.feeders.items():
        yield who, oracle.reason, int(feeder.bond)
    payfi, why = runtime.pallet(PayFi), PayFi.HoldReason
    bond, arbiter, card, deposit, authorised = (
        Reason(payfi.index, reason)
        for reason in (why.Bond, why.ArbiterBond, why.CardDeposit, why.DisputeDeposit, why.Card)
    )
    for who, merchant in payfi.merchants.merchants.items():
        yield who, bond, int(merchant.bond)
    for who, arbiter_bond in payfi.arbiters.arbiter_bonds.items():
        yield who, arbiter, int(arbiter_bond.bond)
    owners = [issued.owner for issued in values_of(payfi.cards.cards)]
    owners += [retired.owner for retired in values_of(payfi.cards.retired)]
    for owner in owners:
        yield owner, card, int(payfi.cards.card_deposit)
    for auth in values_of(payfi.authorisations.auths):
        yield auth.owner, authorised, int(auth.held)
    for number, dispute in payfi.disputes.disputes.items():
        if dispute.outcome is None:
            yield payfi.payments.payments[number].payer, deposit, int(dispute.deposit)


MAX_AGE: Final = EXPIRES_MS[1]
MAX_JUMP: Final = JUMP_BPS[1]


def prices(audited: AuditedState) -> Iterator[Finding]:
    """Check I45: prices are fresh, of enough feeders, and near the last ones."""
    oracle = audited.runtime.pallet(Oracle)
    for key in oracle.quotes.all_keys():
        for problem in price_problems(oracle, key):
            yield Finding("I45", f"{key.decode('ascii', 'backslashreplace')}: {problem}")
    known = oracle.quotes.all_keys()
    stored = [bytes(key) for key, _ in oracle.quotes.rules.items()]
    if sorted(stored) != sorted(known):
        yield Finding("I45", f"{len(stored)} keys have a rule, {len(known)} are listed")
    yield from feeders(oracle)


def feeders(oracle: Oracle) -> Iterator[Finding]:
    """Check I45: the rosters are the admitted feeders, and only these have values."""
    records = dict(oracle.feeders.feeders.items())
    admitted = sorted(who for who, feeder in records.items() if feeder.state in ADMITTED)
    if sorted(oracle.roster.value) != admitted:
        yield Finding("I45", f"{len(oracle.roster.value)} feeders listed, {len(admitted)} admitted")
    paused = [who for who in admitted if records[who].state is FeederState.Paused]
    if sorted(oracle.paused.value) != paused:
        yield Finding("I45", "the list of paused feeders is not that of their records")
    for (who, key), value in oracle.quotes.raw_values.items():
        if who not in admitted:
            found = f"{value.value} for {bytes(key).hex()}"
            yield Finding("I45", f"{who.hex()}: {found} of no admitted feeder")


def price_problems(oracle: Oracle, key: bytes) -> Iterator[str]:
    """Yield the problems of a key's price, if it has one."""
    try:
        price = int(oracle.price(key))
    except DispatchError:
        return
    now, rule, quotes = oracle.time.moment(), oracle.quotes.rules[key], oracle.quotes
    value = quotes.values[key]
    if now - int(value.timestamp) >= MAX_AGE:
        yield f"a price {now - int(value.timestamp)} ms old"
    paused = oracle.paused.value
    counted = [who for who in oracle.roster.value if who not in paused]
    found = [quotes.raw_values.get((who, key)) for who in counted]
    fresh = [each for each in found if each is not None and int(each.timestamp) + MAX_AGE > now]
    if len(fresh) < MIN_COUNT:
        yield f"a price of {len(fresh)} feeders"
    combined = combine(fresh, now, rule)
    if combined.median is not None and combined.median.value != price:
        yield f"a price of {price}, the median is {combined.median.value}"
    for bucket in within_window(quotes.round[key].history, now, rule):
        for bound in (int(bucket.low), int(bucket.high)):
            if not is_near(price, bound, MAX_JUMP):
                yield f"a price of {price}, lately {bound}"


AUDIT = FeatureAudit(checks=(payments, disputes_and_cards, prices), holds=holds)
