"""Records of finality on the disk: damaged ones are refused by name, absent ones are None."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.consensus.finality import records
from btt_chain.scale import encode, u32

READERS: dict[str, tuple[bytes, Callable[[records.Read], object], object, str]] = {
    "first": (records.FIRST_KEY, records.read_first, (0, 0), "the first set"),
    "voters": (records.VOTERS_KEY, records.read_voters, None, "the voters"),
    "round": (records.ROUND_KEY, records.read_round, None, "the last round"),
    "proof": (records.PROOF_KEY, records.read_proof, None, "the last proof"),
    "end": (
        records.end_key(7),
        lambda read: records.read_end(read, 7),
        None,
        "the end of set 7",
    ),
}
SCHEMA = {records.SCHEMA_KEY: encode(u32, u32(records.SCHEMA))}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("raw", [b"", b"\x01", b"\xff" * 200])
def test_a_damaged_record_is_refused_by_its_name(name: str, raw: bytes) -> None:
    key, read, _, words = READERS[name]
    with pytest.raises(records.BadRecord, match=f"{words} cannot be read"):
        read((SCHEMA | {key: raw}).get)


@pytest.mark.parametrize("name", READERS)
def test_an_absent_record_is_no_error(name: str) -> None:
    _, read, absent, _ = READERS[name]
    nothing: dict[bytes, bytes] = {}
    assert read(nothing.get) == absent


@pytest.mark.parametrize("schema", [None, encode(u32, u32(records.SCHEMA + 1))])
def test_voters_of_another_version_are_refused(schema: bytes | None) -> None:
    stored = {records.VOTERS_KEY: b""} | ({} if schema is None else {records.SCHEMA_KEY: schema})
    with pytest.raises(records.BadRecord, match="of another version"):
        records.read_voters(stored.get)
