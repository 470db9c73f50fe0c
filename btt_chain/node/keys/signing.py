"""The signer: session keys behind their signing records, for blocks and for votes.

Every signature goes through the record of its key (`btt_chain.keystore`), which is on the disk
before the signature leaves. The signer decides which keys may be used at all: one whose record
cannot be opened is logged once and not used; one with a signature by another node is not used any
more in this process, nor are the others that a copy of the keystore has (`keystore.bars`): they
wait for a watch in the next one. A record that is older than evidence on the chain is raised to it,
and all keys wait until a session has shown that no other node signs with them: records are restored
as a folder. A record that was made before the chain started is used once the node has found the
chain at its start (`keystore.launch`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import (
    BABE,
    GRANDPA,
    Clear,
    Ledger,
    Place,
    Record,
    RecordError,
    Refusal,
    Seen,
    Watch,
)
from btt_chain.keystore.bars import Bars
from btt_chain.keystore.doubts import doubt_launch, doubt_old
from btt_chain.keystore.launch import LaunchWatch, Verdict
from btt_chain.keystore.ledger import UNKNOWN, Round, Sealed
from btt_chain.keystore.states import KeyState, State, state_of
from btt_chain.keystore.watch import Standing
from btt_chain.node.blocks.clock_guard import SealingClock
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    AnyMessage,
    AuthoritySignature,
    SignedMessage,
    Stage,
    Target,
    signing_payload,
    target_of,
)
from btt_chain.primitives.voters import AuthorityId
from btt_chain.scale import u32

log = logging.getLogger(__name__)

Age = Callable[[], int | None]
"""Return the slots since the first block of the chain; None while there is none."""
LATE: Final = "the chain was past its beginning when this node first came to it"


class Keys(Protocol):
    """The session keys of a node (`keystore.Keystore`)."""

    def public_keys(self, key_type: bytes) -> list[bytes]:
        """Return the current public keys of a type."""

    def pair(self, key_type: bytes, public: bytes) -> KeyPair | None:
        """Return a key's pair, None if the keystore lacks it."""


class Vault(Protocol):
    """Keys and their records (`keystore.KeyManager`)."""

    @property
    def keystore(self) -> Keys:
        """The keys."""

    def record(self, public: bytes) -> Record:
        """Return the record of a key. Raises RecordError."""


class Signer:
    """Signs messages that the records allow: `SlotSigner` and `VoteSigner` of the consensus."""

    def __init__(
        self,
        vault: Vault,
        *,
        started: int,
        session_slots: int,
        on_vote: Callable[[Stage], None] = lambda _: None,
    ) -> None:
        """`started` is the current slot, `session_slots` the length of a watch.

        `on_vote` is called for each vote that was signed.
        """
        self._vault: Final = vault
        self._on_vote: Final = on_vote
        self._session: Final = session_slots
        self._started: Final = started
        self._clock: Final = SealingClock()
        self._set_id = 0
        self._slot = started
        self._watch: Watch | None = None
        self._launch: LaunchWatch | None = None
        self._standing: Final = Standing()
        self._silent_since: tuple[int, tuple[int, int]] | None = None
        """Slot and newest round when the last watch ended: keys that it covered sign nothing for a
        while, so a later signature comes from another node."""
        self._first_round: tuple[int, int] | None = None
        """Newest round when this process first had contact with peers; None before that. A vote of
        a later round cannot be one of ours from before the start."""
        self._bars: Final = Bars()
        self._problems: dict[bytes, str] = {}
        """Problem of a key that was logged and still exists."""

    # ---- time

    def tick(
        self,
        slot: int,
        set_id: int,
        newest_round: tuple[int, int],
        *,
        listening: bool = True,
        in_touch: bool | None = None,
        final: int = 0,
        age: Age = lambda: None,
        doubt: str | None = None,
    ) -> bool:
        """Process a new slot; return True if blocks may be made in it.

        False while the clock is more than a slot behind its highest slot, or `doubt` is a reason
        not to seal by this clock (`clock_guard`). `listening` is False
        while blocks and votes of other nodes do not arrive (no peers, or far behind): a watch does
        not count such slots. `in_touch` is the same without --force-authoring, which only claims
        contact; None: as `listening`. `final` is the number of the last final block, `age` returns
        the slots since the first block of the chain, None while there is none.
        """
        missed = max(0, slot - self._slot - listening)
        self._slot, self._set_id = slot, set_id
        if not self._clock.tick(slot, doubt):
            return False
        in_touch = listening if in_touch is None else in_touch
        self._standing.look(*newest_round, final, listening=in_touch)
        records = self._records()
        if in_touch:
            self._first_round = self._first_round or newest_round
            self._look_at_launch(records, newest_round[1], age)
        self._look_around(records, newest_round, missed, listening=listening)
        self._reopen(newest_round[1])
        return doubt is None

    def _look_at_launch(self, records: Sequence[Record], round: int, age: Age) -> None:
        launching = [record for record in records if record.ledger.launch]
        if not launching:
            self._launch = None
            return
        if self._launch is None:
            self._launch = LaunchWatch(self._session)
        verdict = self._launch.look(age())
        if verdict is Verdict.LATE:
            for record in launching:
                record.doubt(LATE)
            log.warning("%s: its keys are watched for a session before they sign", LATE)
        elif verdict is Verdict.BEGIN:
            for record in launching:
                record.launch(self._set_id, round)
            log.info("the chain is at its beginning and has no trace of our keys: they sign now")

    def _look_around(
        self, records: Sequence[Record], newest: tuple[int, int], missed: int, *, listening: bool
    ) -> None:
        unsure = [record for record in records if record.ledger.unsure]
        if not unsure:
            self._watch = None
            return
        if self._watch is not None:
            self._watch.miss(missed)
        elif not listening:
            return
        else:
            self._watch = Watch(self._slot, self._session, newest)
            log.warning(
                "watching for other nodes with our keys until slot %d; nothing is signed before",
                self._slot + self._session,
            )
        match self._watch.at(self._slot):
            case Seen(public_key, what):
                self._bar(public_key, f"signed {what}")
            case Clear():
                self._settle(self._watch, unsure, newest[1])
                self._watch, self._silent_since = None, (self._slot, newest)
            case _:
                pass

    def _settle(self, watch: Watch, unsure: Sequence[Record], round: int) -> None:
        """End a watch that found no other node."""
        standing = round if self._has_stood else None
        for record in unsure:
            observed = watch.observed.get(record.public_key)
            if observed is not None:
                record.raise_to(observed)
            record.settle(self._slot + self._session, self._set_id, standing)
        log.warning(
            "no other node was seen to sign with our keys: blocks are made from slot %d on, votes "
            "cast from the next set of voters on, or at once while finality stands",
            self._slot + self._session + 1,
        )

    @property
    def _has_stood(self) -> bool:
        """True if finality has stalled at one round for a session of slots with contact."""
        return self._standing.slots >= self._session

    def _reopen(self, round: int) -> None:
        """Open the closed set for keys that wait for the next one, if finality has stalled."""
        if not self._has_stood:
            return
        for public in self._vault.keystore.public_keys(GRANDPA):
            record = self._own(GRANDPA, public)
            if record is None or record.ledger.unsure or public in self._bars:
                continue
            if record.ledger.closed_set == self._set_id:  # no later one: the node is not behind
                record.reopen(self._set_id, round)
                log.warning(
                    "finality stalled at round %d of set %d for a session: the key 0x%s votes "
                    "in it, above what is known of its votes",
                    round, self._set_id, public.hex(),
                )  # fmt: skip

    # ---- blocks

    def authors(self) -> Mapping[bytes, KeyPair]:
        """Return the pairs that may claim slots now, by public key.

        Without those whose record was raised past this slot: all their seals would be refused.
        """
        pairs: dict[bytes, KeyPair] = {}
        for public in self._usable(BABE):
            pair = self._vault.keystore.pair(BABE, public)
            if pair is not None and not self._vault.record(public).ledger.waits(self._slot):
                pairs[public] = pair
        return pairs

    def seal(self, public: bytes, slot: int, pre_seal_hash: bytes) -> bytes | None:
        """Return the seal of a header, recorded before it is returned; None if it is refused.

        Raises RecordNotWritten when the record cannot be written: the node must stop then.
        """
        pair = self._vault.keystore.pair(BABE, public)
        if pair is None or public in self._bars:
            return None
        sealed = self._vault.record(public).sign_block(
            slot, pre_seal_hash, lambda: pair.sign(pre_seal_hash)
        )
        if isinstance(sealed, Refusal):
            log.warning("slot %d: %s", slot, sealed.why)
            return None
        return sealed

    def claims_as(self, public: bytes) -> bool:
        """Return True if this is a key of ours that claims slots."""
        return self._vault.keystore.pair(BABE, public) is not None

    def saw_block(self, public: bytes, slot: int, pre_seal_hash: bytes) -> None:
        """Process a block of another node with the seal of this key."""
        record = self._own(BABE, public)
        if record is None:
            return
        since = self._silent_since
        if since is not None and slot > since[0] and record.ledger.waits(slot):
            self._bar(public, f"sealed a block of slot {slot}")
            return
        if not record.ledger.is_strange_block(slot, pre_seal_hash):
            return
        seen = Ledger(block=Sealed(slot, None, None))
        if record.ledger.launch:
            doubt_launch(record, seen, f"the block of slot {slot}", self._records())
        elif record.ledger.unsure and self._watch is not None:
            self._watch.block(public, slot, pre_seal_hash)
        elif record.ledger.unsure:  # the watch is yet to begin
            record.raise_to(seen)
        elif slot >= self._started:
            self._bar(public, f"sealed a block of slot {slot}")
        else:
            what = f"the block that the key sealed for slot {slot}"
            doubt_old(record, seen, what, self._records())

    # ---- votes

    def keys(self) -> Sequence[AuthorityId]:
        """Return the keys that may vote now."""
        return [AuthorityId(public) for public in self._usable(GRANDPA)]

    def sign(
        self, set_id: int, round_number: int, message: AnyMessage, who: AuthorityId
    ) -> SignedMessage | None:
        """Return a signed vote, recorded before it is returned; None if it is refused.

        Raises RecordNotWritten when the record cannot be written: the node must stop then.
        """
        pair = self._vault.keystore.pair(GRANDPA, who)
        if pair is None or who in self._bars:
            return None
        vote, stage = message.vote, message.STAGE
        signature = self._vault.record(who).sign_vote(
            set_id,
            round_number,
            stage,
            bytes(vote.target_hash),
            int(vote.target_number),
            lambda: pair.sign(signing_payload(message, round_number, set_id)),
        )
        if isinstance(signature, Refusal):
            log.warning("no vote: %s", signature.why)
            return None
        self._on_vote(stage)
        return SignedMessage(message, AuthoritySignature(signature), who)

    def recorded(self, set_id: int, who: AuthorityId) -> Mapping[tuple[int, Stage], Target]:
        """Return the votes of this set that are on record, by round and stage."""
        try:
            last = self._vault.record(who).ledger.round
        except RecordError:
            return {}
        if last is None or last.set_id != set_id:
            return {}
        return {
            (last.round, stage): Target(H256(cast.target_hash), u32(cast.target_number))
            for stage, cast in last.votes.items()
            if cast.target_hash is not None and cast.target_number is not None
        }

    def saw_vote(self, who: bytes, set_id: int, round_number: int, message: AnyMessage) -> None:
        """Process a vote of another node with the signature of this key."""
        if self._vault.keystore.pair(GRANDPA, who) is None:
            return  # most votes: found here without a further call
        record = self._own(GRANDPA, who)
        if record is None:
            return
        target, stage = target_of(message.vote), message.STAGE
        strange = record.ledger.is_strange_vote(
            Place.at(set_id, round_number, stage), (bytes(target.hash), target.number)
        )
        seen = Ledger(round=Round(set_id, round_number, {stage: UNKNOWN}))
        act = f"voted in round {round_number} of set {set_id}"
        if record.ledger.launch:
            what = f"a vote in round {round_number} of set {set_id}"
            doubt_launch(record, seen, what, self._records())
        elif record.ledger.unsure and self._watch is not None:
            self._watch.vote(who, set_id, round_number, stage, bytes(target.hash))
        elif record.ledger.unsure:  # the watch is yet to begin
            record.raise_to(seen)
        elif record.ledger.is_closed(set_id):
            record.raise_to(seen)  # so that it is not cast again if the set is reopened
            since = self._silent_since
            if since is not None and (set_id, round_number) > since[1]:
                self._bar(who, act)
        elif strange and not self._is_after_start(set_id, round_number):
            what = f"the vote of the key in round {round_number} of set {set_id}"
            doubt_old(record, seen, what, self._records())
        elif strange:
            self._bar(who, act)

    def _is_after_start(self, set_id: int, round_number: int) -> bool:
        """Return True if a round began after this process first had contact with peers."""
        return self._first_round is not None and (set_id, round_number) > self._first_round

    # ---- selection of keys

    def _usable(self, key_type: bytes) -> list[bytes]:
        usable = []
        for public in self._vault.keystore.public_keys(key_type):
            record = self._own(key_type, public)
            if record is None or public in self._bars:
                continue
            ledger = record.ledger
            is_closed = key_type == GRANDPA and ledger.is_closed(self._set_id)
            if not (ledger.unsure or ledger.launch or is_closed):
                usable.append(public)
        return usable

    def states(self) -> list[KeyState]:
        """Return the state of each session key."""
        watched = None if self._watch is None else self._watch.started + self._watch.slots
        found = []
        for key_type in (BABE, GRANDPA):
            for public in self._vault.keystore.public_keys(key_type):
                record = self._own(key_type, public)
                if record is None:
                    why = self._problems.get(public, "")
                    found.append(KeyState(public, key_type, State.NO_RECORD, why))
                    continue
                bar = self._bars.reason(public)
                state = state_of(
                    key_type, record, self._slot, self._set_id, bar=bar, watched=watched
                )
                found.append(self._clock.state(state, self._slot))
        return found

    def _own(self, key_type: bytes, public: bytes) -> Record | None:
        """Return the record of a key of ours; None if the keystore or its records lack it."""
        if self._vault.keystore.pair(key_type, public) is None:
            return None
        try:
            record = self._vault.record(public)
        except RecordError as problem:
            self._say_once(public, str(problem))
            return None
        if public in self._problems:
            del self._problems[public]
        return record

    def _records(self) -> list[Record]:
        keys = self._vault.keystore.public_keys
        ours = [(kind, public) for kind in (BABE, GRANDPA) for public in keys(kind)]
        return [record for key in ours if (record := self._own(*key)) is not None]

    def _bar(self, public: bytes, act: str) -> None:
        """Bar a key with which another node did `act`."""
        if public not in self._bars:
            self._bars.add(self._vault.record(public), act, self._records())

    def _say_once(self, about: bytes, what: str) -> None:
        if self._problems.get(about) != what:
            self._problems[about] = what
            log.error("%s", what)
