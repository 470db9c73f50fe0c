"""A registry of assets on real money and real units, with people who own, verify and stake."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u8, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, OPERATIONS, TREASURY, pool_account
from runtime.constants import BTT
from runtime.frame import ROOT, Reason, signed
from runtime.pallets.asset_registry.pallet import AssetRegistry
from runtime.pallets.asset_registry.types import AssetKind, HoldReason, RightKind, Role
from runtime.pallets.assets.pallet import Assets
from runtime.pallets.tier_staking.types import StakedMoney
from support.runtime import TestRuntime

ALICE, BOB, CAROL, LEGAL, TECH, DAVE = PEOPLE = tuple(
    AccountId(bytes((n,)) * 32) for n in range(1, 7)
)
ABSENT = AccountId(bytes((9,)) * 32)
KEEPER, COLLECTOR = pool_account(b"btt/asst"), pool_account(b"btt/exch")
POOLS = (DEVELOPMENT_FUND, OPERATIONS, TREASURY, KEEPER, COLLECTOR)
DEPOSIT, BOND, RICH = 100 * BTT, 5_000 * BTT, 100_000 * BTT
VOTE, CLAIM, QUARTER, LEAVE = 10, 50, 200, 30
VALUE, UNITS = 20_000 * BTT, u128(1_000)
DOCUMENTS, OTHERS, TEXT = (H256(bytes((n,)) * 32) for n in (0xD0, 0xD1, 0xD2))
SCANNER = u32(0)


class People:
    """Judged identities, stakes and discounts, as a test sets them."""

    def __init__(self) -> None:
        self.judged = [ALICE, BOB, CAROL]
        self.stakes: dict[AccountId, u128] = {}
        self.lasts: dict[AccountId, u128] = {}
        self.parents: dict[AccountId, AccountId] = {}
        self.discounts: dict[AccountId, int] = {}

    def verified(self, who: AccountId) -> bool:
        return who in self.judged

    def active_stake(self, who: AccountId) -> u128:
        return self.stakes.get(who, u128(0))

    def lasting(self, who: AccountId, slots: int) -> StakedMoney:
        return StakedMoney(u128(0), self.lasts.get(who, self.active_stake(who)))

    def operator_of(self, account: AccountId) -> AccountId:
        return self.parents.get(account, account)

    def discount_bps(self, who: AccountId) -> int:
        return self.discounts.get(who, 0)


class AssetRuntime(TestRuntime):
    """The registry on real money and real units."""

    def build(self) -> None:
        self.people = People()
        self.balances = self.add_balances()
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(10), slot_ms=u64(6_000))
        self.assets = self.add(
            50, Assets(asset_account_deposit=BTT, currency=self.balances, system=self.system)
        )
        self.registry = self.add(
            51,
            AssetRegistry(
                deposit_amount=DEPOSIT,
                verifier_bond=BOND,
                vote_slots=u64(VOTE),
                claim_slots=u64(CLAIM),
                quarter_slots=u64(QUARTER),
                leave_slots=u64(LEAVE),
                keeper=KEEPER,
                treasury=TREASURY,
                currency=self.balances,
                clock=self.clock,
                assets=self.assets,
                fees=self.tokenomics,
                stakers=self.people,
                identities=self.people,
            ),
        )
        self.assets.connect(self.registry.holders)
        self.balances.connect(self.tokenomics)

    def __init__(self) -> None:
        super().__init__()
        self.balances.genesis(
            {
                "balances": [[ss58(who), str(int(RICH))] for who in PEOPLE],
                "pools": [ss58(pool) for pool in POOLS],
            }
        )
        self.tokenomics.genesis({})
        for who, regulatory in ((LEGAL, True), (TECH, False)):
            self.registry.bond_verifier(signed(who), BOND)
            self.registry.appoint_verifier(ROOT, Id(who), regulatory, not regulatory)
        self.host.events.clear()

    def register(self, who: AccountId = ALICE, documents: H256 = DOCUMENTS, **other: object) -> u32:
        """Register a scanner, or something like it; return its number."""
        id = self.registry.registrations.count.value
        given: dict[str, object] = {
            "kind": AssetKind.Equipment, "right": RightKind.Ownership, "documents": documents,
            "description": TEXT, "name": b"CT scanner", "symbol": b"CT1", "value": VALUE,
            "units": UNITS, "restricted": False,
        } | other  # fmt: skip
        self.registry.register(signed(who), **given)  # type: ignore[arg-type]
        return id

    def attest(self, id: u32, legal: int = 1, tech: int = 1) -> None:
        """Let both verifiers attest it."""
        self.registry.verify(signed(LEGAL), id, Role.Regulatory, u8(legal), True, TEXT)
        self.registry.verify(signed(TECH), id, Role.Technical, u8(tech), True, TEXT)

    def issue(self, **other: object) -> u32:
        """Register, attest, wait and issue; return the number."""
        id = self.register(**other)  # type: ignore[arg-type]
        self.attest(id)
        self.clock.slot += VOTE
        self.registry.issue(signed(ALICE), id)
        return id

    def held(self, why: HoldReason, who: AccountId) -> int:
        return int(self.balances.held(Reason(51, why), who))

    def issuance(self) -> int:
        return int(self.balances.total_issuance.value)
