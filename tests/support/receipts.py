"""Claims, rules and votes that the tests of receipts share."""

from __future__ import annotations

from collections.abc import Callable

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64
from btt_chain.work import ids
from runtime.frame import NONE
from runtime.frame.error import Error
from runtime.pallets.receipts.tally import missed_before
from runtime.pallets.receipts.types import Missing, Seat, Valid, Verdict, Wrong
from runtime.params import WorkRules
from support.market import SALT, Claim, Market

HONEST = Claim(4)


LIE = Claim(4, [(2, 1, 3)])
"""Item 2, node 0, element 3."""


ALL_LIES = Claim(4, [(item, 1, 3) for item in range(4)])


DEAR = {"data_bytes": u64(2_000_000 << 20)}
"""A job of about 20 BTT."""


def found_it(seat: Seat, place: int) -> Verdict:
    return Wrong(u32(2), u16(0), u32(3))


def seen(market: Market, receipt: H256, seat: Seat, sample_count: int = 1) -> list[int]:
    """Return the items that a verifier checks."""
    found = market.receipt(receipt)
    items = int(market.job(found.job).items)
    return ids.sample(market.rho(receipt, seat), items, sample_count, missed_before(found, seat))


def one_misses(market: Market, receipt: H256) -> Callable[[Seat, int], Verdict]:
    """The first of those who vote says that it was not served."""

    def verdict(seat: Seat, place: int) -> Verdict:
        missed = Missing(u32(seen(market, receipt, seat)[0]), u16(1), u32(0))
        return missed if place == 0 else Valid()

    return verdict


def all_find_it_valid(seat: Seat, place: int) -> Verdict:
    return Valid()


def ask(
    market: Market, who: AccountId, receipt: H256, leaf: int = 0, tensor: int = 1
) -> Error | None:
    failed = market.tried(
        who, "Receipts.challenge_data", receipt=receipt, item=u32(1), tensor=u32(tensor),
        leaf=u32(leaf),
    )  # fmt: skip
    assert failed is None or isinstance(failed, Error)
    return failed


PLANTED_ERRORS = WorkRules(
    committee=u32(3), quorum=u32(2), min_operators=u32(2), planted_error_ppm=u32(1_000_000)
)


def planted(verdicts: Callable[[Seat, int], Verdict | None]) -> tuple[Market, H256, H256]:
    """Return a receipt with a planted error after the votes, ready for the disclosure."""
    market = Market(PLANTED_ERRORS, verifiers=8)
    job = market.post(**DEAR)
    commit = ids.planted_error_commit(HONEST.item_root, HONEST.output_root, SALT)
    receipt = market.checking(job, ALL_LIES, commit)
    market.vote(receipt, ALL_LIES, verdicts)
    return market, job, receipt


def by_item(seat: Seat, place: int) -> Verdict:
    return Wrong(u32(place), u16(0), u32(3)) if place else Valid()


def nodes(market: Market, name: str, **args: object) -> Exception | None:
    """Make a call as a block would that holds it all the same."""
    return market.tried(NONE, f"Receipts.{name}", **args)
