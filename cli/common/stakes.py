"""Stakes of TierStaking: their reading, and the figures that people decide by.

Amounts in planck, times in ms since the first block, rates in hundredths of a percent for 365 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from btt_chain.client.views import shaped
from cli.common.errors import NotFound
from runtime.pallets.tier_staking.formulas import ONE, accrued, affordable_bps, term_ms
from runtime.pallets.tier_staking.types import Benefit, Tier
from runtime.splits import BPS

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

BENEFITS: Final = {
    Benefit.PRIORITY: "priority for jobs",
    Benefit.DISCOUNT: "fees 20 % lower",
    Benefit.VOTE: "1.5 votes",
    Benefit.SPECIAL: "special services",
}
"""Names of the bits of a tier's benefits."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The limits of the reward of a new stake."""

    free: int
    """Amount available for new stakes."""
    cap: int
    """Maximum reward reserved for one account."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The reward of a new stake for its whole term."""

    gross: int
    burned: int
    is_full: bool
    """False if the pool cannot reserve the tier's rate."""

    @property
    def net(self) -> int:
        """The amount that is paid."""
        return self.gross - self.burned


@dataclass(frozen=True, slots=True)
class Held:
    """An open stake, with what it has earned at `now`."""

    id: int
    tier: int
    amount: int
    opened: int
    term_end: int
    commit: int
    """Reward for the whole term, before burns."""
    claimed: int
    """Reward paid so far, before burns."""
    bps: int
    burn_bps: int
    warm_at: int
    """Time from which it has benefits besides its reward."""
    benefits: int
    dividend: int
    """Dividends that can be claimed."""
    now: int

    @property
    def earned(self) -> int:
        """Reward up to now, before burns."""
        return int(accrued(self.amount, self.bps, min(self.now, self.term_end) - self.opened))

    @property
    def due(self) -> int:
        """Reward that can be claimed, before burns."""
        return self.earned - self.claimed

    @property
    def due_net(self) -> int:
        """Reward that a claim pays."""
        return net_of(self.due, self.burn_bps)

    @property
    def still_to_earn(self) -> int:
        """Reward of the rest of the term, after burns: what an early end forfeits."""
        return net_of(self.commit - self.earned, self.burn_bps)

    @property
    def is_over(self) -> bool:
        """Return True if it can be closed."""
        return self.now >= self.term_end


def net_of(gross: int, burn_bps: int) -> int:
    """Return a reward after its burn."""
    return gross - gross * burn_bps // BPS


def offered(amount: int, terms: Tier, pool: Pool, promised: int = 0) -> Offer:
    """Return the reward of a new stake; `promised` is that of the account's open stakes.

    If the pool cannot reserve the full reward, the rate is rounded down to what it can.
    """
    term = term_ms(terms)
    full = int(accrued(amount, terms.reward_bps, term))
    room = min(pool.free, max(0, pool.cap - promised))
    gross = full
    if full > room:
        gross = int(accrued(amount, affordable_bps(amount, term, room), term))
    return Offer(gross, gross - net_of(gross, int(terms.burn_bps)), full <= room)


def benefit_names(bits: int) -> list[str]:
    """Return the benefits of a tier besides its reward."""
    return [name for bit, name in BENEFITS.items() if bits & bit]


def find(held: Sequence[Held], number: int) -> Held:
    """Return a stake by its number. NotFound if these do not have it."""
    for one in held:
        if one.id == number:
            return one
    numbers = ", ".join(str(one.id) for one in held) or "none"
    raise NotFound(f"the account has no open stake {number}; open are: {numbers}")


# ---- reading


async def read_terms(chain: Chain) -> list[Tier]:
    """Read the terms of new stakes."""
    return shaped(list[Tier], await chain.storage("TierStaking.CurrentTiers"))


async def read_pool(chain: Chain) -> Pool:
    """Read the limits of new rewards."""
    cap = await chain.storage("TierStaking.MaxCommitPerAccount")
    state = await chain.api("StakingApi.pool")
    return Pool(_int(state, "free") if isinstance(state, dict) else 0, int(str(cap)))


async def read_promised(chain: Chain, who: bytes) -> int:
    """Read the rewards that are reserved for an account's open stakes."""
    holdings = await chain.storage("TierStaking.Holdings", "0x" + who.hex())
    return _int(holdings, "commit") if isinstance(holdings, dict) else 0


async def read_held(chain: Chain, who: bytes, now: int) -> list[Held]:
    """Read the open stakes of an account, by number, with their figures at `now`."""
    account = "0x" + who.hex()
    holdings = await chain.storage("TierStaking.Holdings", account)
    positions = _rows(holdings.get("positions")) if isinstance(holdings, dict) else []
    accumulated = int(str(await chain.storage("TierStaking.AccDividend")))
    warm_up = int(str(chain.constant("TierStaking.WarmUp")))
    keys: list[list[Plain]] = [[account, _int(row, "id")] for row in positions]
    stored = await chain.storage_many("TierStaking.Stakes", keys)
    found = [
        _held(row, value, now, warm_up, accumulated)
        for row, value in zip(positions, stored, strict=True)
        if isinstance(value, dict)
    ]
    return sorted(found, key=lambda one: one.id)


async def read_contributions(chain: Chain, who: bytes) -> list[tuple[int, int]]:
    """Read the quarters of which contributions can be claimed, with their amounts."""
    view = await chain.api("StakingApi.contributions", "0x" + who.hex())
    rows = view.get("claimable") if isinstance(view, dict) else None
    pairs = [row for row in rows if isinstance(row, list)] if isinstance(rows, list) else []
    return [(int(str(quarter)), int(str(amount))) for quarter, amount in pairs]


def _held(
    position: dict[str, Plain], stake: dict[str, Plain], now: int, warm_up: int, accumulated: int
) -> Held:
    amount = _int(stake, "amount")
    return Held(
        id=_int(position, "id"),
        tier=_int(stake, "tier"),
        amount=amount,
        opened=_int(stake, "opened"),
        term_end=_int(stake, "term_end"),
        commit=_int(stake, "commit"),
        claimed=_int(stake, "gross_claimed"),
        bps=_int(stake, "bps"),
        burn_bps=_int(stake, "burn_bps"),
        warm_at=_int(position, "since") + warm_up,
        benefits=_int(position, "benefits"),
        dividend=amount * (accumulated - _int(stake, "acc_snapshot")) // ONE,
        now=now,
    )


def _rows(value: Plain) -> list[dict[str, Plain]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _int(row: dict[str, Plain], name: str) -> int:
    return int(str(row[name]))
