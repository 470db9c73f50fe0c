"""Splitting of blocks by metadata: as decoding does it, and safe with any bytes."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.client.errors import MALFORMED
from btt_chain.client.metadata import ChainMetadata
from btt_chain.explorer.index.reading import SpecReader
from btt_chain.node.service.backend import ChainView
from btt_chain.primitives.extrinsic import opaque
from btt_chain.scale import u128
from btt_chain.scale.portable import Plain
from support.chain import ALICE, BOB, DevChain, address


@lru_cache(maxsize=1)
def sample() -> tuple[SpecReader, bytes, list[bytes]]:
    """A reader, the events of a block, and its extrinsics in their form on the wire."""
    chain = DevChain(shared=True)
    calls = [
        chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=u128(10**15))
        for _ in range(2)
    ]
    chain.send(ALICE, chain.call("Utility", "batch", calls=calls))
    chain.send(BOB, chain.call("Balances", "burn", value=u128(10**30), keep_alive=True))
    hash = chain.seal()
    reader = SpecReader(ChainMetadata(ChainView(chain.client).metadata(hash)))
    key, _ = reader.metadata.storage.key(*reader.metadata.items.storage("System.Events"), [])
    raw = chain.client.state(hash).get(key)
    assert raw is not None
    wires = [opaque(wire) for wire in (chain.client.body(hash) or [])]
    return reader, raw, wires


def accounts_in(value: Plain) -> list[str]:
    """The addresses anywhere in a decoded value."""
    match value:
        case dict():
            return [each for part in value.values() for each in accounts_in(part)]
        case list():
            return [each for part in value for each in accounts_in(part)]
        case str() if len(value) == 48 and value.startswith("5"):
            return [value]
    return []


def test_events_are_split_where_decoding_splits_them_with_the_same_accounts() -> None:
    reader, raw, _ = sample()
    parts = reader.split_events(raw)
    decoded = reader.metadata.decoder.events(raw)
    names = [(each.extrinsic, each.name) for each in decoded]
    assert len(parts) == len(decoded) > 10
    for part, view in zip(parts, decoded, strict=True):
        pallet = reader.pallets[part.pallet]
        event = next(v for v in reader.metadata.items.events(pallet) if v.index == part.event)
        whose = None if part.extrinsic < 0 else part.extrinsic
        assert (whose, f"{pallet.name}.{event.name}") == (view.extrinsic, view.name)
    touched: dict[tuple[bytes, int], int] = {}
    reader._read_events(raw, touched, [])
    expected = {
        (account, -1 if view.extrinsic is None else view.extrinsic)
        for view in decoded
        for account in accounts_in(view.fields)
    }
    assert {(reader.metadata.address(key), whose) for key, whose in touched} == expected
    assert ("Utility.BatchCompleted") in [name for _, name in names]


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_of_a_node_stop_the_reader(noise: bytes, at: int) -> None:
    reader, raw, _ = sample()
    reader.extrinsic(noise)
    for events in (noise, raw[:at] + noise + raw[at:]):
        try:
            parts = reader.split_events(events)
        except MALFORMED:
            continue
        assert all(0 <= part.start <= part.end <= len(events) for part in parts)


@pytest.mark.parametrize("raw", [b"\xff" * 40, b"\x04\x00", b"\xfe\xff\xff\xff" + bytes(9)])
def test_malformed_events_are_refused(raw: bytes) -> None:
    reader, _, _ = sample()
    with pytest.raises(MALFORMED):
        reader.split_events(raw)
