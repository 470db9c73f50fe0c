"""The transaction pool: a pure state machine; events in, status events out."""

from btt_chain.txpool.errors import (
    AlreadyImported,
    CycleDetected,
    FutureRejected,
    ImmediatelyDropped,
    NoTagsProvided,
    PoolError,
    SenderLimit,
    TemporarilyBanned,
    TooLowPriority,
    TransactionInvalid,
    Unactionable,
    ValidityUnknown,
)
from btt_chain.txpool.pool import Pool
from btt_chain.txpool.ready import ReadyIterator
from btt_chain.txpool.rechecks import RecheckBudget
from btt_chain.txpool.types import (
    BlockRef,
    ImportedBlock,
    Included,
    Limit,
    Limits,
    PoolStatus,
    Status,
    StatusEvent,
    Transaction,
    Validate,
    Validated,
    nonce_tag,
)

__all__ = [
    "AlreadyImported",
    "BlockRef",
    "CycleDetected",
    "FutureRejected",
    "ImmediatelyDropped",
    "ImportedBlock",
    "Included",
    "Limit",
    "Limits",
    "NoTagsProvided",
    "Pool",
    "PoolError",
    "PoolStatus",
    "ReadyIterator",
    "RecheckBudget",
    "SenderLimit",
    "Status",
    "StatusEvent",
    "TemporarilyBanned",
    "TooLowPriority",
    "Transaction",
    "TransactionInvalid",
    "Unactionable",
    "Validate",
    "Validated",
    "ValidityUnknown",
    "nonce_tag",
]
