"""Referral and HealthRecords on real money, identities and pools; CAROL is the registrar."""

from __future__ import annotations

from btt_chain.crypto import ed25519
from btt_chain.primitives.access_promise import CONTEXT, AccessPromise, SignedPromise, sign
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import EvidenceTree, Opening, leaf_hash
from btt_chain.scale import u32, u64, u128
from runtime.accounts import OPERATIONS, REFERRAL, TREASURY
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.facilities.types import Kind
from runtime.pallets.health_records.pallet import HealthRecords
from runtime.pallets.health_records.types import BatchKind
from runtime.pallets.jobs.types import JobFees
from runtime.pallets.origins import Decision, ensure_decided
from runtime.pallets.referral.pallet import Referral
from support.facilities import MORE, RICH, FacilityRuntime
from support.governance import CAROL, PEOPLE, address
from support.runtime import StillClock

HOUR_MS, SLOT_MS = 60_000, 6_000
SLOTS = HOUR_MS // SLOT_MS
"""Slots of an hour."""
YEAR = 5_000
KEPT = 2_000
"""Slots: of a year of referrals, and for which a revoked handle is stored."""
POOL = 5_000
"""Balance of the referral pool at genesis, in BTT."""
FOUNDATION = MORE[-1]
BEGIN = 1_000
"""The epoch at genesis."""
SEED = bytes(range(1, 33))
KEY = ed25519.public_from_seed(SEED)
SALT = b"\x5a" * 32
GENESIS = b"E" * 32


class Fees:
    """Fees of merchants, as a test sets them."""

    def __init__(self) -> None:
        self.paid: dict[AccountId, int] = {}

    def fees_of(self, who: AccountId) -> u128:
        return u128(self.paid.get(who, 0))


class Moments(StillClock):
    """A clock with the time since 1970."""

    def moment(self) -> int:
        return BEGIN * HOUR_MS + self.slot * SLOT_MS


class Contributions:
    """Records the referrals that count for stakers."""

    def __init__(self) -> None:
        self.counted: list[AccountId] = []
        self.bounds: list[int] = []

    def count_referral(self, who: AccountId, bound: u128) -> None:
        self.counted.append(who)
        self.bounds.append(int(bound))


class CareRuntime(FacilityRuntime):
    """Balances, Identity, Facilities, Tokenomics, Referral and HealthRecords."""

    def more(self) -> None:
        super().more()
        self.tokenomics = self.add_tokenomics(self.balances, window=u64(100), slot_ms=u64(SLOT_MS))
        self.fees, self.contributions = Fees(), Contributions()
        self.known: set[AccountId] = set()
        self.referral = self.add(
            63,
            Referral(
                year=u64(YEAR),
                deposit_of_offer=BTT,
                pool=REFERRAL,
                currency=self.balances,
                payer=self.tokenomics,
                clock=self.clock,
                operators=self.identity,
                registers=(self.known, self.facilities.facilities),
                merchant_fees=self.fees,
                contributions=self.contributions,
                foundation=self.tokenomics.foundation,
                technical=ensure_decided(Decision.Technical),
                params_origin=ensure_decided(Decision.Params),
            ),
        )
        self.records = self.add(
            64,
            HealthRecords(
                hour_ms=u64(HOUR_MS),
                revocation_slots=u64(KEPT),
                slot_ms=u64(SLOT_MS),
                currency=self.balances,
                fees=self.tokenomics,
                facilities=self.facilities,
                moments=self.moments,
                system=self.system,
                technical=ensure_decided(Decision.Technical),
                params_origin=ensure_decided(Decision.Params),
            ),
        )

    def __init__(self) -> None:
        self.moments = Moments()
        super().__init__(self.moments)

    def epochs(self, number: int) -> None:
        """Let so many epochs go by."""
        self.clock.slot += number * SLOTS

    # ---- genesis

    def open(self) -> None:
        rows = [[address(who), str(RICH * BTT)] for who in (*PEOPLE, *MORE)]
        pools = {TREASURY: 1_000, OPERATIONS: 1_000, REFERRAL: POOL}
        rows += [[address(pool), str(money * BTT)] for pool, money in pools.items()]
        self.balances.genesis({"balances": rows})
        self.tokenomics.genesis({"ceilingMode": "off"})
        self.tokenomics.foundation.value = FOUNDATION
        self.system.block_hash[u32(0)] = H256(GENESIS)
        self.identity.add_registrar(ROOT, Id(CAROL))
        self.host.events.clear()

    # ---- referrals

    def refer(self, referrer: AccountId, referee: AccountId) -> None:
        """Refer an account that accepts."""
        self.referral.refer(signed(referrer), Id(referee))
        self.referral.accept(signed(referee), Id(referrer))

    def job(
        self, who: AccountId, price: int = 1_000, *, lost: int = 307_000, mining: int = 55_260
    ) -> None:
        """Pay a job of so many BTT; `lost` and `mining` are in thousandths of a BTT."""
        milli = int(BTT) // 1_000
        dividends = price * 1_000 * 99 * 15 // 50_000 * milli
        fees = JobFees(price * int(BTT), lost * milli, mining * milli, dividends)
        self.referral.count_job(who, fees)

    # ---- records

    def custodian(self, who: AccountId, bond: int = 1_000) -> None:
        """Make an account a clinic and a custodian."""
        self.confirm(who, Kind.Clinic)
        self.records.register_custodian(signed(who), KEY, u128(bond * BTT))

    def anchor(
        self,
        who: AccountId,
        tree: EvidenceTree | None = None,
        *,
        kind: BatchKind = BatchKind.Accesses,
        epoch: int | None = None,
    ) -> int:
        """Anchor a tree for the last epoch, or another one; return the epoch."""
        at = self.records.anchors.epoch() - 1 if epoch is None else epoch
        tree = tree or log_of(at)
        self.records.anchor(signed(who), kind, u32(at), tree.root, u32(len(tree)))
        return at


def log_of(seed: int, *leaves: H256) -> EvidenceTree:
    """Return a tree with these leaves, and others that depend on `seed`."""
    others = (leaf_hash(b"%d of %d" % (number, seed)) for number in range(40))
    return EvidenceTree([*leaves, *others], SALT)


def promise(
    custodian: AccountId,
    leaf: H256,
    epoch: int,
    *,
    request: bytes = b"\x11" * 32,
    genesis: bytes = GENESIS,
    seed: bytes = SEED,
) -> SignedPromise:
    """Return a promise that a custodian signed."""
    made = AccessPromise(CONTEXT, H256(genesis), custodian, H256(request), leaf, u32(epoch))
    return sign(made, seed)


def absences(leaf: H256, *trees: EvidenceTree | None) -> list[list[Opening]]:
    """Return the proofs that each tree has not the leaf; nothing for an epoch without a tree."""
    return [[] if tree is None else tree.absence(leaf) for tree in trees]
