"""The signer: which keys may sign, and what stops them."""

from __future__ import annotations

import pytest

from btt_chain.keystore import BABE, GRANDPA, Keystore, Ledger, MemoryRecord, Record, RecordError
from btt_chain.keystore.launch import SLOTS, YOUNG
from btt_chain.keystore.ledger import UNKNOWN, Round
from btt_chain.keystore.states import State
from btt_chain.node.keys.signing import LATE, Signer
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import AnyMessage, Stage, Target, is_signed, message_for
from btt_chain.primitives.voters import AuthorityId

GENESIS = bytes(32)
STARTED = 1_000
SESSION = 20
HASH = b"\x11" * 32
OTHER = b"\x22" * 32


class Vault:
    def __init__(self, *, unsure: bool = False, launch: bool = False) -> None:
        self.keystore = Keystore()
        self.babe = self.keystore.remember(BABE, "//Alice")
        self.gran = self.keystore.remember(GRANDPA, "//Alice")
        self.records: dict[bytes, Record] = {
            key: MemoryRecord(GENESIS, key, Ledger(unsure=unsure, launch=launch))
            for key in (self.babe, self.gran)
        }

    def record(self, public: bytes) -> Record:
        found = self.records.get(public)
        if found is None:
            raise RecordError("the record is in use by another node")
        return found


def signer_of(vault: Vault) -> Signer:
    return Signer(vault, started=STARTED, session_slots=SESSION)


def pass_slots(signer: Signer, first: int, last: int, set_id: int = 3) -> None:
    """Let slots pass on a chain whose rounds go on."""
    for slot in range(first, last + 1):
        assert signer.tick(slot, set_id, (set_id, 7 + slot - STARTED))


def stand(signer: Signer, first: int, last: int, *, age: int | None = None) -> None:
    """Let slots pass while finality stands at round 7 of set 0."""
    for slot in range(first, last + 1):
        signer.tick(slot, 0, (0, 7), age=lambda: age)


def prevote(number: int = 5) -> AnyMessage:
    return message_for(Stage.PREVOTE, Target(H256(HASH), number))


def test_a_slot_is_sealed_for_one_block_only() -> None:
    vault = Vault()
    signer = signer_of(vault)
    seal = signer.seal(vault.babe, STARTED, HASH)
    assert seal is not None
    assert signer.seal(vault.babe, STARTED, HASH) == seal
    assert signer.seal(vault.babe, STARTED, OTHER) is None
    assert signer.seal(vault.babe, STARTED - 1, OTHER) is None
    assert signer.seal(vault.babe, STARTED + 1, OTHER) is not None


def test_a_step_of_a_round_is_voted_in_once() -> None:
    vault = Vault()
    signer = signer_of(vault)
    who = AuthorityId(vault.gran)
    vote = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    signed = signer.sign(2, 9, vote, who)
    assert signed is not None
    assert is_signed(signed, 9, 2)
    assert signer.sign(2, 9, vote, who) == signed
    assert signer.sign(2, 9, message_for(Stage.PREVOTE, Target(H256(OTHER), 5)), who) is None
    assert signer.recorded(2, who) == {(9, Stage.PREVOTE): Target(H256(HASH), 5)}
    assert signer.recorded(3, who) == {}


def test_a_key_without_a_usable_record_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    vault = Vault()
    del vault.records[vault.babe]
    signer = signer_of(vault)
    assert signer.authors() == {}
    assert signer.authors() == {}
    assert signer.keys() == [vault.gran]
    assert [record.getMessage() for record in caplog.records] == [
        "the record is in use by another node"
    ]


def test_nothing_is_made_while_the_clock_is_set_back() -> None:
    signer = signer_of(Vault())
    assert signer.tick(STARTED + 5, 0, (0, 1))
    assert signer.tick(STARTED + 4, 0, (0, 1))  # one slot may be rounding
    assert not signer.tick(STARTED + 3, 0, (0, 1))
    assert signer.tick(STARTED + 6, 0, (0, 1))


def test_a_key_that_another_node_uses_is_not_used_any_more() -> None:
    vault = Vault()
    signer = signer_of(vault)
    signer.saw_block(vault.babe, STARTED + 1, HASH)
    assert signer.authors() == {}


def test_our_own_block_that_comes_back_is_nothing_strange() -> None:
    vault = Vault()
    signer = signer_of(vault)
    assert signer.seal(vault.babe, STARTED + 1, HASH) is not None
    signer.saw_block(vault.babe, STARTED + 1, HASH)
    signer.saw_block(bytes(32), STARTED + 1, OTHER)
    assert list(signer.authors()) == [vault.babe]


def test_a_record_older_than_the_chain_waits_for_a_session() -> None:
    vault = Vault()
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED)
    signer.saw_block(vault.babe, STARTED - 10, HASH)
    assert signer.authors() == {}
    pass_slots(signer, STARTED + 1, STARTED + 1 + SESSION)
    assert signer.authors() == {}
    # After the watch: nothing for an epoch ahead, nor in the set of now. The slots of that time
    # are not even claimed.
    pass_slots(signer, STARTED + 2 + SESSION, STARTED + 2 + 2 * SESSION)
    assert signer.authors() == {}
    assert signer.seal(vault.babe, STARTED + 2 + 2 * SESSION, OTHER) is None
    pass_slots(signer, STARTED + 3 + 2 * SESSION, STARTED + 3 + 2 * SESSION)
    assert list(signer.authors()) == [vault.babe]
    assert signer.seal(vault.babe, STARTED + 3 + 2 * SESSION, OTHER) is not None


def test_a_forced_key_that_is_seen_elsewhere_stays_silent() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED + 3)
    signer.saw_block(vault.babe, STARTED + 2, HASH)
    pass_slots(signer, STARTED + 4, STARTED + 3 * SESSION)
    assert signer.authors() == {}


def test_a_vote_of_ours_cast_elsewhere_ends_the_watch_with_a_bar() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED)
    vote = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    signer.saw_vote(vault.gran, 3, 8, vote)
    pass_slots(signer, STARTED + 1, STARTED + 3 * SESSION)
    assert signer.keys() == []


def test_a_forced_key_votes_from_the_next_set_on() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    assert signer.keys() == []
    pass_slots(signer, STARTED, STARTED + SESSION + 1)
    who = AuthorityId(vault.gran)
    assert signer.keys() == []
    vote = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    assert signer.sign(3, 100, vote, who) is None
    pass_slots(signer, STARTED + SESSION + 2, STARTED + SESSION + 2, set_id=4)
    assert signer.keys() == [who]
    assert signer.sign(4, 1, vote, who) is not None


def test_a_vote_that_is_not_on_record_bars_its_key() -> None:
    vault = Vault()
    signer = signer_of(vault)
    who = AuthorityId(vault.gran)
    ours = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    assert signer.sign(3, 8, ours, who) is not None
    signer.saw_vote(who, 3, 8, ours)
    signer.saw_vote(who, 3, 7, ours)  # older than those in the record
    assert signer.keys() == [who]
    signer.saw_vote(who, 3, 9, ours)
    assert signer.keys() == []


def test_a_watch_without_messages_does_not_end() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    for slot in range(STARTED, STARTED + 3 * SESSION):
        signer.tick(slot, 0, (0, 0), listening=False)
    begun = STARTED + 3 * SESSION
    pass_slots(signer, begun, begun + 10)
    for slot in range(begun + 11, begun + 11 + SESSION):
        signer.tick(slot, 3, (3, 7), listening=False)
    pass_slots(signer, begun + 11 + SESSION, begun + 2 * SESSION)
    assert signer.keys() == []
    pass_slots(signer, begun + 2 * SESSION + 1, begun + 2 * SESSION + 1)
    assert not vault.record(vault.gran).ledger.unsure


def test_a_watch_does_not_count_the_slots_that_the_machine_slept_through() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED + 5)
    asleep = 40 * SESSION
    pass_slots(signer, STARTED + asleep, STARTED + asleep + SESSION - 6)
    assert vault.record(vault.gran).ledger.unsure
    pass_slots(signer, STARTED + asleep + SESSION - 5, STARTED + asleep + SESSION)
    assert not vault.record(vault.gran).ledger.unsure


def test_a_watch_for_one_key_leaves_the_others_as_careful_as_ever() -> None:
    vault = Vault()
    vault.records[vault.babe] = MemoryRecord(GENESIS, vault.babe, Ledger(unsure=True))
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED)
    assert signer.keys() == [vault.gran]
    # A vote in the round that was on when the watch began: nothing for the watch, but no vote of
    # this record either, which has none.
    vote = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    signer.saw_vote(vault.gran, 3, 7, vote)
    assert signer.keys() == []


def test_what_is_seen_of_a_forced_key_before_its_watch_is_noted() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    signer.saw_block(vault.babe, STARTED - 5, HASH)
    signer.saw_vote(vault.gran, 2, 4, message_for(Stage.PRECOMMIT, Target(H256(HASH), 5)))
    block, votes = (vault.records[key].ledger for key in (vault.babe, vault.gran))
    assert block.block is not None
    assert block.block.slot == STARTED - 5
    assert votes.round is not None
    assert (votes.round.set_id, votes.round.round) == (2, 4)
    pass_slots(
        signer, STARTED, STARTED + SESSION + 1
    )  # not barred: no other node was seen in the watch
    pass_slots(signer, STARTED + SESSION + 2, STARTED + SESSION + 2, set_id=4)
    assert signer.keys() == [vault.gran]


def test_a_barred_key_seals_nothing() -> None:
    vault = Vault()
    signer = signer_of(vault)
    signer.saw_block(vault.babe, STARTED + 1, HASH)
    assert signer.seal(vault.babe, STARTED + 2, OTHER) is None


# ---- a key that moved


def moved(step: Stage) -> Vault:
    """A validator whose record is an import: it names the newest step only."""
    vault = Vault()
    vault.record(vault.gran).raise_to(Ledger(round=Round(1, 306, {step: UNKNOWN})))
    return vault


def test_the_votes_of_the_old_machine_in_the_round_that_waits_do_not_bar_a_moved_key() -> None:
    vault = moved(Stage.PRECOMMIT)
    signer = signer_of(vault)
    for stage in (Stage.PROPOSE, Stage.PREVOTE, Stage.PRECOMMIT):
        signer.saw_vote(vault.gran, 1, 306, message_for(stage, Target(H256(HASH), 5)))
    assert signer.keys() == [vault.gran]
    signer.saw_vote(vault.gran, 1, 307, prevote())
    assert signer.keys() == []


def test_a_moved_key_goes_on_in_the_round_that_waits_for_it() -> None:
    vault = moved(Stage.PREVOTE)
    signer, who = signer_of(vault), AuthorityId(vault.gran)
    signer.saw_vote(vault.gran, 1, 306, prevote())
    assert signer.sign(1, 306, prevote(), who) is None
    precommit = message_for(Stage.PRECOMMIT, Target(H256(HASH), 5))
    assert signer.sign(1, 306, precommit, who) is not None


# ---- a key that is barred


def test_a_bar_outlives_a_restart_and_ends_with_a_watch() -> None:
    vault = Vault()
    signer = signer_of(vault)
    signer.saw_block(vault.babe, STARTED + 1, HASH)
    again = signer_of(vault)
    assert again.authors() == {}
    assert "another node sealed a block" in vault.record(vault.babe).ledger.reason
    pass_slots(again, STARTED + 2, STARTED + 4 + 2 * SESSION)
    assert list(again.authors()) == [vault.babe]


def test_the_signer_says_what_each_key_may_do_and_why_not() -> None:
    vault = Vault()
    signer = signer_of(vault)
    assert [(each.key_type, each.state, each.why) for each in signer.states()] == [
        (BABE, State.SIGNS, ""),
        (GRANDPA, State.SIGNS, ""),
    ]
    pass_slots(signer, STARTED, STARTED)
    signer.saw_vote(vault.gran, 3, 9, prevote())
    act = "another node voted in round 9 of set 3 with"
    copied = f"{act} the key 0x{vault.gran.hex()}, so it has a copy of this keystore"
    assert [(each.state, each.why) for each in signer.states()] == [
        (State.BARRED, copied),
        (State.BARRED, f"{act} it"),
    ]
    del vault.records[vault.babe]
    assert next((each.state, each.why) for each in signer.states()) == (
        State.NO_RECORD, "the record is in use by another node",
    )  # fmt: skip


def test_a_key_that_is_watched_says_until_when() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED + 1)
    assert {(each.state, each.until) for each in signer.states()} == {
        (State.WATCHES, STARTED + SESSION + 1)
    }
    pass_slots(signer, STARTED + 2, STARTED + SESSION + 1)
    babe, gran = signer.states()
    assert (babe.state, babe.until) == (State.WAITS, STARTED + 2 * SESSION + 2)
    assert gran.state is State.WAITS
    assert "from the set after 3 on" in gran.why


# ---- the other keys of a keystore that was copied


def test_a_block_made_elsewhere_bars_the_votes_too_and_names_the_key_that_was_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # On the code before, the other key went on: a copy of the keystore has both.
    vault = Vault()
    signer, babe = signer_of(vault), f"0x{vault.babe.hex()}"
    signer.saw_block(vault.babe, STARTED + 1, HASH)
    assert signer.keys() == []
    assert signer.sign(3, 9, prevote(), AuthorityId(vault.gran)) is None
    assert babe in vault.record(vault.gran).ledger.reason
    (line,) = caplog.messages
    assert f"the key {babe} is not used any more: another node sealed a block of slot" in line
    assert f"Not used either, as a copy of this keystore has them: 0x{vault.gran.hex()}" in line
    assert "Stop the other node for good, then restart this one" in line
    signer.saw_block(vault.babe, STARTED + 2, HASH)
    assert len(caplog.messages) == 1


def test_keys_barred_together_sign_again_after_one_silent_watch() -> None:
    vault = Vault()
    signer_of(vault).saw_block(vault.babe, STARTED + 1, HASH)
    again = signer_of(vault)
    pass_slots(again, STARTED + 2, STARTED + 4 + 2 * SESSION)
    pass_slots(again, STARTED + 5 + 2 * SESSION, STARTED + 5 + 2 * SESSION, set_id=4)
    assert list(again.authors()) == [vault.babe]
    assert again.keys() == [vault.gran]


def test_a_key_made_after_a_bar_signs_while_the_old_ones_are_barred_again() -> None:
    # The thief of the old keys must not be able to stop the new ones.
    vault = Vault()
    signer_of(vault).saw_block(vault.babe, STARTED + 1, HASH)
    fresh = vault.keystore.remember(GRANDPA, "//Bob")
    vault.records[fresh] = MemoryRecord(GENESIS, fresh, Ledger())
    again = signer_of(vault)
    pass_slots(again, STARTED + 2, STARTED + 2)
    again.saw_block(vault.babe, STARTED + 3, HASH)
    pass_slots(again, STARTED + 3, STARTED + 3)
    states = {each.public: each.state for each in again.states()}
    assert states == {vault.babe: State.BARRED, vault.gran: State.BARRED, fresh: State.SIGNS}


def test_what_this_node_signed_itself_bars_nothing_when_it_is_replayed() -> None:
    vault = Vault()
    signer, who = signer_of(vault), AuthorityId(vault.gran)
    blocks = [(STARTED + slot, bytes([slot]) * 32) for slot in (1, 2, 3)]
    votes = [
        (9 + at // 2, message_for(stage, Target(H256(HASH), 5)))
        for at, stage in enumerate([Stage.PREVOTE, Stage.PRECOMMIT] * 3)
    ]
    for slot, hash in blocks:
        assert signer.seal(vault.babe, slot, hash) is not None
    for number, message in votes:
        assert signer.sign(3, number, message, who) is not None
    for process in (signer, signer_of(vault)):  # the second one has the record only
        pass_slots(process, STARTED + 3, STARTED + 3)
        for slot, hash in blocks:
            process.saw_block(vault.babe, slot, hash)
        for number, message in votes:
            process.saw_vote(vault.gran, 3, number, message)
        assert {each.state for each in process.states()} == {State.SIGNS}


# ---- records that are older than the chain


def test_a_vote_of_before_the_start_that_is_not_on_record_starts_the_watch() -> None:
    # On the code before it barred the key until a restart: a restored record is not a second node.
    vault = Vault()
    signer = signer_of(vault)
    signer.saw_vote(vault.gran, 3, 6, prevote())  # not in touch yet
    for each in signer.states():
        assert each.state is State.WATCHES
        assert "older than the vote of the key in round 6 of set 3" in each.why
    pass_slots(signer, STARTED, STARTED + SESSION + 1)
    pass_slots(signer, STARTED + SESSION + 2, STARTED + 2 * SESSION + 2, set_id=4)
    assert {each.state for each in signer.states()} == {State.SIGNS}


def test_a_vote_of_the_round_at_the_start_is_doubted_and_one_of_a_later_round_bars() -> None:
    for number, state in ((7, State.WATCHES), (8, State.BARRED)):
        vault = Vault()
        signer = signer_of(vault)
        pass_slots(signer, STARTED, STARTED)
        signer.saw_vote(vault.gran, 3, number, prevote())
        assert {each.state for each in signer.states()} == {state}


def test_a_block_of_before_the_start_that_is_not_on_record_stops_the_votes_too() -> None:
    # Records are restored as a folder: the votes of this one may be as old as its blocks.
    vault = Vault()
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED)
    signer.saw_block(vault.babe, STARTED - 10, HASH)
    assert signer.keys() == []
    assert "is older than the block" in vault.record(vault.gran).ledger.reason


# ---- the start of a chain


def test_a_launch_record_signs_nothing_before_messages_of_others_arrive() -> None:
    vault = Vault(launch=True)
    signer = signer_of(vault)
    assert signer.sign(0, 1, prevote(0), AuthorityId(vault.gran)) is None
    for slot in range(STARTED, STARTED + 2 * SESSION):
        signer.tick(slot, 0, (0, 1), listening=False)
    assert signer.keys() == []
    assert signer.authors() == {}
    assert {each.state for each in signer.states()} == {State.LAUNCHES}


def test_a_launch_record_signs_in_set_zero_after_a_few_slots_at_block_zero() -> None:
    vault = Vault(launch=True)
    signer = signer_of(vault)
    stand(signer, STARTED, STARTED + SLOTS - 1)
    assert signer.keys() == []
    stand(signer, STARTED + SLOTS, STARTED + SLOTS)
    who = AuthorityId(vault.gran)
    assert signer.keys() == [who]
    assert list(signer.authors()) == [vault.babe]
    assert signer.sign(0, 7, prevote(0), who) is not None
    assert signer.seal(vault.babe, STARTED + SLOTS, HASH) is not None


def test_a_validator_that_comes_within_the_first_session_need_not_wait_for_one() -> None:
    vault = Vault(launch=True)
    signer = signer_of(vault)
    stand(signer, STARTED, STARTED + SLOTS, age=SESSION - SLOTS)
    assert signer.keys() == [vault.gran]


def test_a_launch_record_on_a_chain_that_has_run_falls_back_to_the_watch() -> None:
    # An operator who lost the record and took the first steps of the launch again: the database
    # is empty, and the key may have signed anything.
    vault = Vault(launch=True)
    signer = signer_of(vault)
    stand(signer, STARTED, STARTED + SLOTS + 1, age=YOUNG + 1)
    assert signer.keys() == []
    assert signer.authors() == {}
    assert {each.state for each in signer.states()} == {State.WATCHES}
    assert vault.record(vault.gran).ledger.reason == LATE


def test_a_launch_record_with_a_block_of_its_key_on_the_chain_falls_back_to_the_watch() -> None:
    vault = Vault(launch=True)
    signer = signer_of(vault)
    signer.saw_block(vault.babe, STARTED - 5, HASH)  # in the young chain that it syncs
    stand(signer, STARTED, STARTED + SESSION, age=6)
    assert signer.authors() == {}
    assert signer.keys() == []  # whose record was lost with the other one
    assert "the block of slot 995" in vault.record(vault.babe).ledger.reason


def test_a_launch_record_whose_vote_is_received_does_not_cast_it_again() -> None:
    vault = Vault(launch=True)
    signer, who = signer_of(vault), AuthorityId(vault.gran)
    stand(signer, STARTED, STARTED)
    signer.saw_vote(vault.gran, 0, 7, prevote())
    stand(signer, STARTED + 1, STARTED + SESSION - 1)
    assert signer.keys() == []
    # Nor ever after: the round stands, and is open above that step only.
    stand(signer, STARTED + SESSION, STARTED + 2 * SESSION)
    assert signer.sign(0, 7, prevote(6), who) is None
    assert signer.sign(0, 7, message_for(Stage.PRECOMMIT, Target(H256(HASH), 5)), who) is not None


# ---- finality that stands


def test_validators_that_all_watch_vote_again_while_finality_stands() -> None:
    # On the code before, the whole set was closed: if all wait for the next one, it never comes.
    vault = Vault(unsure=True)
    signer, who = signer_of(vault), AuthorityId(vault.gran)
    stand(signer, STARTED, STARTED + SESSION + 1)
    assert signer.keys() == [who]
    assert signer.sign(0, 6, prevote(), who) is None
    assert signer.sign(0, 7, prevote(), who) is not None


def test_a_closed_set_is_opened_when_finality_stands_for_a_session() -> None:
    vault = Vault(unsure=True)
    signer, who = signer_of(vault), AuthorityId(vault.gran)
    for slot in range(STARTED, STARTED + SESSION + 2):
        signer.tick(slot, 0, (0, slot - STARTED))
    assert signer.keys() == []
    begun = STARTED + SESSION + 2
    stand(signer, begun, begun + SESSION - 1)
    signer.saw_vote(who, 0, 7, prevote())  # of the time before the watch; gossiped again
    assert signer.keys() == []
    stand(signer, begun + SESSION, begun + SESSION)
    assert signer.keys() == [who]
    assert signer.sign(0, 7, prevote(6), who) is None


def test_a_later_closed_set_stays_closed_where_finality_stands_in_an_earlier_one() -> None:
    vault = Vault()
    vault.records[vault.gran] = MemoryRecord(GENESIS, vault.gran, Ledger(closed_set=5))
    signer = signer_of(vault)
    stand(signer, STARTED, STARTED + 2 * SESSION)
    assert signer.keys() == []
    assert vault.record(vault.gran).ledger.closed_set == 5


def test_a_vote_cast_elsewhere_after_the_watch_bars_the_key() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    end = STARTED + SESSION + 1
    pass_slots(signer, STARTED, end)
    signer.saw_vote(vault.gran, 3, 7 + end - STARTED, prevote())  # may be from before the watch
    assert state_of_votes(signer) is State.WAITS
    signer.saw_vote(vault.gran, 3, 8 + end - STARTED, prevote())
    assert state_of_votes(signer) is State.BARRED
    pass_slots(signer, end + 1, end + 1, set_id=4)
    assert signer.keys() == []


def test_a_block_made_elsewhere_after_the_watch_bars_the_key() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    end = STARTED + SESSION + 1
    pass_slots(signer, STARTED, end)
    signer.saw_block(vault.babe, end, HASH)  # may be from before the end of the watch
    signer.saw_block(vault.babe, end + 1, HASH)
    pass_slots(signer, end + 1, end + SESSION + 1)
    assert signer.authors() == {}
    assert signer.seal(vault.babe, end + SESSION + 1, OTHER) is None


def state_of_votes(signer: Signer) -> State:
    return next(key.state for key in signer.states() if key.key_type == GRANDPA)


def test_slots_without_messages_do_not_open_a_closed_set() -> None:
    vault = Vault()
    vault.records[vault.gran] = MemoryRecord(GENESIS, vault.gran, Ledger(closed_set=0))
    signer = signer_of(vault)
    for slot in range(STARTED, STARTED + 3 * SESSION):
        signer.tick(slot, 0, (0, 7), listening=False)
    assert signer.keys() == []


def test_the_operators_word_alone_neither_opens_a_set_nor_launches() -> None:
    # --force-authoring without peers: no peer could have reported the votes of the key.
    for ledger in (Ledger(closed_set=0), Ledger(launch=True)):
        vault = Vault()
        vault.records[vault.gran] = MemoryRecord(GENESIS, vault.gran, ledger)
        signer = signer_of(vault)
        for slot in range(STARTED, STARTED + 3 * SESSION):
            signer.tick(slot, 0, (0, 7), listening=True, in_touch=False)
        assert signer.keys() == []


def test_a_final_block_ends_the_standing_though_the_round_here_does_not_move() -> None:
    vault = Vault()
    vault.records[vault.gran] = MemoryRecord(GENESIS, vault.gran, Ledger(closed_set=0))
    signer = signer_of(vault)
    for slot in range(STARTED, STARTED + 3 * SESSION):
        signer.tick(slot, 0, (0, 7), final=slot)
    assert signer.keys() == []


def test_a_doubted_clock_seals_nothing_and_the_state_of_the_key_names_it() -> None:
    vault = Vault()
    signer = signer_of(vault)
    assert not signer.tick(STARTED + 7_200, 0, (0, 1), doubt="this clock is ahead")
    babe, gran = signer.states()
    assert (babe.state, babe.why, babe.until) == (State.CLOCK, "this clock is ahead", None)
    assert gran.state is State.SIGNS
    assert signer.tick(STARTED + 1, 0, (0, 1))  # set right: the slots ahead were not used
    assert {state.state for state in signer.states()} == {State.SIGNS}


def test_a_clock_that_went_back_is_named_with_the_slot_in_which_it_ends() -> None:
    signer = signer_of(Vault())
    assert signer.tick(STARTED + 77, 0, (0, 1))
    assert not signer.tick(STARTED, 0, (0, 1))
    babe, _ = signer.states()
    assert (babe.state, babe.until) == (State.CLOCK, STARTED + 76)
    assert signer.tick(STARTED + 76, 0, (0, 1))


def test_a_key_that_sealed_ahead_of_the_clock_is_not_reported_as_signing() -> None:
    vault = Vault()
    ahead = signer_of(vault)
    assert ahead.tick(STARTED + 77, 0, (0, 1))
    assert ahead.seal(vault.babe, STARTED + 77, HASH)
    restarted = signer_of(vault)
    assert restarted.tick(STARTED, 0, (0, 1))
    babe, _ = restarted.states()
    assert (babe.state, babe.until) == (State.CLOCK, STARTED + 78)
    assert f"slot {STARTED + 77}" in babe.why
