"""The signer: which keys may sign, and what stops them."""

from __future__ import annotations

import pytest

from btt_chain.keystore import BABE, GRANDPA, Keystore, Ledger, MemoryRecord, Record, RecordError
from btt_chain.node.signing import Signer
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AuthorityId,
    Stage,
    Target,
    is_signed,
    message_for,
)

GENESIS = bytes(32)
STARTED = 1_000
SESSION = 20
HASH = b"\x11" * 32
OTHER = b"\x22" * 32


class Vault:
    def __init__(self, *, unsure: bool = False) -> None:
        self.keystore = Keystore()
        self.babe = self.keystore.remember(BABE, "//Alice")
        self.gran = self.keystore.remember(GRANDPA, "//Alice")
        self.records: dict[bytes, Record] = {
            key: MemoryRecord(GENESIS, key, Ledger(unsure=unsure)) for key in (self.babe, self.gran)
        }

    def record(self, public: bytes) -> Record:
        found = self.records.get(public)
        if found is None:
            raise RecordError("the record is in use by another node")
        return found


def signer_of(vault: Vault) -> Signer:
    return Signer(vault, started=STARTED, session_slots=SESSION)


def pass_slots(signer: Signer, first: int, last: int, set_id: int = 3) -> None:
    for slot in range(first, last + 1):
        assert signer.tick(slot, set_id, (set_id, 7))


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
    assert signer.keys() == [vault.gran]


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
    assert signer.keys() == [who]
    vote = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    assert signer.sign(3, 100, vote, who) is None
    assert signer.sign(4, 1, vote, who) is not None


def test_a_vote_that_is_not_on_record_bars_its_key() -> None:
    vault = Vault()
    signer = signer_of(vault)
    who = AuthorityId(vault.gran)
    ours = message_for(Stage.PREVOTE, Target(H256(HASH), 5))
    assert signer.sign(3, 8, ours, who) is not None
    signer.saw_vote(who, 3, 8, ours)
    signer.saw_vote(who, 3, 7, ours)  # older than the record tells of
    assert signer.keys() == [who]
    signer.saw_vote(who, 3, 9, ours)
    assert signer.keys() == []


def test_a_watch_that_heard_nothing_does_not_end() -> None:
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
    assert signer.keys() == [vault.gran]


def test_a_watch_does_not_count_the_slots_that_the_machine_slept_through() -> None:
    vault = Vault(unsure=True)
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED + 5)
    asleep = 40 * SESSION
    pass_slots(signer, STARTED + asleep, STARTED + asleep + SESSION - 6)
    assert signer.keys() == []
    pass_slots(signer, STARTED + asleep + SESSION - 5, STARTED + asleep + SESSION)
    assert len(signer.keys()) == 1


def test_a_watch_for_one_key_leaves_the_others_as_careful_as_ever() -> None:
    vault = Vault()
    vault.records[vault.babe] = MemoryRecord(GENESIS, vault.babe, Ledger(unsure=True))
    signer = signer_of(vault)
    pass_slots(signer, STARTED, STARTED)
    assert signer.keys() == [vault.gran]
    # A vote in the round that was on when the watch began: nothing for the watch, but no vote of
    # this record either, which tells of none.
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
    pass_slots(signer, STARTED, STARTED + SESSION + 1)  # not barred: nobody was seen in the watch
    assert signer.keys() == [vault.gran]


def test_a_barred_key_seals_nothing() -> None:
    vault = Vault()
    signer = signer_of(vault)
    signer.saw_block(vault.babe, STARTED + 1, HASH)
    assert signer.seal(vault.babe, STARTED + 2, OTHER) is None
