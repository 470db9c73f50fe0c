"""A chain with payments of all kinds, and random choices about it, for `support.two_ways`."""

from __future__ import annotations

import random
from typing import Final

from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import EXCHANGE, MINING, PAYFI, TREASURY
from runtime.constants import BTT
from runtime.frame import Call, signed
from runtime.pallets.identity.types import IdentityInfo, KnownGood, Registration
from runtime.pallets.payfi.policies import Policy
from runtime.pallets.payfi.types import Rates
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.tier_staking.types import Window
from runtime.transactions import NO_ACCOUNT
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, DevChain, account, address
from support.conservation.chain import ECONOMY, FUNDS
from support.conservation.chain import prepare as prepare_economy
from support.conservation.signers import ED, POOR
from support.two_ways import Scene

PAYERS: Final = [ALICE, BOB, CHARLIE, DAVE, POOR, *map(KeyPair.from_uri, ("//p0", "//p1", "//p2"))]
SHOPS: Final = [KeyPair.from_uri(f"//shop//{number}") for number in range(4)]
EMPTY_ACCOUNT: Final = AccountId(b"\7" * 32)
NEW: Final = AccountId(b"\6" * 32)
"""An account that does not exist."""
EVER: Final = Window(u64(u64.MAX), u64(0), u64(0))
LIMIT: Final = 50 * int(BTT)
PAY_FEE: Final = 5 * 10**14
"""About the fee of a payment."""
EDGES: Final = (0, 1, ED - 1, ED, ED + 1, 2 * ED, int(BTT), START, u128.MAX // 2, u128.MAX)
CODES: Final = (b"BTT", b"CNY", b"BTT", b"BTT")


def prepare(runtime: BttRuntime) -> None:
    """Register merchants of several kinds."""
    prepare_economy(runtime)
    payfi = runtime.payfi
    payfi.rates.value = Rates(
        bond=u128(100 * BTT), unjudged_payment=u128(LIMIT), unjudged_day=u128(2 * LIMIT)
    )
    for number, shop in enumerate(SHOPS):
        payfi.register(
            signed(account(shop)), u16(5912), CODES[number], u8(number % 2), H256(bytes(32))
        )
    runtime.identity.identity_of[account(SHOPS[0])] = JUDGED
    payfi.payer_rules.own_policies[account(SHOPS[3])] = Policy(max_payment=u128(BTT))
    for pair in (BOB, SHOPS[0]):
        runtime.tier_staking.positions.discounts[account(pair)] = EVER


JUDGED: Final = Registration([(u32(0), KnownGood())], u128(0), IdentityInfo())


def new_chain() -> DevChain:
    """Return a chain with a history: batches, disputes, an open multisig, a proxy."""
    rich: dict[bytes, int] = {pair.account_id: 50 * START for pair in (*PAYERS, *SHOPS)}
    rich |= {NO_ACCOUNT: START, EMPTY_ACCOUNT: START}
    chain = DevChain(
        extra=rich | dict.fromkeys(FUNDS, START), economy=ECONOMY, prepare=prepare, shared=False
    )
    for number in range(4):
        for place, shop in enumerate(SHOPS):
            chain.send(PAYERS[1 + place], pay_call(chain, account(shop), int(BTT) // 2, number))
        chain.seal()
    any_call = {"proxy_type": ProxyType.Any, "delay": u32(0)}
    chain.run(BOB, chain.call("Proxy", "add_proxy", delegate=address(CHARLIE), **any_call))
    return chain


def pay_call(
    chain: DevChain, merchant: AccountId, units: int, reference: int, **other: object
) -> Call:
    """Return a payment in BTT, with some arguments replaced."""
    given: dict[str, object] = {
        "merchant": Id(merchant), "units": u128(units), "currency": b"BTT",
        "max_btt": u128(units), "reference": reference.to_bytes(16, "big"), "memo": None,
    }  # fmt: skip
    return chain.call("PayFi", "pay", **(given | other))


class Choices:
    """Random choices about a scene, mostly of values at which rules change."""

    def __init__(self, scene: Scene, rng: random.Random) -> None:
        self.random = rng
        self.scene = scene
        self.chain = scene.chain
        self.runtime = scene.chain.runtime
        self.is_calm = False
        """True if few choices are odd."""
        self.balances = [0]
        """Free balances of payers."""

    # ---- choices

    def one_in(self, number: int) -> bool:
        return self.random.random() < 1 / number

    def amount(self) -> int:
        rng = self.random
        return min(u128.MAX, max(0, rng.choice((
            rng.choice(EDGES), rng.choice(EDGES) + rng.randrange(-2, 3), rng.randrange(1 << 90),
            rng.randrange(1 << rng.randrange(1, 129)), ED + PAY_FEE + rng.randrange(1 << 50),
            START + rng.randrange(1 << 60), rng.choice(self.balances) - ED - rng.randrange(10**16),
        ))))  # fmt: skip

    def who(self) -> AccountId:
        funds = self.runtime.fees.development_fund
        pools = [PAYFI, TREASURY, funds, MINING, EXCHANGE, EMPTY_ACCOUNT]
        return self.random.choice([*map(account, [*PAYERS, *SHOPS]), *pools])

    def payee(self) -> AccountId:
        return self.random.choice([*map(account, SHOPS * 3), self.who()])

    def count(self) -> u32:
        return u32(self.random.choice((0, 1, 1, 2, 16, u32.MAX)))

    def is_odd(self, share: float) -> bool:
        """Return True for this share of all choices, and for few if it is calm."""
        return self.random.random() < (share / 8 if self.is_calm else share)


def scenes_of(chain: DevChain) -> list[Scene]:
    """Return blocks at times at which rules change: of settlement, of a day, of limits."""
    calendar, slot = chain.runtime.payfi.calendar, chain.slot_ms
    bucket, day = calendar.bucket_ms, calendar.day_ms
    before_ends = [(bucket, slot), None, None, (day, 2 * slot), None, None, (12 * bucket, 0)]
    return [scene_at(chain, before_end) for before_end in (None, *before_ends)]


def scene_at(chain: DevChain, before_end: tuple[int, int] | None) -> Scene:
    """Return the second next block; the next one pays all merchants.

    `before_end` is a period and how long before its end they are made, in milliseconds.
    """
    if before_end is not None:
        period, before = before_end
        now = int(chain.now * 1000)
        chain.now = ((now // period + 1) * period - before) / 1000
    for place, shop in enumerate(SHOPS):
        number = int(chain.now * 1000)
        chain.send(PAYERS[1 + place], pay_call(chain, account(shop), int(BTT) // 3, number))
    chain.seal()
    header, body = chain.block(chain.seal())
    return Scene(chain, header, body[0])
