"""Session: the keys of validators that author blocks and vote, by session.

A validator registers its session keys beforehand. The set of a session is fixed one session ahead
("queued") with the registered keys of its members, so that a change of keys takes effect two
sessions later, and all nodes can prepare. Babe rotates the session with the first block of each
epoch. The session manager determines the members of the set, and their weights.

Public keys are public, so any account could register the keys of another one first. A proof of
possession, signed by each key for one account, decides between them:

    registered by       | a call without a proof | a call with a valid proof
    no account          | unproven               | proven
    another, unproven   | DuplicatedKey          | the other account is evicted; proven
    another, proven     | DuplicatedKey          | DuplicatedKey
    the same account    | unproven, or as before if no key changes | proven

Where `ProofRequired` is set (Live chains), a call without a proof is InvalidProof. Keys of block
zero count as proven. An evicted account loses all keys of its set, as if it had called
`purge_keys`: the active and queued sessions keep the keys they were fixed with, and it is in no
later one before it registers keys again. If too few validators have keys then, the queued session
is repeated.

The keys of sessions within the report window of offences are kept. Source of the rules: Substrate's
`pallet_session`; of the proof, RFC-0048 of the Polkadot Fellowship with the prefix of
`sp_core::proof_of_possession`. The eviction is our own.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Protocol

from btt_chain.crypto.signature import Scheme, verify
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.scale import Bounded, TypeName, path, u32, u64
from runtime.frame import (
    Const,
    DispatchError,
    Error,
    Event,
    GenesisError,
    Hasher,
    Map,
    Origin,
    Pallet,
    Section,
    Value,
    call,
)
from runtime.pallets.evidence import BABE_KEY, GRANDPA_KEY, KeyTypeId
from runtime.pallets.session import weights
from runtime.pallets.system.pallet import System
from runtime.params import MAX_VALIDATORS

OWNERSHIP: Final = b"POP_"
"""Prefix of the account in the message that a key signs to prove possession for it."""
SIGNATURE_LENGTH: Final = 64
PROOF_LENGTH: Final = 2 * SIGNATURE_LENGTH
"""Size of a proof of possession in bytes: one signature of each key."""
FIRST: Final = 0

Who = Annotated[AccountId, TypeName("T::ValidatorId")]
Index = Annotated[u32, TypeName("SessionIndex")]


@path("btt_runtime::SessionKeys")
@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The public session keys of a validator's node."""

    babe: Annotated[BabeId, TypeName("<Babe as BoundToRuntimeAppPublic>::Public")]
    """Key that signs blocks; sr25519."""
    grandpa: Annotated[GrandpaId, TypeName("<Grandpa as BoundToRuntimeAppPublic>::Public")]
    """Key that signs votes; ed25519."""

    def typed(self) -> tuple[tuple[KeyTypeId, bytes], ...]:
        """Return the keys with their types, in the order of the wire."""
        return ((BABE_KEY, bytes(self.babe)), (GRANDPA_KEY, bytes(self.grandpa)))


@path("pallet_session::Seat")
@dataclass(frozen=True, slots=True)
class Seat:
    """A validator of a session: its keys and weights there."""

    validator: AccountId
    keys: SessionKeys
    babe_weight: u64
    grandpa_weight: u64


Queued = Bounded[list[tuple[AccountId, SessionKeys]], MAX_VALIDATORS]
Validators = Bounded[list[AccountId], MAX_VALIDATORS]
Seats = Bounded[list[Seat], MAX_VALIDATORS]


class SessionManager(Protocol):
    """Selects validators and their weights; Authorities implements it."""

    def plan_session(self, index: int) -> list[AccountId] | None:
        """Return the validators of session `index`, planned one session ahead; None: no change.

        In block zero it is called for sessions 0 and 1.
        """

    def planning_weight(self) -> int:
        """Return the present maximum weight of planning a session, in picoseconds."""

    def start_session(self, index: int) -> None:
        """Note that session `index` has begun."""

    def end_session(self, index: int) -> None:
        """Note that session `index` is over."""

    def babe_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return each validator's share of the blocks, at least 1, in the session planned last."""

    def grandpa_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return each validator's voting weight, at least 1, in the session planned last."""


class FixedValidators:
    """The manager of chains without stakes: validators stay, with equal weights."""

    def plan_session(self, index: int) -> list[AccountId] | None:
        """Return None: the validators stay."""
        return None

    def planning_weight(self) -> int:
        """Return zero."""
        return 0

    def start_session(self, index: int) -> None:
        """Do nothing."""

    def end_session(self, index: int) -> None:
        """Do nothing."""

    def babe_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return equal weights."""
        return [u64(1)] * len(validators)

    def grandpa_weights(self, validators: Sequence[AccountId]) -> list[u64]:
        """Return equal weights."""
        return [u64(1)] * len(validators)


class Epochs(Protocol):
    """Block production with the sessions' keys; Babe's epochs implement it."""

    def genesis_epoch(
        self, authorities: Sequence[tuple[bytes, int]], following: Sequence[tuple[bytes, int]]
    ) -> None:
        """Set the authorities of the first two epochs, with their shares of the blocks."""

    def new_epoch(self, following: Sequence[tuple[bytes, int]], session: int) -> None:
        """Begin the announced epoch with `session`, and announce the authorities of the next."""

    def weights_now(self) -> list[u64]:
        """Return the weights of the current epoch's authorities."""

    def shares_now(self) -> list[int]:
        """Return the shares of the blocks of the current epoch's authorities."""

    def disable(self, index: int) -> None:
        """Disable an authority for the rest of the session."""


class Voters(Protocol):
    """Finality votes with the sessions' keys; Grandpa implements it."""

    def genesis_voters(self, voters: Sequence[tuple[bytes, int]]) -> None:
        """Set the first voters, with weights."""

    def new_voters(self, voters: Sequence[tuple[bytes, int]], session: int) -> None:
        """Set the voters of a session that begins; often they do not change."""

    def disable(self, index: int) -> None:
        """Disable a voter for the rest of the session."""


class Session(Pallet):
    """The validators of this session and of the next, and their keys."""

    # ---- constants

    min_validators: Const[u32]
    """Minimum number of validators of a session, unless the one before had fewer."""
    report_window: Const[u32]
    """Number of past sessions whose validators and keys are kept."""

    # ---- dependencies

    system: System
    epochs: Epochs
    voters: Voters
    manager: SessionManager = FixedValidators()

    # ---- storage

    validators = Value(Validators, default=[])
    current_index = Value(u32, default=u32(0))
    queued_changed = Value(bool, default=False)
    queued_keys = Value(Queued, default=[])
    disabled_validators = Value(list[u32], default=[])
    next_keys = Map(AccountId, SessionKeys, hasher=Hasher.Twox64Concat)
    key_owner = Map(tuple[KeyTypeId, bytes], AccountId, hasher=Hasher.Twox64Concat)
    seats = Map(u32, Seats, hasher=Hasher.Twox64Concat)
    """The validators of a session, while its offences can be reported."""
    proven = Map(AccountId, bool, default=False, hasher=Hasher.Twox64Concat)
    """True for accounts whose session keys were registered with a proof of possession."""
    proof_required = Value(bool, default=False)
    """True if session keys without a proof of possession are refused."""

    # ---- events

    class NewSession(Event, index=0):
        """A session began. Its index is not the block number."""

        session_index: Index

    class NewQueued(Event, index=1):
        """The validators of the next session were selected."""

    class ValidatorDisabled(Event, index=2):
        """A validator was disabled for the rest of the session."""

        validator: Who

    class ValidatorReenabled(Event, index=3):
        """A disabled validator was enabled again, in the same session."""

        validator: Who

    class KeysEvicted(Event, index=4):
        """An account lost its session keys to another that proved to possess one of them."""

        validator: Who
        by: Who

    # ---- errors

    class InvalidProof(Error, index=0):
        """The proof of possession is missing or wrong; author_rotateKeysWithOwner makes one."""

    class NoAssociatedValidatorId(Error, index=1):
        """Never raised: every account can register session keys."""

    class DuplicatedKey(Error, index=2):
        """Another account has registered one of these keys; a proof may evict it."""

    class NoKeys(Error, index=3):
        """The account has no session keys."""

    class NoAccount(Error, index=4):
        """The account does not exist, or has too many references: it can register no keys."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Register keys, and begin session 0. Raises GenesisError.

        `keys` is [[account, validator, {"babe": key, "grandpa": key}], ...]; account and validator
        are the same address, keys are addresses or 0x and hex digits. Without `keys` there are no
        sessions. `proofRequired` (false by default) is for Live chains.
        """
        fields = Section(config, "session").fields(optional=("keys", "proofRequired"))
        if "proofRequired" in fields and fields["proofRequired"].flag():
            self.proof_required.value = True
        rows = fields["keys"].rows() if "keys" in fields else []
        if not rows:
            return
        registered = [self._register_in_genesis(row) for row in rows]
        first = self._planned_in_genesis(FIRST, registered)
        authors, voters = self._authors(first), self._voters(first)
        second = self._planned_in_genesis(FIRST + 1, first)
        self.validators.value = [who for who, _ in first]
        self.queued_keys.value = second
        self.epochs.genesis_epoch(authors, self._authors(second))
        self.voters.genesis_voters(voters)
        self._remember(FIRST, first, voters)
        self.manager.start_session(FIRST)

    # ---- calls

    @call(0, weight=weights.SET_KEYS)
    def set_keys(
        self,
        origin: Origin,
        keys: Annotated[SessionKeys, TypeName("T::Keys")],
        proof: Annotated[Bounded[bytes, PROOF_LENGTH], TypeName("Vec<u8>")],
    ) -> None:
        """Register the session keys of your node; they take effect two sessions later.

        `proof` is the signature of each key, in their order, over "POP_" and your account. It may
        be empty on development chains; keys with a proof evict an account that has one of them
        without.
        """
        who = origin.signed()
        if proof and not proves(keys, who, proof):
            raise self.InvalidProof
        if not proof and self.proof_required.value:
            raise self.InvalidProof
        old = self.next_keys.get(who)
        is_proven = bool(proof) or (old == keys and self.proven[who])
        self._evict_unproven(who, keys, is_proven=is_proven)
        account = self.system.account[who]
        if old is None:
            try:
                self.system.add_consumer(account)
            except DispatchError:
                raise self.NoAccount from None
        self._register(who, keys, old, is_proven=is_proven)
        if old is None:
            self.system.account[who] = account

    @call(1, weight=weights.PURGE_KEYS)
    def purge_keys(self, origin: Origin) -> None:
        """Remove your session keys. The active and queued sessions keep them."""
        self._purge(origin.signed())

    # ---- public interface

    def session_index(self) -> int:
        """Return the index of the current session."""
        return int(self.current_index.value)

    def validators_now(self) -> list[AccountId]:
        """Return the validators of this session, in the order of the authorities."""
        return self.validators.peek()

    def has_keys(self, account: AccountId) -> bool:
        """Return True if an account has registered session keys."""
        return account in self.next_keys

    def babe_key(self, account: AccountId) -> bytes | None:
        """Return the registered BABE session key of an account; None if it has none."""
        keys = self.next_keys.get(account)
        return None if keys is None else bytes(keys.babe)

    def is_disabled(self, index: int) -> bool:
        """Return True if the validator at this place is disabled for the rest of the session."""
        disabled = self.disabled_validators.peek()
        place = bisect_left(disabled, index)
        return place < len(disabled) and disabled[place] == index

    def shares_now(self) -> Sequence[int]:
        """Return the shares of the blocks of this session's validators, in their order."""
        return self.epochs.shares_now()

    def disable(self, validator_index: int) -> None:
        """Disable the validator at this place for the rest of the session, if it is not yet.

        The last one stays: a chain without authors would not even end the session.
        """
        validators, disabled = self.validators.peek(), self.disabled_validators.value
        if not 0 <= validator_index < len(validators) or self.is_disabled(validator_index):
            return
        if len(disabled) + 1 >= len(validators):
            return
        insort(disabled, u32(validator_index))
        self.disabled_validators.value = disabled
        self.epochs.disable(validator_index)
        self.voters.disable(validator_index)
        self.deposit(self.ValidatorDisabled(validators[validator_index]))

    def owner_of(
        self, session_index: int, key_type: bytes, key: bytes
    ) -> tuple[AccountId, int] | None:
        """Return the owner of a key in a session and the number of its validators.

        None for keys that had no owner then, for future sessions, and for those not kept any more.
        """
        if not 0 <= session_index <= self.current_index.value:
            return None
        seats = self.seats.get(u32(session_index)) or []
        wanted = (key_type, bytes(key))
        for seat in seats:
            if wanted in seat.keys.typed():
                return seat.validator, len(seats)
        return None

    def rotate(self) -> int:
        """End the session, begin the next and select the one after; return the weight used."""
        manager, index = self.manager, self.session_index()
        manager.end_session(index)
        index += 1
        now = self.queued_keys.value
        self.validators.value = [who for who, _ in now]
        # Places and weights may differ now; Offences disables validators again if needed.
        self.disabled_validators.kill()
        self.current_index.value = u32(index)
        manager.start_session(index)

        # Weights are those of the session planned last: read this one's before the next plan.
        voters = self._voters(now)
        weight = manager.planning_weight()
        planned = manager.plan_session(index + 1)
        queued = self._with_keys([who for who, _ in now] if planned is None else planned, now)
        self.queued_keys.value = queued
        self.queued_changed.value = queued != now
        if queued != now:
            self.deposit(self.NewQueued())
        self.deposit(self.NewSession(u32(index)))

        self.epochs.new_epoch(self._authors(queued), index)
        self.voters.new_voters(voters, index)
        self._remember(index, now, voters)
        return weight + weights.rotate(max(len(now), len(queued)))

    # ---- internals

    def _register_in_genesis(self, row: Section) -> tuple[AccountId, SessionKeys]:
        account, validator, keys = row.rows(3)
        who = account.account()
        if validator.account() != who:
            raise validator.wrong(
                "the same address as before: keys are registered by the validator"
            )
        fields = keys.fields(required=("babe", "grandpa"))
        made = SessionKeys(BabeId(key(fields["babe"])), GrandpaId(key(fields["grandpa"])))
        if who in self.next_keys:
            raise GenesisError(f"{account.path}: this account has registered keys already")
        info = self.system.account[who]
        try:
            self.system.add_consumer(info)
            self._register(who, made, None, is_proven=True)
        except self.DuplicatedKey:
            raise GenesisError(f"{keys.path}: another account has one of these keys") from None
        except DispatchError:
            raise GenesisError(f"{account.path}: a validator needs a living account") from None
        self.system.account[who] = info
        return who, made

    def _planned_in_genesis(
        self, index: int, before: list[tuple[AccountId, SessionKeys]]
    ) -> list[tuple[AccountId, SessionKeys]]:
        planned = self.manager.plan_session(index)
        if planned is None:
            return before
        found = [(who, keys) for who in planned if (keys := self.next_keys.get(who)) is not None]
        if not found or len(found) != len(planned):
            raise GenesisError(f"session.keys: of {len(planned)} validators {len(found)} have keys")
        return found

    def _register(
        self, who: AccountId, keys: SessionKeys, old: SessionKeys | None, *, is_proven: bool
    ) -> None:
        """Store keys, their owner and whether they are proven. Raises DuplicatedKey."""
        for typed in keys.typed():
            if self.key_owner.get(typed) not in {None, who}:
                raise self.DuplicatedKey
        for typed in old.typed() if old is not None else ():
            del self.key_owner[typed]
        for typed in keys.typed():
            self.key_owner[typed] = who
        self.next_keys[who] = keys
        if is_proven:
            self.proven[who] = True
        else:
            del self.proven[who]

    def _evict_unproven(self, who: AccountId, keys: SessionKeys, *, is_proven: bool) -> None:
        """Purge the accounts that hold one of `keys` unproven, if `who` proved to possess them.

        Raises DuplicatedKey if an owner stays.
        """
        owners = [self.key_owner.get(typed) for typed in keys.typed()]
        others = [owner for owner in dict.fromkeys(owners) if owner is not None and owner != who]
        if any(not is_proven or self.proven[owner] for owner in others):
            raise self.DuplicatedKey
        for owner in others:
            self._purge(owner)
            self.deposit(self.KeysEvicted(owner, who))

    def _purge(self, who: AccountId) -> None:
        """Delete the registration of an account. Raises NoKeys if it has none."""
        old = self.next_keys.take(who)
        if old is None:
            raise self.NoKeys
        for typed in old.typed():
            del self.key_owner[typed]
        del self.proven[who]
        account = self.system.account[who]
        account.consumers -= 1
        self.system.account[who] = account

    def _with_keys(
        self, planned: Sequence[AccountId], now: list[tuple[AccountId, SessionKeys]]
    ) -> list[tuple[AccountId, SessionKeys]]:
        """Return the planned validators that have keys; `now` if too few have."""
        found = [(who, keys) for who in planned if (keys := self.next_keys.get(who)) is not None]
        return found if len(found) >= min(int(self.min_validators), len(now)) else now

    def _authors(
        self, validators: Sequence[tuple[AccountId, SessionKeys]]
    ) -> list[tuple[bytes, int]]:
        weights = self.manager.babe_weights([who for who, _ in validators])
        return [
            (keys.babe, int(weight)) for (_, keys), weight in zip(validators, weights, strict=True)
        ]

    def _voters(
        self, validators: Sequence[tuple[AccountId, SessionKeys]]
    ) -> list[tuple[bytes, int]]:
        weights = self.manager.grandpa_weights([who for who, _ in validators])
        return [
            (keys.grandpa, int(weight))
            for (_, keys), weight in zip(validators, weights, strict=True)
        ]

    def _remember(
        self,
        index: int,
        validators: Sequence[tuple[AccountId, SessionKeys]],
        voters: Sequence[tuple[bytes, int]],
    ) -> None:
        """Store the seats of a session that begins, and delete those of the one that is too old."""
        self.seats[u32(index)] = [
            Seat(who, keys, weight, u64(voter))
            for (who, keys), weight, (_, voter) in zip(
                validators, self.epochs.weights_now(), voters, strict=True
            )
        ]
        old = index - int(self.report_window) - 1
        if old >= FIRST:
            del self.seats[u32(old)]


def key(section: Section) -> bytes:
    """Return a public key from the genesis configuration, given as an address or in hex."""
    text = section.text()
    return section.hex_bytes(32) if text.startswith("0x") else bytes(section.account())


def proves(keys: SessionKeys, who: AccountId, proof: bytes) -> bool:
    """Return True if both keys have signed the ownership message for this account."""
    if len(proof) != PROOF_LENGTH:
        return False
    said = OWNERSHIP + bytes(who)
    first, second = proof[:SIGNATURE_LENGTH], proof[SIGNATURE_LENGTH:]
    return verify(Scheme.SR25519, keys.babe, said, first) and verify(
        Scheme.ED25519, keys.grandpa, said, second
    )
