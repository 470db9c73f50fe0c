"""Parts of signing that need no chain: seals, the origin of requests, the code for a device."""

from __future__ import annotations

import re

import click
import pytest

from btt_chain.client import ChainMetadata
from btt_chain.client.amount import BTT
from btt_chain.crypto.development import dev_key
from btt_chain.explorer.render import static
from btt_chain.explorer.signing.actions import ACTIONS, PAY, read_fields
from btt_chain.explorer.signing.payload import Prepared, for_vault, read_period
from btt_chain.explorer.signing.routes import is_own
from btt_chain.explorer.signing.seal import MAX_USED, SECONDS, BadSeal, Seals
from btt_chain.explorer.signing.sentences import SENTENCES
from cli.program import program
from support.chain import ALICE, DevChain

GIVEN = {
    "dest": "//Bob", "to": "//Bob", "value": "1.5", "amount": "1.5", "price": "2", "units": "3",
    "referendum": "1", "track": "2", "tier": "1", "id": "7", "asset": "0", "display": "A hospital",
    "web": "https://one.example",
}  # fmt: skip


def test_a_form_without_a_referrer_is_own_if_the_browser_says_so() -> None:
    assert is_own({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, "here")
    assert is_own({"Sec-Fetch-Site": "same-origin"}, "here")
    assert not is_own({}, "here")
    assert not is_own({"Origin": "null"}, "here")
    assert not is_own({"Origin": "http://there", "Sec-Fetch-Site": "same-origin"}, "here")


def test_a_seal_ends_after_ten_minutes_and_belongs_to_its_session() -> None:
    seals, payload = Seals(), {"method": "0x00"}
    seal = seals.seal("mine", payload, 1_000)
    seals.check("mine", payload, seal, 1_000 + SECONDS - 1)
    for session, given, now in (
        ("mine", payload, 1_000 + SECONDS), ("yours", payload, 1_000),
        ("mine", {"method": "0x01"}, 1_000),
    ):  # fmt: skip
        with pytest.raises(BadSeal):
            seals.check(session, given, seal, now)
    until, _, tag = seal.partition(".")
    for forged in ("", ".", "x.y", f"{int(until) + 1}.{tag}", f"{'9' * 40}.{tag}"):
        with pytest.raises(BadSeal):
            seals.check("mine", payload, forged, 1_000)
    with pytest.raises(BadSeal):
        Seals().check("mine", payload, seal, 1_000)


def test_the_memory_of_used_seals_is_bounded() -> None:
    seals = Seals()
    for at in range(MAX_USED + 10):
        seals.use(f"1.{at}")
    assert len(seals._used) == MAX_USED


def test_the_code_for_a_device_is_what_polkadot_js_makes() -> None:
    """The layout of `createSignPayload` and `createFrames` of @polkadot/react-qr."""
    metadata = ChainMetadata(described(), prefix=42)
    prepared = Prepared(
        "", ALICE.account_id, b"\x03\x03\xaa", 1, 42, b"\2" * 32, b"\3" * 32, 100, 1, b"\4" * 32
    )
    raw = for_vault(prepared, metadata)
    assert raw[:5] == bytes.fromhex("0000010000")
    assert raw[5:8] == b"\x53\x01\x00"
    assert raw[8:40] == ALICE.account_id
    carried = bytes.fromhex("a502" + "04" + "00" + "00")
    along = bytes.fromhex("64000000" + "01000000") + b"\3" * 32 + b"\2" * 32 + b"\0"
    assert raw[40:] == b"\x0c\x03\x03\xaa" + carried + along + b"\3" * 32


@pytest.mark.parametrize("period", [64, 256, 4_096])
def test_the_lifetime_of_a_payload_is_read_from_its_era(period: int) -> None:
    prepared = Prepared("", b"", b"", 1, 42, b"", b"", 100, 1, period=period)
    assert prepared.dies == 42 + period
    assert read_period(str(prepared.for_wallet([])["era"])) == period


def test_the_era_of_a_payload_is_mortal() -> None:
    with pytest.raises(ValueError, match="immortal"):
        read_period("0x00")


def described() -> bytes:
    chain = DevChain(shared=True)
    return chain.client.runtime_at(chain.client.best().hash).metadata(14)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_command_line_takes_the_command_of_each_action(name: str) -> None:
    action = ACTIONS[name]
    sides = {field.name: field.choices[0] for field in action.fields if field.choices}
    values = read_fields(action, {**GIVEN, **sides}, BTT, lambda text: dev_key(text).account_id)
    words = [*action.command(values.typed), "--from", "key.txt"]
    command: click.Command = program
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    # Parses all words, and runs nothing.
    assert command.make_context(name, words).params


def test_the_script_reads_the_calls_that_have_a_sentence_and_no_others() -> None:
    script = static("sign.js")[0].decode()
    rows = dict(re.findall(r'"([0-9a-f]{4})": \["(\w+\.\w+)"', script))
    items = ChainMetadata(described()).items
    for index, name in rows.items():
        pallet, call = items.call(name)
        assert f"{pallet.index:02x}{call.index:02x}" == index
    assert set(rows.values()) == set(SENTENCES)
    assert {action.call for action in ACTIONS.values()} | {PAY.call} <= set(SENTENCES)
