"""An event of a merchant, and the body that its webhook receives.

The body follows from the block alone: two machines, or one machine on two days, send the same bytes
with the same id. Amounts are planck as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum

from btt_chain.lazyclass import dataclass
from btt_chain.payments.statement.entries import moment
from btt_chain.payments.webhook import event_id


class EventType(Enum):
    """Types of events, as the body names them."""

    PAID = "payment.paid"
    SETTLED = "settlement.completed"
    REFUNDED = "payment.refunded"
    DISPUTED = "payment.disputed"
    ANSWERED = "payment.answered"
    RESOLVED = "payment.resolved"


@dataclass(frozen=True, slots=True)
class MerchantEvent:
    """An event in a final block that concerns a merchant."""

    block: bytes
    index: int
    """Index among all events of the block."""
    time_ms: int
    """Time of the block."""
    type: EventType
    payment: int | None
    """Number of its payment; None for a settlement, which is of a bucket."""
    bucket: int | None
    """Bucket of a payment that is new, or of a settlement."""
    data: Mapping[str, str | int | None]
    """Facts for the receiver."""

    @property
    def id(self) -> str:
        """Id of the event: of its block and index."""
        return event_id(self.block, self.index)

    @property
    def key(self) -> str:
        """Events with the same key are delivered in order."""
        return f"bucket {self.bucket}" if self.payment is None else f"payment {self.payment}"

    @property
    def batch(self) -> str | None:
        """Key of the settlement that must not arrive before this event."""
        return None if self.payment is None or self.bucket is None else f"bucket {self.bucket}"

    def body(self) -> bytes:
        """Return the body as canonical JSON: sorted keys, no spaces."""
        document = {
            "id": self.id,
            "type": self.type.value,
            "timestamp": moment(self.time_ms).isoformat(timespec="milliseconds"),
            "data": dict(self.data),
        }
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
