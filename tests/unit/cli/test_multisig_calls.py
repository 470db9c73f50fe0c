"""Calls of multisig accounts: nothing is approved blindly, and no answer ends in a traceback."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import click
import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from cli.commands.multisig import check_known
from cli.common.errors import Mistyped
from cli.common.multisigs import Waiting, calls_of
from cli.common.session import call_given
from runtime.pallets.multisig.pallet import Operation, Timepoint

if TYPE_CHECKING:
    from btt_chain.client.metadata import ChainMetadata

PLACE = Timepoint(u32(184), u32(1))
HASH_ONLY = Waiting(bytes(32), Operation(PLACE, u128(0), AccountId(bytes(32)), []), None)


def test_a_call_of_which_only_the_hash_is_known_is_approved_with_force_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Mistyped, match=r"has only the hash of number 184-1.*--call HEX"):
        check_known(HASH_ONLY, may_be_hash=False)
    check_known(HASH_ONLY, may_be_hash=True)
    assert "it could be any call" in capsys.readouterr().err


@pytest.mark.parametrize("wire", [b"", b"\xff", b"\x04", b"\xfe\xff\xff\xff"])
def test_a_transaction_without_its_length_holds_no_calls(wire: bytes) -> None:
    metadata = cast("ChainMetadata", SimpleNamespace(items=SimpleNamespace(address=1, signature=2)))
    assert list(calls_of(metadata, wire)) == []


def test_a_call_is_given_as_hex_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "call"
    file.write_text("0x0001\n")
    assert call_given(str(file)) == call_given("0x0001") == b"\0\1"
    file.write_bytes(b"\xff\xfe\0")
    for given in (str(file), "nofile", "0x" + "00" * 500 + "g"):
        with pytest.raises(click.UsageError, match="--call is not hex"):
            call_given(given)
