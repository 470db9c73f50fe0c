"""The calls that come next when a validator joins or leaves, by the chain's state alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from unittest.mock import AsyncMock

import pytest

from btt_chain.crypto.keypair import KeyPair
from cli.commands.validator import check_nothing_waits, check_sync
from cli.common.chain_time import ChainTime
from cli.common.errors import Refused
from cli.common.validators import (
    Leaving,
    Sessions,
    Validator,
    few_text,
    joining,
    leaving,
    seat_text,
)

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from cli.common.sending import Sender

BTT = 10**18
KEYS = {"babe": "0x" + "11" * 32, "grandpa": "0x" + "22" * 32}
GENESIS = 1_800_000_000_000 // 6_000

SESSIONS = Sessions(
    time=ChainTime(6_000, GENESIS, GENESIS + 5 * 600 + 100), index=5, epoch=5, epoch_slots=600,
    last_election=3, every=6, is_election_due=False,
)  # fmt: skip
NEW = Validator(
    address="5Stash", keys=None, active=0, unlocking=(), is_candidate=False, barred_until=0,
    place=None, is_queued=False, is_disabled=False, minimum_bond=10_000 * BTT, sessions=SESSIONS,
)  # fmt: skip
CANDIDATE = replace(NEW, keys=KEYS, active=10_000 * BTT, is_candidate=True)


def names(state: Validator, bond: int | None = None) -> list[str]:
    plan = joining(state, bond)
    return (["keys"] if plan.needs_keys else []) + [name for name, _ in plan.calls]


def test_a_new_account_needs_everything() -> None:
    assert names(NEW) == ["keys", "Authorities.bond", "Authorities.validate"]
    assert joining(NEW, None).calls[0][1] == {"amount": 10_000 * BTT}


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (replace(NEW, keys=KEYS), ["Authorities.bond", "Authorities.validate"]),
        (replace(NEW, keys=KEYS, active=10_000 * BTT), ["Authorities.validate"]),
        (
            replace(NEW, keys=KEYS, active=4_000 * BTT),
            ["Authorities.bond_extra", "Authorities.validate"],
        ),
        (replace(NEW, active=10_000 * BTT), ["keys", "Authorities.validate"]),
        (
            replace(NEW, unlocking=((BTT, 9),)),
            ["keys", "Authorities.bond_extra", "Authorities.validate"],
        ),
        (CANDIDATE, []),
    ],
)
def test_a_repeated_command_goes_on_where_it_stopped(state: Validator, left: list[str]) -> None:
    assert names(state) == left
    assert joining(state, None).is_done == (not left)


def test_a_greater_bond_adds_only_what_is_missing() -> None:
    plan = joining(CANDIDATE, 12_000 * BTT)
    assert plan.calls == (("Authorities.bond_extra", {"amount": 2_000 * BTT}),)
    assert joining(CANDIDATE, 9_000 * BTT).is_done


def test_leaving_has_three_stages() -> None:
    first = leaving(replace(CANDIDATE, place=1, is_queued=True))
    assert [name for name, _ in first.calls] == ["Authorities.chill", "Authorities.unbond"]
    serves = replace(
        CANDIDATE, is_candidate=False, active=0, unlocking=((10_000 * BTT, 12),), place=1
    )
    assert leaving(serves) == Leaving((), 12)
    due = replace(serves, place=None, sessions=replace(SESSIONS, index=12))
    assert [name for name, _ in leaving(due).calls] == [
        "Authorities.withdraw_unbonded", "Session.purge_keys",
    ]  # fmt: skip
    assert leaving(replace(due, unlocking=(), keys=None)) == Leaving((), None)


def test_keys_stay_while_their_validator_serves() -> None:
    state = replace(CANDIDATE, is_candidate=False, active=0, is_queued=True)
    assert leaving(state) == Leaving((), SESSIONS.index + 2)


def test_parts_that_are_due_are_withdrawn_before_the_others() -> None:
    state = replace(NEW, unlocking=((BTT, 5), (BTT, 9)))
    assert leaving(state) == Leaving((("Authorities.withdraw_unbonded", {}),), 9)


def test_a_new_candidate_waits_for_the_next_election() -> None:
    assert SESSIONS.next_seats == 9  # the last one was for session 3, one every 6
    assert replace(SESSIONS, last_election=-20).next_seats == 7
    assert replace(SESSIONS, is_election_due=True).next_seats == 7


def test_the_time_of_a_session_is_counted_in_slots_of_the_epoch() -> None:
    left = (600 - 100) * 6_000
    assert SESSIONS.ms_until(5) == 0
    assert SESSIONS.ms_until(6) == left
    assert SESSIONS.ms_until(8) == left + 2 * 600 * 6_000
    assert SESSIONS.when(6).endswith("(in 50 minutes)")
    assert replace(SESSIONS, is_by_hand=True).when(6) == "never: the chain is sealed by hand"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (replace(CANDIDATE, place=2, is_queued=True), "validates, place 2"),
        (replace(CANDIDATE, place=2), "validates, place 2; not in the next session"),
        (replace(CANDIDATE, place=2, is_disabled=True), "disabled for an offence"),
        (replace(CANDIDATE, is_queued=True), "validates from the next session on"),
        (replace(CANDIDATE, barred_until=8), "barred for an offence until session 8"),
        (CANDIDATE, "candidate; if it is elected, it validates from session 9 on"),
        (replace(CANDIDATE, is_candidate=False), "no candidate"),
    ],
)
def test_a_seat_is_said_in_words(state: Validator, said: str) -> None:
    assert seat_text(state).startswith(said)


def test_the_seat_of_a_candidate_says_which_bonds_are_not_elected() -> None:
    assert "less than a quarter of the mean" in seat_text(CANDIDATE)


def test_two_or_three_validators_are_too_few_for_an_absence() -> None:
    assert few_text(3).startswith("3 validators tolerate no absence")
    assert few_text(2)
    assert [few_text(count) for count in (0, 1, 4, 100)] == [""] * 4


@pytest.mark.parametrize(
    ("health", "is_refused"),
    [
        ({"isSyncing": False}, False), ({"isSyncing": True}, True), ({}, True), (None, True),
    ],
)  # fmt: skip
async def test_a_validator_joins_only_from_a_node_in_sync(health: object, is_refused: bool) -> None:
    connection = SimpleNamespace(call=AsyncMock(return_value=health), url="ws://here")
    chain = cast("Chain", SimpleNamespace(connection=connection))
    if is_refused:
        with pytest.raises(Refused, match="ws://here is not in sync yet"):
            await check_sync(chain)
    else:
        await check_sync(chain)


def test_registered_keys_are_put_on_the_wire_in_their_order() -> None:
    assert CANDIDATE.raw_keys == b"\x11" * 32 + b"\x22" * 32
    assert NEW.raw_keys == b""


async def test_nothing_is_sent_while_a_transaction_of_the_account_waits() -> None:
    class Waiting:
        """A chain that has one transaction of the account in its pool."""

        transactions = SimpleNamespace(nonce=AsyncMock(return_value=5))
        storage = AsyncMock(return_value={"nonce": 4})

    signing = SimpleNamespace(nonce=None, pair=KeyPair.from_uri("//Bob"))
    sender = SimpleNamespace(is_forced=False, signing=signing)
    chain = cast("Chain", Waiting())
    with pytest.raises(Refused, match="1 transaction of this account waits in the pool"):
        await check_nothing_waits(chain, cast("Sender", sender))
    sender.is_forced = True
    await check_nothing_waits(chain, cast("Sender", sender))
