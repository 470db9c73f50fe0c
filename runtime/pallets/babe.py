"""Babe: the chain's clock, block authors, epochs and randomness.

Every header names the slot it was made in. Vesting, emission, eras and votes measure time in slots
since the first block, so an empty slot delays nothing. A slot is used at most once on one chain:
each block's slot is after its parent's.

Slots are grouped into epochs; each has its authorities, their weights and its randomness, all
announced one epoch ahead by the first block of the previous epoch. The first block of an epoch also
rotates the session. A node verifies a block's VRF output, seal and the author's right to the slot
against `epoch_at` before it executes the block. The runtime relies on this, and rejects only
unknown and disabled authorities.

Source of the rules: Substrate's `pallet_babe`; the beacon, the weighted secondary rule and manual
seal are specific to this chain.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, Protocol, TypeAlias, TypeVar, cast

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.vrf import Draw, Vrf
from btt_chain.primitives import babe_equivocation
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import (
    Claim,
    NoPreDigest,
    PreDigest,
    Primary,
    SecondaryPlain,
    Slot,
    pre_digest,
)
from btt_chain.primitives.babe_digests import (
    AllowedSlots,
    AuthorityId,
    EpochConfig,
    NextConfigData,
    NextConfigDescriptor,
    NextEpochData,
    NextEpochDescriptor,
    OnDisabled,
    consensus,
)
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.epoch import Epoch, epoch_index, next_randomness
from btt_chain.primitives.lottery import SecondaryRule, beacon_of, randomness_of, slot_input
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import Bounded, Fixed, TypeName, path, u32, u64
from runtime.frame import (
    Call,
    Const,
    DispatchInfo,
    Error,
    Hasher,
    InvalidBlock,
    Map,
    Origin,
    Pallet,
    PostInfo,
    Section,
    Unavailable,
    Value,
    call,
    traits,
)
from runtime.pallets.evidence import (
    BABE_KEY,
    KeyOwnerProof,
    MembershipProof,
    Offence,
    Offences,
    judge_unsigned,
    owner,
    ownership,
    submit,
)
from runtime.pallets.system import System
from runtime.params import MAX_VALIDATORS
from runtime.weights import babe as weights

E = TypeVar("E", bound=IntEnum)

OFFENCE: Final = b"babe:equivocatio"
"""Kind of the offence of making two blocks in one slot. Source: `sp_consensus_babe`."""
TAG: Final = b"BabeEquivocation"

SEGMENT: Final = 32
"""Number of VRF outputs stored together: each primary block rewrites its segment."""
MAX_SKIPPED: Final = 100
"""Maximum number of remembered skips. Source: `pallet_babe`."""
BEACONS: Final = 1_024
"""Number of blocks whose beacon is remembered."""
DEFAULT_CONFIG: Final = EpochConfig((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryVRFSlots)

Bytes32 = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
Authorities = Bounded[list[tuple[AuthorityId, u64]], MAX_VALIDATORS]
Segment = Bounded[list[Bytes32], SEGMENT]
SkippedEpochs = Bounded[list[tuple[u64, u32]], MAX_SKIPPED]
"""Epochs that follow skipped ones, with their session indices."""
MaybeClaim = PreDigest | None


@path("pallet_babe::Engine")
class Engine(IntEnum):
    """Mode of block production."""

    Manual = 0
    Babe = 1


@path("pallet_babe::Drawn")
@dataclass(frozen=True, slots=True)
class Drawn:
    """The beacon after a block: randomness that was unpredictable before the block."""

    slot: Slot
    beacon: Bytes32
    author: AccountId | None


class Sessions(Protocol):
    """Validators, session rotation and key owners; Session implements it."""

    def rotate(self) -> int:
        """Start the next session, which calls `Babe.new_epoch`; return the weight used."""

    def session_index(self) -> int:
        """Return the index of the current session."""

    def validators_now(self) -> Sequence[AccountId]:
        """Return the validators, in the order of the authorities."""

    def is_disabled(self, index: int) -> bool:
        """Return True if the validator at `index` is disabled for the rest of the session."""

    def owner_of(
        self, session_index: int, key_type: bytes, key: bytes
    ) -> tuple[AccountId, int] | None:
        """Return the owner of a key in a session and the number of its validators."""


Proof: TypeAlias = Annotated[EquivocationProof, TypeName("Box<EquivocationProof<HeaderFor<T>>>")]


def by_headers(
    own: Callable[[int, int], int],
) -> Callable[[object, EquivocationProof, MembershipProof], DispatchInfo]:
    """Return the weight function of a report. It assumes that every validator of the session
    equivocated in the slot, and counts the encoding and hashing of the reported headers.
    """

    def weigh(_: object, proof: EquivocationProof, membership: MembershipProof) -> DispatchInfo:
        validators = min(int(membership.validator_count), MAX_VALIDATORS)
        return DispatchInfo(own(validators, count_logs(proof)))

    return weigh


def count_logs(proof: EquivocationProof) -> int:
    """Return the number of digest items of both headers of a report."""
    return len(proof.first_header.digest.logs) + len(proof.second_header.digest.logs)


class Babe(Pallet):
    """The chain's clock, block authors, epochs and randomness."""

    system: System
    vrf: Vrf
    sessions: Sessions | None = None
    """None: the runtime has no sessions, and only manual seal works. See `lean_on`."""
    offences: Offences | None = None
    """None: offences are not handled, and no report is accepted."""

    epoch_duration: Const[u64]
    """Length of an epoch, in slots."""
    expected_block_time: Const[u64]
    """Length of a slot, in milliseconds."""
    max_authorities: Const[u32]
    """Maximum number of authorities of an epoch."""
    max_nominators: Const[u32]
    """Unused: this chain has no nominators."""
    report_longevity: u64
    """Number of blocks for which an unsigned report stays valid in the pool."""

    epoch_index = Value(u64, default=u64(0))
    authorities = Value(Authorities, default=[])
    genesis_slot = Value(Slot, default=Slot(0))
    current_slot = Value(Slot, default=Slot(0))
    randomness = Value(Bytes32, default=bytes(32))
    pending_epoch_config_change = Value(NextConfigDescriptor)
    next_randomness = Value(Bytes32, default=bytes(32))
    next_authorities = Value(Authorities, default=[])
    segment_index = Value(u32, default=u32(0))
    under_construction = Map(u32, Segment, default=[], hasher=Hasher.Twox64Concat)
    initialized = Value(MaybeClaim)
    author_vrf_randomness = Value(Bytes32)
    epoch_start = Value(tuple[u32, u32], default=(u32(0), u32(0)))
    lateness = Value(u32, default=u32(0))
    epoch_config = Value(EpochConfig)
    next_epoch_config = Value(EpochConfig)
    skipped_epochs = Value(SkippedEpochs, default=[])
    engine = Value(Engine, default=Engine.Babe)
    sealer = Value(AccountId)
    secondary_rule = Value(SecondaryRule, default=SecondaryRule.Weighted)
    block_author = Value(AccountId)
    beacon = Value(Bytes32, default=bytes(32))
    beacons = Map(u32, Drawn, hasher=Hasher.Twox64Concat)

    class InvalidEquivocationProof(Error, index=0):
        """The two headers do not prove that an author made two blocks in one slot."""

    class InvalidKeyOwnershipProof(Error, index=1):
        """The key belonged to no validator of that session, or the session is no longer stored."""

    class DuplicateOffenceReport(Error, index=2):
        """The offence has been reported before."""

    class InvalidConfiguration(Error, index=3):
        """No block could be made with these parameters."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Set the block production mode and its parameters. Raises GenesisError.

        `engine` is "babe" (the default) or "manual"; `sealer` is the account that earns from
        manually sealed blocks. For "babe": `epochConfig` is {"c": [1, 4], "allowed_slots":
        "PrimaryAndSecondaryVRFSlots"}, `secondaryRule` is "weighted" or "uniform", `randomness` 32
        bytes in hex, the randomness of the first two epochs. The authorities come from Session.
        """
        fields = Section(config, "babe").fields(
            optional=("engine", "sealer", "epochConfig", "secondaryRule", "randomness")
        )
        if "engine" in fields:
            self.engine.value = fields["engine"].one_of(lower(Engine))
        if "sealer" in fields and fields["sealer"].present():
            self.sealer.value = fields["sealer"].account()
        if self.engine.value is Engine.Manual:
            return
        self.epoch_config.value = (
            epoch_config(fields["epochConfig"]) if "epochConfig" in fields else DEFAULT_CONFIG
        )
        if "secondaryRule" in fields:
            self.secondary_rule.value = fields["secondaryRule"].one_of(lower(SecondaryRule))
        if "randomness" in fields:
            randomness = fields["randomness"].hex_bytes(32)
            self.randomness.value = self.next_randomness.value = self.beacon.value = randomness

    def on_initialize(self, number: int) -> int:
        """Set the clock to the slot in the header; rotate epoch and session if due.

        Raises InvalidBlock if the header names no slot or one not after the parent's, if the engine
        does not allow the claim, or if its authority is unknown or disabled.
        """
        claim = self._claim()
        slot, parent = claim.claim.slot, self.current_slot.value
        if slot <= parent:
            raise InvalidBlock(f"slot {slot} of block {number} is not after its parent's, {parent}")
        self.current_slot.value = slot
        self.initialized.value = claim
        weight = 0
        if number == 1:
            self.genesis_slot.value = slot
        else:
            self.lateness.value = u32(min(slot - parent - 1, u32.MAX))
        if self.engine.value is Engine.Babe:
            if number == 1:
                self._announce(self.next_authorities.peek())
            elif self.should_epoch_change():
                weight += self._sessions().rotate()
            self._seat(int(claim.claim.authority_index))
        return weight

    def on_finalize(self, number: int) -> None:
        """Add the block's VRF output to the randomness of a later epoch and to the beacon."""
        claim = self.initialized.take()
        self.lateness.kill()
        if claim is None:
            raise InvalidBlock(f"block {number} was never opened")
        draw = self._draw(claim)
        if draw is None:
            # No VRF output. The parent's hash suffices where one author seals all blocks anyway.
            self.author_vrf_randomness.kill()
            randomness: bytes = self.system.parent_hash.value
        else:
            share, randomness = randomness_of(draw), beacon_of(draw)
            self.author_vrf_randomness.value = share
            if isinstance(claim, Primary):
                self._collect(share)
        beacon = blake2_256(self.beacon.value + randomness)
        self.beacon.value = beacon
        drawn = Drawn(self.current_slot.value, beacon, self.author())
        self.beacons[u32(number % BEACONS)] = drawn

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Accept reports of equivocations that are valid and new, local or in a block."""
        if call.index != REPORT_UNSIGNED:
            return None
        proof, membership = cast("tuple[EquivocationProof, MembershipProof]", call.args)
        return judge_unsigned(
            source, lambda: self._judged(proof, membership), TAG, self.report_longevity
        )

    # ---- calls

    @call(0, weight=by_headers(weights.report_equivocation))
    def report_equivocation(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report an author that made two blocks in one slot.

        The call is free if the offender is slashed.
        """
        who, own = origin.signed(), weights.report_equivocation
        return self._report(equivocation_proof, key_owner_proof, who, own)

    @call(1, weight=by_headers(weights.report_equivocation_unsigned))
    def report_equivocation_unsigned(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report an author that made two blocks in one slot. Sent by authority nodes; unsigned."""
        origin.none()
        own = weights.report_equivocation_unsigned
        return self._report(equivocation_proof, key_owner_proof, None, own)

    @call(2, weight=weights.PLAN_CONFIG_CHANGE)
    def plan_config_change(
        self,
        origin: Origin,
        config: Annotated[NextConfigDescriptor, TypeName("NextConfigDescriptor")],
    ) -> None:
        """Plan epoch parameters, announced with the next epoch, in force one later. Root only."""
        origin.root()
        won, of = config.c
        nobody = won == 0 and config.allowed_slots is AllowedSlots.PrimarySlots
        if nobody or of == 0 or won > of:
            raise self.InvalidConfiguration
        self.pending_epoch_config_change.value = config

    # ---- public interface

    def lean_on(self, sessions: Sessions, offences: Offences | None) -> None:
        """Bind pallets that come later in the runtime's table and depend on this one."""
        self.sessions, self.offences = sessions, offences

    def now(self) -> traits.Slot:
        """Return the slots since the first block's slot; 0 at genesis and in block 1."""
        return traits.Slot(int(self.current_slot.value) - int(self.genesis_slot.value))

    def author(self) -> AccountId | None:
        """Return the account that earns from the current block (or the last), or None.

        Under manual seal the sealer, else the validator at the claim's index.
        """
        if self.engine.value is Engine.Manual:
            return self.sealer.get()
        return self.block_author.get()

    def epoch_at(self, slot: int) -> Epoch:
        """Return the epoch that a block of `slot` on this state belongs to.

        The current or the announced epoch, advanced if whole epochs were empty. ValueError for a
        slot before the current epoch, and where there are no authorities.
        """
        index, length = int(self.epoch_index.value), int(self.epoch_duration)
        if not self.current_slot.value:  # block 1 starts the first epoch
            return self._epoch(0, slot)
        start = int(self.genesis_slot.value) + index * length
        if slot < start + length:
            return self._epoch(index, start).at(slot)
        return self.next_epoch().at(slot)

    def current_epoch(self) -> Epoch:
        """Return the current epoch; it starts at slot 0 before block 1. ValueError if none."""
        return self._epoch(int(self.epoch_index.value), self.current_epoch_start())

    def next_epoch(self) -> Epoch:
        """Return the announced epoch, as if none were skipped. ValueError if none."""
        return Epoch(
            int(self.epoch_index.value) + 1,
            self.current_epoch_start() + int(self.epoch_duration),
            int(self.epoch_duration),
            tuple((bytes(key), int(weight)) for key, weight in self.next_authorities.peek()),
            self.next_randomness.value,
            self.config_next(),
            self.secondary_rule.value,
        )

    def config_now(self) -> EpochConfig:
        """Return the parameters of the current epoch."""
        return self.epoch_config.get() or DEFAULT_CONFIG

    def config_next(self) -> EpochConfig:
        """Return the parameters of the announced epoch."""
        return self.next_epoch_config.get() or self.config_now()

    def current_epoch_start(self) -> int:
        """Return the first slot of the current epoch."""
        return int(self.genesis_slot.value) + int(self.epoch_index.value) * int(self.epoch_duration)

    def should_epoch_change(self) -> bool:
        """Return True if the current block is the first of its epoch."""
        start = self.current_epoch_start()
        return int(self.current_slot.value) >= start + int(self.epoch_duration)

    def session_of(self, slot: int) -> int:
        """Return the session index of a slot; meaningless for slots of skipped epochs.

        ValueError for slots before the first block's.
        """
        index = epoch_index(slot, int(self.genesis_slot.value), int(self.epoch_duration))
        skipped = self.skipped_epochs.value
        place = bisect_left(skipped, index + 1, key=lambda skip: int(skip[0]))
        if not place:
            return index
        epoch, session = skipped[place - 1]
        return index - (int(epoch) - int(session))

    def key_ownership(self, slot: int, key: bytes) -> bytes | None:
        """Return the encoded proof of the owner of `key` in a slot; None if it had no owner."""
        if self.sessions is None or slot < self.genesis_slot.value:
            return None
        return ownership(self.sessions, self.session_of(slot), BABE_KEY, key)

    def beacon_after(
        self, slot: int, *, since: int | None = None, authors: int = 1
    ) -> Drawn | None:
        """Return the beacon after the first block with a slot of at least `slot`.

        With `since`: the first such block by which `authors` different authors made blocks with
        slots after `since`. None if there is no such block yet, or if a block needed to decide is
        older than the last `BEACONS` and not stored.
        """
        begin = slot if since is None else since + 1
        last = int(self.system.number.value)
        first = self._first_at(begin, last)
        seen: set[AccountId | None] = set()
        for number in range(first, last + 1):
            drawn = self.beacons.get(u32(number % BEACONS))
            if drawn is None or drawn.slot < begin:  # the current block, without a beacon yet
                return None
            seen.add(drawn.author)
            if drawn.slot >= slot and len(seen) >= authors:
                return drawn
        return None

    def randomness_after(self, time: int, delay: int, authors: int) -> Drawn | None:
        """Return the first beacon at least `delay` slots after `time`, a number like `now`.

        As for `beacon_after`, `authors` different authors must have made blocks after `time`.
        """
        since = int(self.genesis_slot.value) + time
        return self.beacon_after(since + delay, since=since, authors=authors)

    def check_timestamp(self, moment: int) -> None:
        """Check that a block time, in unix milliseconds, agrees with the slot.

        It lies within the slot; under manual seal it may be later, because slots then run ahead of
        the clock. Raises InvalidBlock.
        """
        slot, length = int(self.current_slot.value), int(self.expected_block_time)
        if self.engine.value is Engine.Manual:
            if moment < slot * length:
                raise InvalidBlock(f"timestamp {moment} lies before slot {slot} of {length} ms")
        elif moment // length != slot:
            raise InvalidBlock(f"timestamp {moment} lies outside of slot {slot} of {length} ms")

    # ---- public interface: for Session

    def genesis_epoch(
        self,
        authorities: Sequence[tuple[bytes, int]],
        following: Sequence[tuple[bytes, int]],
    ) -> None:
        """Set the authorities, with weights, of the first two epochs."""
        self.authorities.value = [(AuthorityId(key), u64(weight)) for key, weight in authorities]
        self.next_authorities.value = [(AuthorityId(key), u64(weight)) for key, weight in following]

    def new_epoch(self, following: Sequence[tuple[bytes, int]]) -> None:
        """Start the announced epoch, and announce the one after it with these authorities."""
        slot, length = int(self.current_slot.value), int(self.epoch_duration)
        index = epoch_index(slot, int(self.genesis_slot.value), length)
        if index != self.epoch_index.value + 1:
            self._note_skip(index)
        self.epoch_index.value = u64(index)
        self.authorities.value = self.next_authorities.value
        self._turn_randomness(index + 1)
        self.epoch_start.value = (self.epoch_start.value[1], self.system.number.value)

        announced = [(AuthorityId(key), u64(weight)) for key, weight in following]
        self.next_authorities.value = announced
        self._announce(announced)
        config = self.next_epoch_config.get()
        if config is not None:
            self.epoch_config.value = config
        pending = self.pending_epoch_config_change.take()
        if pending is not None:
            self.next_epoch_config.value = EpochConfig(pending.c, pending.allowed_slots)
            self.system.deposit_log(consensus(NextConfigData(pending)))

    def weights_now(self) -> list[u64]:
        """Return the weights of the current epoch's authorities."""
        return [weight for _, weight in self.authorities.peek()]

    def disable(self, index: int) -> None:
        """Emit a digest that an authority is disabled for the rest of the session."""
        self.system.deposit_note(consensus(OnDisabled(u32(index))))

    # ---- internals

    def _claim(self) -> Claim:
        """Return the header's claim to its slot. Raises InvalidBlock."""
        try:
            claim = pre_digest(self.system.digest.value.logs)
        except NoPreDigest as error:
            raise InvalidBlock(str(error)) from error
        if self.engine.value is Engine.Manual and not sealed_by_hand(claim):
            raise InvalidBlock("under manual seal the claim must be the plain one of authority 0")
        return claim

    def _seat(self, index: int) -> None:
        """Store the author of the block. Raises InvalidBlock if it is unknown or disabled."""
        sessions = self._sessions()
        validators = sessions.validators_now()
        if index >= len(validators):
            raise InvalidBlock(f"there is no authority {index}, the last is {len(validators) - 1}")
        if sessions.is_disabled(index):
            raise InvalidBlock(
                f"authority {index} is disabled in session {sessions.session_index()}"
            )
        self.block_author.value = validators[index]

    def _sessions(self) -> Sessions:
        if self.sessions is None:
            raise InvalidBlock("this runtime has no sessions: blocks can only be sealed by hand")
        return self.sessions

    def _epoch(self, index: int, start: int) -> Epoch:
        return Epoch(
            index,
            start,
            int(self.epoch_duration),
            tuple((bytes(key), int(weight)) for key, weight in self.authorities.peek()),
            self.randomness.value,
            self.config_now(),
            self.secondary_rule.value,
        )

    def _announce(self, authorities: list[tuple[AuthorityId, u64]]) -> None:
        epoch = NextEpochDescriptor(authorities, self.next_randomness.value)
        self.system.deposit_log(consensus(NextEpochData(epoch)))

    def _draw(self, claim: Claim) -> Draw | None:
        """Return the VRF output of a claim; its proof was checked before the block was executed."""
        if isinstance(claim, SecondaryPlain):
            return None
        key, _ = self.authorities.peek()[int(claim.claim.authority_index)]
        slot, index = int(claim.claim.slot), int(self.epoch_index.value)
        what = slot_input(self.randomness.value, slot, index)
        return self.vrf.attach(key, what, claim.claim.vrf_signature.pre_output)

    def _collect(self, share: bytes) -> None:
        """Store a primary claim's share of the randomness of the epoch after the next."""
        place = self.segment_index.value
        segment = self.under_construction[place]
        if len(segment) == SEGMENT:
            place, segment = place + 1, []
            self.segment_index.value = place
        segment.append(share)
        self.under_construction[place] = segment

    def _turn_randomness(self, following: int) -> None:
        """Activate the announced randomness, and compute that of epoch `following`."""
        randomness = self.next_randomness.value
        shares: list[bytes] = []
        # All segments: `pallet_babe` omits the last one and loses its shares.
        for place in range(int(self.segment_index.value) + 1):
            shares += self.under_construction.take(u32(place)) or []
        self.segment_index.value = u32(0)
        self.randomness.value = randomness
        self.next_randomness.value = next_randomness(randomness, following, shares)

    def _note_skip(self, index: int) -> None:
        """Store the epoch and its session index, which differ by more after a skip."""
        skipped = self.skipped_epochs.value
        self.skipped_epochs.value = [
            *skipped[-MAX_SKIPPED + 1 :],
            (u64(index), u32(self._sessions().session_index())),
        ]

    def _first_at(self, slot: int, last: int) -> int:
        """Return the number of the first remembered block with at least `slot`.

        `last + 1` if there is none, or if the first may be one that is no longer stored.
        """
        oldest = max(1, last - BEACONS + 1)
        low, high = oldest, last
        while low < high:
            middle = (low + high) // 2
            drawn = self.beacons.get(u32(middle % BEACONS))
            if drawn is None or drawn.slot < slot:
                low = middle + 1
            else:
                high = middle
        drawn = self.beacons.get(u32(oldest % BEACONS))
        forgotten = oldest > 1 and (drawn is None or drawn.slot > slot)
        return last + 1 if forgotten else low

    # ---- internals: reports

    def _report(
        self,
        proof: EquivocationProof,
        membership: MembershipProof,
        reporter: AccountId | None,
        own: Callable[[int, int], int],
    ) -> PostInfo:
        offences, offence = self._judged(proof, membership)
        logs = count_logs(proof)
        try:
            return submit(offences, offence, reporter, lambda offenders: own(offenders, logs))
        except offences.DuplicateReport:
            raise self.DuplicateOffenceReport from None

    def _judged(
        self, proof: EquivocationProof, membership: MembershipProof
    ) -> tuple[Offences, Offence]:
        """Return the handler of offences and the proven offence. Raises the calls' errors."""
        if self.sessions is None or self.offences is None:
            raise Unavailable
        slot = int(proof.slot)
        if not self.genesis_slot.value <= slot <= self.current_slot.value:
            raise self.InvalidEquivocationProof
        if self.session_of(slot) != membership.session:
            raise self.InvalidKeyOwnershipProof
        offender = owner(self.sessions, membership, BABE_KEY, proof.offender)
        if offender is None:
            raise self.InvalidKeyOwnershipProof
        try:
            babe_equivocation.check(proof)
        except babe_equivocation.NoEquivocation:
            raise self.InvalidEquivocationProof from None
        count = int(membership.validator_count)
        return self.offences, Offence(OFFENCE, int(membership.session), count, offender, slot)


REPORT_UNSIGNED: Final = 1
"""Index of the unsigned call."""


def sealed_by_hand(claim: Claim) -> bool:
    """Return True if `claim` is the only one that manual seal allows."""
    return isinstance(claim, SecondaryPlain) and claim.claim.authority_index == 0


def epoch_config(section: Section) -> EpochConfig:
    """Return the epoch parameters of the genesis configuration. Raises GenesisError."""
    fields = section.fields(required=("c", "allowed_slots"))
    won, of = (part.u64() for part in fields["c"].rows(2))
    allowed = fields["allowed_slots"].one_of({slots.name: slots for slots in AllowedSlots})
    if of == 0 or won > of or (won == 0 and allowed is AllowedSlots.PrimarySlots):
        raise fields["c"].wrong("a fraction from 0 to 1 by which somebody can make a block")
    return EpochConfig((won, of), allowed)


def lower(kind: type[E]) -> dict[str, E]:
    """Return the members of an enumeration by their lower-case names."""
    return {member.name.lower(): member for member in kind}
