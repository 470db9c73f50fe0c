"""`query storage` and `query constant` show amounts in BTT, which metadata do not mark."""

from __future__ import annotations

from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.values import has_amounts
from btt_chain.scale import u64
from btt_chain.scale.metadata import ArrayDef, CompactDef, PrimitiveDef, SequenceDef, TupleDef
from btt_chain.scale.portable import Portable
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams

NUMBERS = {"Mining.LastCounted", "Assets.Held", "Vaults.Shares"}
"""Items of 128 bits that are no money: work, and units of assets and vaults."""


def has_u128(types: Portable, kind: int) -> bool:
    match types.type(kind).definition:
        case PrimitiveDef(primitive):
            return primitive.name == "u128"
        case CompactDef(inner) | SequenceDef(inner) | ArrayDef(_, inner):
            return has_u128(types, inner)
        case TupleDef(items):
            return any(has_u128(types, each) for each in items)
    return False


def test_items_of_128_bits_are_amounts_unless_they_count_something_else() -> None:
    found = ChainMetadata(metadata(BttRuntime(RuntimeParams(u64(6_000))), 14))
    items = found.items
    shown: dict[str, bool] = {}
    for pallet in items.runtime.pallets:
        for entry in pallet.storage.entries if pallet.storage else ():
            kind, _ = found.storage.stored(entry, None)
            if has_u128(items.types, kind):
                shown[f"{pallet.name}.{entry.name}"] = has_amounts(entry.name, entry.docs)
        for constant in pallet.constants:
            if has_u128(items.types, constant.type):
                shown[f"{pallet.name}.{constant.name}"] = has_amounts(constant.name, constant.docs)
    assert {name for name, money in shown.items() if not money} == NUMBERS
    assert shown["Authorities.Candidates"]
    assert not has_amounts("Number", ["The number of the block."])
