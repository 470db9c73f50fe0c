"""records_*: roots of health records, custodians and revocations, from the runtime at a block.

Epochs are hours, counted since 1970; numbers of 64 bits and more are decimal strings.
"""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.mountain_range import MAX_PEAKS
from btt_chain.rpc.derived import derived, read_as
from btt_chain.rpc.params import U32, Hash, MaxItems, Parsed
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Views
from btt_chain.scale import codec, u32
from runtime.pallets.health_records.api import HealthRecordsApi, Path
from runtime.pallets.health_records.types import BatchKind, OldRoot

PAGE: Final = 100
"""Maximum number of custodians in one answer."""

Kind = Annotated[BatchKind, Parsed(read_as(BatchKind))]
Peaks = Annotated[list[Hash], MaxItems(MAX_PEAKS)]
PROOF: Final = codec(tuple[AccountId, BatchKind, OldRoot, u32, Path])


class RecordsApi(Views):
    """Anchored roots and revocations from the runtime at a block, by default the best one."""

    epochs = derived("records_epochs", HealthRecordsApi.epochs)
    batch = derived("records_batch", HealthRecordsApi.batch)
    log = derived("records_log", HealthRecordsApi.log)
    revoked = derived("records_revoked", HealthRecordsApi.revoked)
    schema = derived("records_schema", HealthRecordsApi.schema)
    demands = derived("records_demands", HealthRecordsApi.demands)
    custodian = derived("records_custodian", HealthRecordsApi.custodian)
    custodians = derived("records_custodians", HealthRecordsApi.custodians, page=PAGE)

    @method("records_isProven", cost=HEAVY)
    def is_proven(
        self,
        custodian: Account,
        kind: Kind,
        epoch: U32,
        root: Hash,
        leaves: U32,
        index: U32,
        path: Peaks,
        at: Hash | None = None,
    ) -> bool:
        """Return True if a root that is no longer stored is number `index` of the log."""
        old = OldRoot(u32(epoch), H256(root), u32(leaves))
        given = AccountId(custodian), kind, old, u32(index), [H256(each) for each in path]
        return self.ask("HealthRecordsApi_is_proven", bool, at, PROOF.encode(given))
