"""A runtime with an oracle: feeders with bonds, and a clock that a test sets."""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u16, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, PostInfo, Reason, ensure_root, signed
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.mining import errors
from runtime.pallets.oracle.pallet import Oracle
from runtime.pallets.oracle.types import MIN_BOND, Rule
from runtime.pallets.tokenomics.types import BurnReason
from support.runtime import SmallRuntime

CNY, USD = b"BTT/CNY", b"BTT/USD"
ONE = 10**18
MINUTE = 60_000
START = 1_760_000_000_000
RICH = 10_000 * BTT
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
FEEDERS = [AccountId(bytes([200 + place]) * 32) for place in range(33)]
A, B, C, D, E = FEEDERS[:5]
OUTSIDER = AccountId(bytes([7]) * 32)
PROVIDER = AccountId(bytes([8]) * 32)


class SetClock:
    """A clock that a test sets, in milliseconds."""

    def __init__(self) -> None:
        self.now = START

    def moment(self) -> int:
        return self.now


class RecordedBurns:
    """Burns of bonds, written down; the money stays on hold."""

    def __init__(self) -> None:
        self.burned: list[tuple[AccountId, int]] = []
        self.balances: Balances

    def destroy_held(
        self, reason: Reason, who: AccountId, amount: u128, why: BurnReason, *, force: bool = False
    ) -> None:
        assert why is BurnReason.Slash
        self.balances.fungible_hold.burn_held(reason, who, amount, force=force)
        self.burned.append((who, int(amount)))


class ProviderList:
    """Providers, and what was attested of them."""

    def __init__(self) -> None:
        self.attested: list[tuple[AccountId, int, int]] = []

    def ensure_attestable(self, operator: AccountId, region: u16) -> None:
        if operator != PROVIDER:
            raise errors.NotOperator
        if region > 3:
            raise errors.UnknownRegion

    def attest(self, operator: AccountId, region: u16, efficiency: int) -> None:
        self.attested.append((operator, int(region), efficiency))


class OracleRuntime(SmallRuntime):
    """Balances and an oracle with two keys; `feeders` accounts are admitted."""

    def __init__(self, feeders: int = 3, rule: Rule | None = None) -> None:
        self.clock = SetClock()
        self.burns = RecordedBurns()
        self.providers = ProviderList()
        super().__init__()
        rows = [[ss58.encode(who), int(RICH)] for who in (*FEEDERS, OUTSIDER)]
        self.balances.genesis({"balances": rows})
        for key in (CNY, USD):
            self.oracle.set_rule(ROOT, key, rule or Rule())
        for who in FEEDERS[:feeders]:
            self.oracle.join(signed(who), MIN_BOND)
            self.oracle.admit(ROOT, who, admitted=True)
        self.host.events.clear()

    def build(self) -> None:
        self.balances = self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=u128(100),
                treasury=TREASURY,
                offsetting=(Reason(60, Oracle.HoldReason.Bond),),
            ),
        )
        self.burns.balances = self.balances
        self.oracle = self.add(
            60,
            Oracle(
                leave_ms=u64(7 * 24 * 60 * MINUTE),
                currency=self.balances.fungible_hold,
                burns=self.burns,
                time=self.clock,
                providers=self.providers,
                technical=ensure_root,
                params_origin=ensure_root,
            ),
        )

    def bond(self, who: AccountId) -> int:
        return int(self.balances.fungible_hold.held(self.oracle.reason, who))

    def feed(self, who: AccountId, value: int, key: bytes = CNY) -> PostInfo:
        """Feed one value within the current block."""
        return self.oracle.feed_values(signed(who), [(key, u128(value))])

    def end_block(self, ms: int = 0) -> None:
        """End the block; the next one begins `ms` later."""
        self.oracle.on_finalize(1)
        self.clock.now += ms
        self.oracle.on_initialize(2)

    def block(self, values: Sequence[int], *, after: int = 0, key: bytes = CNY) -> None:
        """Make a block `after` milliseconds in which the first feeders feed these values."""
        self.clock.now += after
        self.oracle.on_initialize(1)
        for who, value in zip(FEEDERS, values, strict=False):
            self.feed(who, value, key)
        self.oracle.on_finalize(1)

    def price(self, key: bytes = CNY) -> int:
        return int(self.oracle.price(key))
