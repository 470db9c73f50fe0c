"""What owners state about models at their registration."""

from __future__ import annotations

from typing import Any

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from runtime.pallets.models.types import Description, Modality, Service

SCHEMA = H256(b"\x5c" * 32)
"""A hash of a preparation that no package has."""
ABOUT = Description(Service.Classification, Modality.CT)


def stated(
    schema: H256 = SCHEMA, licence: int = 0, description: Description = ABOUT
) -> dict[str, Any]:
    """Return the last arguments of `Models.register`."""
    return {"schema": schema, "licence": u128(licence), "description": description}


RECORDED = (u32(10_000), u16(2), SCHEMA, u128(0), None, ABOUT)
"""The last fields of a record and of a view: bytes of leaves, outputs, and what is stated."""
