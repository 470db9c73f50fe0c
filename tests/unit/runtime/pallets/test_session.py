"""Sessions: whose keys work, from when on, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.grandpa import OnDisabled, consensus
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import codec, u32, u64
from btt_chain.scale.compact import compact_encode
from btt_chain.scale.errors import DecodeError
from runtime.frame import ConsumerRemaining, GenesisError, signed
from runtime.pallets.session.pallet import FixedValidators, Session, SessionKeys
from support.babe_chain import EPOCH, START, BabeChain, Validator, validators
from support.runtime import SmallRuntime, refused

ALICE, BOB, CHARLIE, DAVE = validators(4)
WINDOW = 2


def keys_of(babe: str, grandpa: str | None = None) -> SessionKeys:
    author = KeyPair.from_uri(f"//{babe}")
    voter = KeyPair.from_uri(f"//{grandpa or babe}", Scheme.ED25519)
    return SessionKeys(BabeId(author.public), GrandpaId(voter.public))


class Recorder:
    """Epochs and voters: records the calls of Session."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.now: list[tuple[bytes, int]] = []
        self.following: list[tuple[bytes, int]] = []

    def genesis_epoch(
        self, authorities: Sequence[tuple[bytes, int]], following: Sequence[tuple[bytes, int]]
    ) -> None:
        self.now, self.following = list(authorities), list(following)

    def new_epoch(self, following: Sequence[tuple[bytes, int]], session: int) -> None:
        self.now, self.following = self.following, list(following)

    def weights_now(self) -> list[u64]:
        return [u64(weight) for _, weight in self.now]

    def shares_now(self) -> list[int]:
        return [share for _, share in self.now]

    def genesis_voters(self, voters: Sequence[tuple[bytes, int]]) -> None:
        self.calls.append(("voters", 0, list(voters)))

    def new_voters(self, voters: Sequence[tuple[bytes, int]], session: int) -> None:
        self.calls.append(("voters", session, list(voters)))

    def disable(self, index: int) -> None:
        self.calls.append(("disable", index))


class Chosen(FixedValidators):
    """A manager whose choice the test makes; weights note when they were requested."""

    def __init__(self) -> None:
        self.choice: dict[int, list[AccountId] | None] = {}
        self.calls: list[tuple[str, int]] = []

    def plan_session(self, index: int) -> list[AccountId] | None:
        self.calls.append(("plan", index))
        return self.choice.get(index)

    def start_session(self, index: int) -> None:
        self.calls.append(("start", index))

    def end_session(self, index: int) -> None:
        self.calls.append(("end", index))

    def grandpa_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        planned = [index for what, index in self.calls if what == "plan"]
        return [u64(100 + planned[-1])] * len(validators)


class SessionChain(SmallRuntime):
    """System, and Session with a manager at hand."""

    def build(self) -> None:
        self.recorder, self.manager = Recorder(), Chosen()
        self.session = self.add(
            6,
            Session(
                min_validators=u32(2),
                report_window=u32(WINDOW),
                system=self.system,
                epochs=self.recorder,
                voters=self.recorder,
                manager=self.manager,
            ),
        )

    def live(self, *people: Validator) -> None:
        """Let accounts come alive."""
        for person in people:
            info = self.system.account[person.account]
            self.system.add_provider(person.account, info)
            self.system.account[person.account] = info

    def consumers(self, person: Validator) -> int:
        return int(self.system.account[person.account].consumers)


@pytest.fixture
def chain() -> SessionChain:
    chain = SessionChain()
    chain.live(ALICE, BOB, CHARLIE, DAVE)
    rows = [person.genesis_keys() for person in (ALICE, BOB, CHARLIE)]
    chain.session.genesis({"keys": rows})
    return chain


def accounts(*people: Validator) -> list[AccountId]:
    return [person.account for person in people]


# ---- block zero


def test_genesis_begins_session_zero_and_queues_the_next(chain: SessionChain) -> None:
    session = chain.session
    assert session.validators_now() == accounts(ALICE, BOB, CHARLIE)
    assert [who for who, _ in session.queued_keys.value] == session.validators_now()
    assert chain.manager.calls == [("plan", 0), ("plan", 1), ("start", 0)]
    assert [weight for _, weight in chain.recorder.now] == [1, 1, 1]
    assert chain.recorder.calls == [
        ("voters", 0, [(person.voter.public, 100) for person in (ALICE, BOB, CHARLIE)])
    ]
    assert session.owner_of(0, b"babe", BOB.author.public) == (BOB.account, 3)
    assert chain.consumers(BOB) == 1


def test_genesis_keeps_to_the_managers_choice() -> None:
    chain = SessionChain()
    chain.live(ALICE, BOB)
    chain.manager.choice = {0: accounts(BOB)}
    chain.session.genesis({"keys": [ALICE.genesis_keys(), BOB.genesis_keys()]})
    assert chain.session.validators_now() == accounts(BOB)
    assert [who for who, _ in chain.session.queued_keys.value] == accounts(BOB)


def test_without_keys_there_are_no_sessions() -> None:
    chain = SessionChain()
    chain.session.genesis({})
    assert chain.session.validators_now() == []
    assert chain.manager.calls == []


def test_genesis_refuses_rows_that_cannot_be() -> None:
    def genesis(*rows: list[object], choice: list[AccountId] | None = None) -> None:
        chain = SessionChain()
        chain.live(ALICE, BOB)
        chain.manager.choice = {0: choice}
        chain.session.genesis({"keys": list(rows)})

    alice, bob = ALICE.genesis_keys(), BOB.genesis_keys()
    with pytest.raises(GenesisError, match=r"keys\[0\]\[1\]: expected the same address"):
        genesis([alice[0], bob[1], alice[2]])
    with pytest.raises(GenesisError, match=r"keys\[1\]\[0\]: .* registered keys already"):
        genesis(alice, alice)
    with pytest.raises(GenesisError, match=r"keys\[1\]\[2\]: another account"):
        genesis(alice, [bob[0], bob[1], alice[2]])
    with pytest.raises(GenesisError, match=r"keys\[0\]\[0\]: a validator needs a living account"):
        genesis(CHARLIE.genesis_keys())
    with pytest.raises(GenesisError, match="of 2 validators 1 have keys"):
        genesis(alice, choice=accounts(ALICE, BOB))
    with pytest.raises(GenesisError, match=r"\.babe: expected 0x and 64"):
        genesis([alice[0], alice[1], {"babe": "0x11", "grandpa": "0x22"}])


# ---- keys


def test_keys_are_registered_and_forgotten(chain: SessionChain) -> None:
    session, keys = chain.session, keys_of("Dave")
    session.set_keys(signed(DAVE.account), keys, b"")
    assert session.has_keys(DAVE.account)
    assert session.next_keys[DAVE.account] == keys
    assert all(session.key_owner[typed] == DAVE.account for typed in keys.typed())
    assert chain.consumers(DAVE) == 1
    with pytest.raises(ConsumerRemaining):  # an account with keys does not go
        chain.system.remove_provider(chain.system.account[DAVE.account])

    session.purge_keys(signed(DAVE.account))
    assert not session.has_keys(DAVE.account)
    assert not any(typed in session.key_owner for typed in keys.typed())
    assert chain.consumers(DAVE) == 0
    with refused(chain, Session.NoKeys):
        session.purge_keys(signed(DAVE.account))


def test_new_keys_take_the_place_of_the_old(chain: SessionChain) -> None:
    session, old, new = chain.session, keys_of("Alice"), keys_of("Alice//2", "Alice")
    session.set_keys(signed(ALICE.account), new, b"")
    assert session.next_keys[ALICE.account] == new
    assert old.typed()[0] not in session.key_owner
    assert all(session.key_owner[typed] == ALICE.account for typed in new.typed())
    assert chain.consumers(ALICE) == 1


def test_a_key_of_another_account_is_refused(chain: SessionChain) -> None:
    for keys in (keys_of("Dave", "Alice"), keys_of("Alice", "Dave")):
        with refused(chain, Session.DuplicatedKey):
            chain.session.set_keys(signed(DAVE.account), keys, b"")


def test_an_account_that_is_not_alive_registers_no_keys(chain: SessionChain) -> None:
    ghost = Validator("Ghost")
    with refused(chain, Session.NoAccount):
        chain.session.set_keys(signed(ghost.account), keys_of("Ghost"), b"")


def test_a_proof_that_is_given_must_hold(chain: SessionChain) -> None:
    keys, said = keys_of("Dave"), b"POP_" + bytes(DAVE.account)
    proof = DAVE.author.sign(said) + DAVE.voter.sign(said)
    others = ALICE.author.sign(said) + DAVE.voter.sign(said)
    for wrong in (others, proof[:-1], b"\0", proof[64:] + proof[:64]):
        with refused(chain, Session.InvalidProof):
            chain.session.set_keys(signed(DAVE.account), keys, wrong)
    chain.session.set_keys(signed(DAVE.account), keys, proof)
    assert chain.session.has_keys(DAVE.account)


def proof_of(keys_owner: Validator, account: AccountId) -> bytes:
    message = b"POP_" + bytes(account)
    return keys_owner.author.sign(message) + keys_owner.voter.sign(message)


def proven(person: Validator) -> tuple[SessionKeys, bytes]:
    return keys_of(person.name), proof_of(person, person.account)


def unproven_squatter(chain: SessionChain) -> Validator:
    """Let Dave register Eve's keys without a proof."""
    eve = Validator("Eve")
    chain.live(eve)
    chain.session.set_keys(signed(DAVE.account), keys_of("Eve"), b"")
    return eve


def test_the_owner_of_keys_evicts_an_account_that_registered_them_unproven(
    chain: SessionChain,
) -> None:
    eve, session = unproven_squatter(chain), chain.session
    keys, proof = proven(eve)
    with refused(chain, Session.DuplicatedKey):
        session.set_keys(signed(eve.account), keys, b"")
    session.set_keys(signed(eve.account), keys, proof)
    assert session.next_keys[eve.account] == keys
    assert all(session.key_owner[typed] == eve.account for typed in keys.typed())
    assert not session.has_keys(DAVE.account)
    assert (chain.consumers(DAVE), chain.consumers(eve)) == (0, 1)
    assert chain.announced()[-1] == Session.KeysEvicted(DAVE.account, eve.account)
    session.set_keys(signed(DAVE.account), keys_of("Dave"), b"")  # nothing is left in the way


def test_one_of_its_keys_is_enough_to_evict_an_account(chain: SessionChain) -> None:
    eve, frank, session = Validator("Eve"), Validator("Frank"), chain.session
    chain.live(eve, frank)
    session.set_keys(signed(DAVE.account), keys_of("Eve", "Dave"), b"")
    session.set_keys(signed(frank.account), keys_of("Frank", "Eve"), b"")
    session.set_keys(signed(eve.account), *proven(eve))
    assert not session.has_keys(DAVE.account)
    assert not session.has_keys(frank.account)
    assert keys_of("Dave").typed()[1] not in session.key_owner
    assert chain.announced()[-2:] == [
        Session.KeysEvicted(DAVE.account, eve.account),
        Session.KeysEvicted(frank.account, eve.account),
    ]


def test_no_account_evicts_a_proven_one(chain: SessionChain) -> None:
    eve, session = Validator("Eve"), chain.session
    chain.live(eve)
    session.set_keys(signed(eve.account), *proven(eve))
    keys = keys_of("Eve")
    for proof in (b"", proof_of(eve, DAVE.account)):  # even the secret does not help a thief
        with refused(chain, Session.DuplicatedKey):
            session.set_keys(signed(DAVE.account), keys, proof)
    with refused(chain, Session.InvalidProof):  # a proof is bound to its account
        session.set_keys(signed(DAVE.account), keys, proof_of(eve, eve.account))
    for mixed in (keys_of("Dave", "Eve"), keys_of("Eve", "Dave")):
        with refused(chain, Session.DuplicatedKey):
            session.set_keys(signed(DAVE.account), mixed, b"")
    assert session.next_keys[eve.account] == keys


def test_a_proven_and_an_unproven_owner_of_one_set_both_stay(chain: SessionChain) -> None:
    eve, session = Validator("Eve"), chain.session
    chain.live(eve)
    session.set_keys(signed(DAVE.account), keys_of("Eve"), b"")  # unproven
    mixed = SessionKeys(BabeId(eve.author.public), GrandpaId(ALICE.voter.public))
    message = b"POP_" + bytes(eve.account)
    with refused(chain, Session.DuplicatedKey):  # Alice's is proven: it is of block zero
        session.set_keys(
            signed(eve.account), mixed, eve.author.sign(message) + ALICE.voter.sign(message)
        )
    assert session.has_keys(DAVE.account)


def test_keys_of_block_zero_are_proven(chain: SessionChain) -> None:
    with refused(chain, Session.DuplicatedKey):
        chain.session.set_keys(
            signed(DAVE.account), keys_of("Alice"), proof_of(ALICE, DAVE.account)
        )


def test_the_same_keys_stay_proven_and_other_keys_do_not(chain: SessionChain) -> None:
    session = chain.session
    session.set_keys(signed(ALICE.account), keys_of("Alice"), b"")
    assert session.proven[ALICE.account]
    session.set_keys(signed(ALICE.account), keys_of("Alice//2", "Alice"), b"")
    assert not session.proven[ALICE.account]
    session.set_keys(signed(DAVE.account), keys_of("Alice"), proof_of(ALICE, DAVE.account))
    assert not session.has_keys(ALICE.account)
    session.purge_keys(signed(DAVE.account))
    assert not session.proven[DAVE.account]


def test_a_chain_that_requires_proofs_takes_no_keys_without_one() -> None:
    chain = SessionChain()
    chain.live(ALICE, DAVE)
    chain.session.genesis({"keys": [ALICE.genesis_keys()], "proofRequired": True})
    with refused(chain, Session.InvalidProof):
        chain.session.set_keys(signed(DAVE.account), keys_of("Dave"), b"")
    with refused(chain, Session.InvalidProof):
        chain.session.set_keys(signed(ALICE.account), keys_of("Alice"), b"")
    chain.session.set_keys(signed(DAVE.account), *proven(DAVE))
    assert chain.session.proven[DAVE.account]


def test_a_proof_is_bounded_when_it_is_decoded(chain: SessionChain) -> None:
    call = chain.call("Session", "set_keys", keys=keys_of("Dave"), proof=bytes(128))
    assert chain.call_codec.decode_all(call.raw).args[1] == bytes(128)
    longer = call.raw[:-130] + compact_encode(129) + bytes(129)
    with pytest.raises(DecodeError):
        chain.call_codec.decode_all(longer)


def test_evicted_validators_stay_for_the_sessions_that_are_fixed(chain: SessionChain) -> None:
    session = chain.session
    eve = unproven_squatter(chain)
    chain.manager.choice = {2: accounts(ALICE, DAVE), 3: accounts(ALICE, DAVE, eve)}
    session.rotate()  # queues Dave, with Eve's keys
    session.set_keys(signed(eve.account), *proven(eve))
    session.rotate()
    assert session.validators_now() == accounts(ALICE, DAVE)
    assert (eve.author.public, 1) in chain.recorder.now
    assert session.owner_of(2, b"babe", eve.author.public) == (DAVE.account, 2)
    session.rotate()
    assert session.validators_now() == accounts(ALICE, eve)
    assert [key for key, _ in chain.recorder.now] == [ALICE.author.public, eve.author.public]
    assert session.owner_of(3, b"babe", eve.author.public) == (eve.account, 2)


def test_an_eviction_leaves_no_session_with_too_few_validators(chain: SessionChain) -> None:
    session = chain.session
    eve = unproven_squatter(chain)
    chain.manager.choice = {index: accounts(ALICE, DAVE) for index in range(2, 9)}
    session.rotate()
    session.set_keys(signed(eve.account), *proven(eve))
    for _ in range(4):  # Alice alone is fewer than two
        session.rotate()
        assert session.validators_now() == accounts(ALICE, DAVE)
    session.set_keys(signed(DAVE.account), keys_of("Dave"), b"")
    session.rotate()
    session.rotate()
    assert [key for key, _ in chain.recorder.now] == [ALICE.author.public, DAVE.author.public]


def test_session_keys_are_64_bytes_babe_before_grandpa() -> None:
    encoded = codec(SessionKeys).encode(keys_of("Alice"))
    assert encoded == ALICE.author.public + ALICE.voter.public


# ---- the turn


def test_a_choice_counts_one_session_after_it_is_made(chain: SessionChain) -> None:
    session = chain.session
    session.set_keys(signed(DAVE.account), keys_of("Dave"), b"")
    chain.manager.choice = {2: accounts(DAVE, ALICE)}
    session.rotate()
    assert chain.manager.calls[3:] == [("end", 0), ("start", 1), ("plan", 2)]
    assert session.session_index() == 1
    assert session.validators_now() == accounts(ALICE, BOB, CHARLIE)
    assert session.queued_changed.value
    assert chain.announced()[-2:] == [Session.NewQueued(), Session.NewSession(u32(1))]

    session.rotate()
    assert session.validators_now() == accounts(DAVE, ALICE)
    assert [key for key, _ in chain.recorder.now] == [DAVE.author.public, ALICE.author.public]


def test_weights_of_voters_are_those_of_the_plan_that_made_them_voters(chain: SessionChain) -> None:
    chain.session.rotate()
    chain.session.rotate()
    weights = [what[2][0][1] for what in chain.recorder.calls if isinstance(what, tuple)]
    assert weights == [100, 101, 102]


def test_other_keys_work_two_sessions_later(chain: SessionChain) -> None:
    session, new = chain.session, keys_of("Bob//2")
    session.set_keys(signed(BOB.account), new, b"")
    session.rotate()
    assert (BOB.author.public, 1) in chain.recorder.now
    assert session.queued_changed.value
    session.rotate()
    assert (bytes(new.babe), 1) in chain.recorder.now
    assert session.owner_of(1, b"babe", BOB.author.public) == (BOB.account, 3)
    assert session.owner_of(2, b"babe", new.babe) == (BOB.account, 3)
    assert session.owner_of(2, b"babe", BOB.author.public) is None
    session.rotate()
    assert not session.queued_changed.value


def test_a_validator_without_keys_drops_out(chain: SessionChain) -> None:
    chain.session.purge_keys(signed(BOB.account))
    chain.session.rotate()
    chain.session.rotate()
    assert chain.session.validators_now() == accounts(ALICE, CHARLIE)


def test_a_session_does_not_begin_with_too_few_validators(chain: SessionChain) -> None:
    session = chain.session
    chain.manager.choice = {2: accounts(ALICE)}
    session.rotate()
    session.rotate()
    assert session.validators_now() == accounts(ALICE, BOB, CHARLIE)
    for person in (ALICE, BOB):
        session.purge_keys(signed(person.account))
    session.rotate()
    session.rotate()
    assert session.validators_now() == accounts(ALICE, BOB, CHARLIE)


def test_seats_are_remembered_for_the_report_window(chain: SessionChain) -> None:
    session = chain.session
    for _ in range(5):
        session.rotate()
    known = [index for index in range(8) if session.owner_of(index, b"gran", ALICE.voter.public)]
    assert known == [3, 4, 5]
    assert session.owner_of(5, b"babe", ALICE.voter.public) is None
    assert session.owner_of(5, b"gran", DAVE.voter.public) is None
    seat = session.seats[u32(5)][0]
    assert (seat.babe_weight, seat.grandpa_weight) == (1, 105)


# ---- disabling


def test_a_disabled_validator_is_out_for_the_rest_of_the_session(chain: SessionChain) -> None:
    session = chain.session
    session.disable(1)
    session.disable(1)
    session.disable(7)
    assert [session.is_disabled(place) for place in range(3)] == [False, True, False]
    assert chain.recorder.calls[1:] == [("disable", 1)] * 2  # one for epochs, one for voters
    assert chain.announced()[4:] == [Session.ValidatorDisabled(BOB.account)]
    session.rotate()
    assert not session.is_disabled(1)


def test_the_last_validator_that_is_left_is_not_disabled(chain: SessionChain) -> None:
    for place in (2, 0, 1):
        chain.session.disable(place)
    assert chain.session.disabled_validators.value == [0, 2]


# ---- on a chain


def test_on_a_chain_new_session_keys_make_blocks_two_epochs_later() -> None:
    chain = BabeChain(validators(2), others=[Validator("Alice//2")])
    chain.run_to(START + 3)
    alice, new, pair = ALICE, keys_of("Alice//2"), KeyPair.from_uri("//Alice//2")
    call = chain.call("Session", "set_keys", keys=new, proof=b"")
    chain.block((signed(alice.account), call))
    assert not chain.failures
    seen: list[bool] = []
    for epoch in range(4):
        chain.run_to_epoch(epoch)
        epoch_keys = [key for key, _ in chain.runtime.babe.epochs.current().authorities]
        seen.append(pair.public in epoch_keys)
    assert seen == [False, False, True, True]
    chain.run_to(START + 3 * EPOCH + 5)
    voters = [key for key, _ in chain.runtime.grandpa.authorities.value]
    assert new.grandpa in voters


def test_a_disabled_seat_is_announced_to_both_engines_in_the_header() -> None:
    chain = BabeChain(validators(4))
    chain.block()
    chain.open(START + 1)
    chain.runtime.session.disable(3)
    logs = [type(log).__name__ for log in chain.runtime.system.digest.value.logs]
    assert logs == ["PreRuntime", "Consensus", "Consensus"]
    from_grandpa = chain.runtime.system.digest.value.logs[-1]
    assert from_grandpa == consensus(OnDisabled(u64(3)))
