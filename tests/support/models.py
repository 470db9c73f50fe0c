"""Descriptions of models by their owners, for registrations."""

from __future__ import annotations

from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from runtime.pallets.models.types import Description, Modality, Service

SCHEMA = H256(b"\x5c" * 32)
"""A hash of a preparation that no package has."""
ABOUT = Description(Service.Classification, Modality.CT)
STATED = (SCHEMA, u128(0), ABOUT)
"""The last arguments of `Models.register`."""


def stated(schema: H256 = SCHEMA) -> dict[str, object]:
    """Return the last arguments of `Models.register`, without a fee of the licence."""
    return {"schema": schema, "licence": u128(0), "description": ABOUT}


RECORDED = (u32(10_000), u16(2), SCHEMA, u128(0), None, ABOUT)
"""The last fields of a record and of a view: bytes of leaves, outputs, and what is stated."""
