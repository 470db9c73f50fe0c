"""Runtime API of health records: roots, custodians and revocations, for programs that check them.

Epochs are hours, counted since 1970.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import SPAN_MS
from btt_chain.primitives.mountain_range import MAX_PEAKS
from btt_chain.scale import Bounded, TypeName, path, u32, u64
from runtime.frame.aliases import Account
from runtime.frame.api import PalletOf, RuntimeApi
from runtime.pallets.health_records.pallet import HealthRecords
from runtime.pallets.health_records.types import (
    Batch,
    BatchKind,
    Custodian,
    Demand,
    Log,
    OldRoot,
    Terms,
)

PAGE: Final = 100
"""Maximum number of custodians or demands in one result."""
MAX_HANDLES: Final = 1_000
"""Maximum number of handles in one question."""

Handles = Annotated[Bounded[list[H256], MAX_HANDLES], TypeName("BoundedVec<H256, MaxHandles>")]
Path = Annotated[Bounded[list[H256], MAX_PEAKS], TypeName("BoundedVec<H256, MaxPeaks>")]


@path("btt_runtime::health_records::CustodianView", params={"AccountId": AccountId})
@dataclass(frozen=True, slots=True)
class CustodianView:
    """A custodian."""

    account: Account
    custodian: Custodian
    may_anchor: bool
    """True if the bond is high enough: rely on no promise of others."""


@path("btt_runtime::health_records::Epochs")
@dataclass(frozen=True, slots=True)
class Epochs:
    """The time of anchors, and the terms."""

    now: u32
    """The current epoch."""
    hour_ms: Annotated[u64, SPAN_MS]
    """Length of an epoch in milliseconds."""
    genesis: H256
    """Hash of block zero, which promises have."""
    terms: Terms


@path("btt_runtime::health_records::OpenDemand")
@dataclass(frozen=True, slots=True)
class OpenDemand:
    """A demand that waits for an answer."""

    id: H256
    """Hash of the promise."""
    demand: Demand


class HealthRecordsApi(RuntimeApi, version=1):
    """Roots, custodians and revocations."""

    _pallet = PalletOf(HealthRecords)

    def epochs(self) -> Epochs:
        """Return the current epoch, and the terms."""
        pallet = self._pallet
        genesis = H256(pallet.system.genesis_hash())
        return Epochs(u32(pallet.anchors.epoch()), pallet.hour_ms, genesis, pallet.terms.value)

    def batch(self, custodian: AccountId, kind: BatchKind, epoch: u32) -> Batch | None:
        """Return the root of an epoch; None if there is none, or it is no longer stored."""
        return self._pallet.anchors.batch(custodian, kind, int(epoch))

    def log(self, custodian: AccountId, kind: BatchKind) -> Log:
        """Return the mountain range of the roots that are no longer stored."""
        return self._pallet.anchors.log(custodian, kind)

    def is_proven(
        self, custodian: AccountId, kind: BatchKind, old: OldRoot, index: u32, path: Path
    ) -> bool:
        """Return True if a root that is no longer stored is number `index` of the log."""
        return self._pallet.anchors.is_proven(custodian, kind, old, int(index), path)

    def revoked(self, handle: H256) -> u64 | None:
        """Return the slot until which a revoked handle is stored; None if it is not revoked."""
        return self._pallet.revocations.revoked.get(handle)

    def are_revoked(self, handles: Handles) -> list[bool]:
        """Return for each handle whether its consent is revoked."""
        return [self._pallet.is_revoked(handle) for handle in handles]

    def schema(self, id: u32) -> H256 | None:
        """Return the hash of a registered schema of records."""
        return self._pallet.schemas.get(id)

    def demands(self, custodian: AccountId) -> list[OpenDemand]:
        """Return up to `PAGE` demands that a custodian has not answered."""
        demands = self._pallet.promises.demands
        return [
            OpenDemand(id, demands[custodian, id]) for id in demands.some_under(custodian, PAGE)
        ]

    def custodian(self, account: AccountId) -> CustodianView | None:
        """Return a custodian; None if the account is none."""
        found = self._pallet.custodian(account)
        return None if found is None else self._view(account, found)

    def custodians(self, after: AccountId | None, limit: u32) -> list[CustodianView]:
        """Return at most `PAGE` custodians behind the account `after`, ordered by hashed keys."""
        rows = self._pallet.custodians.custodians.page(after, min(int(limit), PAGE))
        return [self._view(account, found) for account, found in rows]

    def _view(self, account: AccountId, found: Custodian) -> CustodianView:
        return CustodianView(account, found, found.bond >= self._pallet.terms.peek().bond)


HEALTH_RECORD_APIS = (HealthRecordsApi,)
