"""Babe: the chain's clock, who makes its blocks, and its luck.

Every header names the slot it was made in. The slots since the first block are the time that
vesting, emission, eras and votes run by, so that an empty slot delays nothing. A slot is never
used twice on one chain: each block's slot lies behind its parent's.

Slots lie in epochs; each has its authors, their weights and its luck, all of them announced one
epoch ahead by the first block of the one before. The first block of an epoch also turns the
session (ruling A4). Whoever imports a block has checked the draw, the seal and the author's right
to the slot before: the node does it against `epoch_at`. The runtime takes the draw as proven,
and refuses only authors that there are not or that are disabled.

Source of the rules: Substrate's `pallet_babe`; ours are the beacon (ruling A6), the weighted
secondary rule, and manual seal (ruling A2).
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
"""The kind of offence that making two blocks in one slot is. Source: `sp_consensus_babe`."""
TAG: Final = b"BabeEquivocation"

SEGMENT: Final = 32
"""Draws that are stored together: each primary block writes its segment anew."""
MAX_SKIPPED: Final = 100
"""Skips that are remembered. Source: `pallet_babe`."""
BEACONS: Final = 1_024
"""Blocks whose beacon is remembered."""
DEFAULT_CONFIG: Final = EpochConfig((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryVRFSlots)

Bytes32 = Annotated[bytes, Fixed(32), TypeName("[u8; 32]")]
Authorities = Bounded[list[tuple[AuthorityId, u64]], MAX_VALIDATORS]
Segment = Bounded[list[Bytes32], SEGMENT]
SkippedEpochs = Bounded[list[tuple[u64, u32]], MAX_SKIPPED]
"""Epochs that others were skipped before, and their sessions."""
MaybeClaim = PreDigest | None


@path("pallet_babe::Engine")
class Engine(IntEnum):
    """Who may make blocks."""

    Manual = 0
    Babe = 1


@path("pallet_babe::Drawn")
@dataclass(frozen=True, slots=True)
class Drawn:
    """The beacon after a block: luck that nobody knew before the block was made."""

    slot: Slot
    beacon: Bytes32
    author: AccountId | None


class Sessions(Protocol):
    """Whose seat is whose, and the turn of it; Session satisfies it."""

    def rotate(self) -> int:
        """Begin the next session, which calls `Babe.new_epoch`; return the weight used."""

    def session_index(self) -> int:
        """Return the number of the session at hand."""

    def validators_now(self) -> Sequence[AccountId]:
        """Return the validators, in the order of the authorities."""

    def is_disabled(self, index: int) -> bool:
        """Tell whether the validator at this place is out for the rest of the session."""

    def owner_of(
        self, session_index: int, key_type: bytes, key: bytes
    ) -> tuple[AccountId, int] | None:
        """Return the owner of a key in a session and the number of its validators."""


Proof: TypeAlias = Annotated[EquivocationProof, TypeName("Box<EquivocationProof<HeaderFor<T>>>")]


def by_headers(
    own: Callable[[int, int], int],
) -> Callable[[object, EquivocationProof, MembershipProof], DispatchInfo]:
    """Return the weight function of a report: all validators of the session may have made two
    blocks in the same slot, and the reported headers are encoded and hashed.
    """

    def weigh(_: object, proof: EquivocationProof, membership: MembershipProof) -> DispatchInfo:
        validators = min(int(membership.validator_count), MAX_VALIDATORS)
        return DispatchInfo(own(validators, count_logs(proof)))

    return weigh


def count_logs(proof: EquivocationProof) -> int:
    """Return the number of digest items of both headers of a report."""
    return len(proof.first_header.digest.logs) + len(proof.second_header.digest.logs)


class Babe(Pallet):
    """The chain's clock: which slot each block was made in, and by whom."""

    system: System
    vrf: Vrf
    sessions: Sessions | None = None
    """None: there are none, and only manual seal works. See `lean_on`."""
    offences: Offences | None = None
    """None: nobody judges, and no report is taken."""

    epoch_duration: Const[u64]
    """The length of an epoch, in slots."""
    expected_block_time: Const[u64]
    """The length of a slot, in milliseconds."""
    max_authorities: Const[u32]
    """The most authorities that an epoch may have."""
    max_nominators: Const[u32]
    """Nobody is nominated on this chain."""
    report_longevity: u64
    """For how many blocks a report without a signature is worth keeping."""

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
        """The two headers do not prove that somebody made two blocks in one slot."""

    class InvalidKeyOwnershipProof(Error, index=1):
        """The key belonged to no validator of that session, or the session is forgotten."""

    class DuplicateOffenceReport(Error, index=2):
        """The offence has been reported before."""

    class InvalidConfiguration(Error, index=3):
        """With these parameters nobody could make a block."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Note who may make blocks, and by what rules. Raises GenesisError.

        `engine` is "babe" (the default) or "manual"; `sealer` is the account that earns from
        blocks sealed by hand. For "babe": `epochConfig` is {"c": [1, 4], "allowed_slots":
        "PrimaryAndSecondaryVRFSlots"}, `secondaryRule` is "weighted" or "uniform", `randomness`
        32 bytes in hex, the luck of the first two epochs. The authorities come from Session.
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
            luck = fields["randomness"].hex_bytes(32)
            self.randomness.value = self.next_randomness.value = self.beacon.value = luck

    def on_initialize(self, number: int) -> int:
        """Move the clock to the slot that the header names; turn epoch and session if due.

        Raises InvalidBlock if it names none, or one that is not behind the parent's, if the
        claim is not one that the engine allows, or of an authority that there is not or is out.
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
        """Take what the block's draw gives: to the luck of a later epoch, and to the beacon."""
        claim = self.initialized.take()
        self.lateness.kill()
        if claim is None:
            raise InvalidBlock(f"block {number} was never opened")
        draw = self._draw(claim)
        if draw is None:
            # Nobody drew. The parent's hash will do where one author seals all blocks anyway.
            self.author_vrf_randomness.kill()
            luck: bytes = self.system.parent_hash.value
        else:
            share, luck = randomness_of(draw), beacon_of(draw)
            self.author_vrf_randomness.value = share
            if isinstance(claim, Primary):
                self._collect(share)
        beacon = blake2_256(self.beacon.value + luck)
        self.beacon.value = beacon
        drawn = Drawn(self.current_slot.value, beacon, self.author())
        self.beacons[u32(number % BEACONS)] = drawn

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Pass reports of equivocations that are right and new, from here or from a block."""
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
        """Report an author who made two blocks in one slot.

        Costs nothing if it costs an offender something.
        """
        who, own = origin.signed(), weights.report_equivocation
        return self._report(equivocation_proof, key_owner_proof, who, own)

    @call(1, weight=by_headers(weights.report_equivocation_unsigned))
    def report_equivocation_unsigned(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report an author who made two blocks in one slot. Nodes of authors send this."""
        origin.none()
        own = weights.report_equivocation_unsigned
        return self._report(equivocation_proof, key_owner_proof, None, own)

    @call(2, weight=weights.PLAN_CONFIG_CHANGE)
    def plan_config_change(
        self,
        origin: Origin,
        config: Annotated[NextConfigDescriptor, TypeName("NextConfigDescriptor")],
    ) -> None:
        """Plan other parameters: announced with the next epoch, in force in the one after it."""
        origin.root()
        won, of = config.c
        nobody = won == 0 and config.allowed_slots is AllowedSlots.PrimarySlots
        if nobody or of == 0 or won > of:
            raise self.InvalidConfiguration
        self.pending_epoch_config_change.value = config

    # ---- doors

    def lean_on(self, sessions: Sessions, offences: Offences | None) -> None:
        """Tie to pallets below in the table, which lean on this one as well."""
        self.sessions, self.offences = sessions, offences

    def now(self) -> int:
        """Return the slots since the first block's; 0 at genesis and in block 1."""
        return int(self.current_slot.value) - int(self.genesis_slot.value)

    def author(self) -> AccountId | None:
        """Return the account that earns from the block at hand (or the last), if there is one.

        Under manual seal the sealer's, else that of the validator at the claim's index.
        """
        if self.engine.value is Engine.Manual:
            return self.sealer.get()
        return self.block_author.get()

    def epoch_at(self, slot: int) -> Epoch:
        """Return the epoch in which a block of `slot` on this state lies, its number and all.

        The present one, or the announced one, moved on if whole epochs stayed empty. ValueError
        for a slot before the present epoch, and where there are no authorities.
        """
        index, length = int(self.epoch_index.value), int(self.epoch_duration)
        if not self.current_slot.value:  # block 1 starts the first epoch
            return self._epoch(0, slot)
        start = int(self.genesis_slot.value) + index * length
        if slot < start + length:
            return self._epoch(index, start).at(slot)
        return self.next_epoch().at(slot)

    def current_epoch(self) -> Epoch:
        """Return the present epoch; it starts at slot 0 before block 1. ValueError if none."""
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
        """Return the parameters of the present epoch."""
        return self.epoch_config.get() or DEFAULT_CONFIG

    def config_next(self) -> EpochConfig:
        """Return the parameters of the announced epoch."""
        return self.next_epoch_config.get() or self.config_now()

    def current_epoch_start(self) -> int:
        """Return the first slot of the present epoch."""
        return int(self.genesis_slot.value) + int(self.epoch_index.value) * int(self.epoch_duration)

    def should_epoch_change(self) -> bool:
        """Tell whether the block at hand is the first of its epoch."""
        start = self.current_epoch_start()
        return int(self.current_slot.value) >= start + int(self.epoch_duration)

    def session_of(self, slot: int) -> int:
        """Return the session that was on in a slot; of no meaning for skipped epochs.

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
        """Return the encoded proof of whose key it was in a slot; None if it was nobody's."""
        if self.sessions is None or slot < self.genesis_slot.value:
            return None
        return ownership(self.sessions, self.session_of(slot), BABE_KEY, key)

    def beacon_after(
        self, slot: int, *, since: int | None = None, authors: int = 1
    ) -> Drawn | None:
        """Return the beacon after the first block of at least `slot` that `authors` made possible.

        With `since`: only once so many different authors made blocks with slots above `since`, up
        to that block. None if there is no such block yet, or if what decides about it is older
        than `BEACONS` blocks and forgotten.
        """
        begin = slot if since is None else since + 1
        last = int(self.system.number.value)
        first = self._first_at(begin, last)
        seen: set[AccountId | None] = set()
        for number in range(first, last + 1):
            drawn = self.beacons.get(u32(number % BEACONS))
            if drawn is None or drawn.slot < begin:  # the block at hand, not drawn yet
                return None
            seen.add(drawn.author)
            if drawn.slot >= slot and len(seen) >= authors:
                return drawn
        return None

    def luck_after(self, time: int, delay: int, authors: int) -> Drawn | None:
        """Return the first beacon at least `delay` slots after `time`, a number like `now`.

        As `beacon_after`: only once so many different authors made blocks after `time`.
        """
        since = int(self.genesis_slot.value) + time
        return self.beacon_after(since + delay, since=since, authors=authors)

    def check_timestamp(self, moment: int) -> None:
        """Pass a block time, in unix milliseconds, that agrees with the slot.

        It lies within the slot; under manual seal it may lie behind it, because slots then run
        ahead of the clock. Raises InvalidBlock.
        """
        slot, length = int(self.current_slot.value), int(self.expected_block_time)
        if self.engine.value is Engine.Manual:
            if moment < slot * length:
                raise InvalidBlock(f"timestamp {moment} lies before slot {slot} of {length} ms")
        elif moment // length != slot:
            raise InvalidBlock(f"timestamp {moment} lies outside of slot {slot} of {length} ms")

    # ---- doors for Session

    def genesis_epoch(
        self,
        authorities: Sequence[tuple[bytes, int]],
        following: Sequence[tuple[bytes, int]],
    ) -> None:
        """Take the authorities, with weights, of the first two epochs."""
        self.authorities.value = [(AuthorityId(key), u64(weight)) for key, weight in authorities]
        self.next_authorities.value = [(AuthorityId(key), u64(weight)) for key, weight in following]

    def new_epoch(self, following: Sequence[tuple[bytes, int]]) -> None:
        """Begin the announced epoch and announce the one after it, with these authorities."""
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
        """Return the weights of the present epoch's authorities."""
        return [weight for _, weight in self.authorities.peek()]

    def disable(self, index: int) -> None:
        """Tell the clients that an authority is out for the rest of the session."""
        self.system.deposit_note(consensus(OnDisabled(u32(index))))

    # ---- steps

    def _claim(self) -> Claim:
        """Return the header's claim to its slot."""
        try:
            claim = pre_digest(self.system.digest.value.logs)
        except NoPreDigest as error:
            raise InvalidBlock(str(error)) from error
        if self.engine.value is Engine.Manual and not sealed_by_hand(claim):
            raise InvalidBlock("under manual seal the claim must be the plain one of authority 0")
        return claim

    def _seat(self, index: int) -> None:
        """Note the author of the block. Raises InvalidBlock if nobody may make it."""
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
        """Return the draw of a claim; the proof was checked before the block was executed."""
        if isinstance(claim, SecondaryPlain):
            return None
        key, _ = self.authorities.peek()[int(claim.claim.authority_index)]
        slot, index = int(claim.claim.slot), int(self.epoch_index.value)
        what = slot_input(self.randomness.value, slot, index)
        return self.vrf.attach(key, what, claim.claim.vrf_signature.pre_output)

    def _collect(self, share: bytes) -> None:
        """Keep a primary claim's share in the luck of the epoch after the next."""
        place = self.segment_index.value
        segment = self.under_construction[place]
        if len(segment) == SEGMENT:
            place, segment = place + 1, []
            self.segment_index.value = place
        segment.append(share)
        self.under_construction[place] = segment

    def _turn_randomness(self, following: int) -> None:
        """Let the announced luck count, and draw that of epoch `following` (ruling A5)."""
        luck = self.next_randomness.value
        shares: list[bytes] = []
        # All segments: `pallet_babe` leaves the last one out, and loses the shares in it.
        for place in range(int(self.segment_index.value) + 1):
            shares += self.under_construction.take(u32(place)) or []
        self.segment_index.value = u32(0)
        self.randomness.value = luck
        self.next_randomness.value = next_randomness(luck, following, shares)

    def _note_skip(self, index: int) -> None:
        """Remember from which epoch on the session's number lags further behind."""
        skipped = self.skipped_epochs.value
        self.skipped_epochs.value = [
            *skipped[-MAX_SKIPPED + 1 :],
            (u64(index), u32(self._sessions().session_index())),
        ]

    def _first_at(self, slot: int, last: int) -> int:
        """Return the number of the first remembered block with at least `slot`.

        Past `last` if there is none, or if the first may be among the forgotten ones.
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

    # ---- steps of a report

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
        """Return what a proof proves, and who judges it. Raises the calls' errors."""
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
"""The index of the call that needs no signature."""


def sealed_by_hand(claim: Claim) -> bool:
    """Tell whether `claim` is the only one that manual seal makes (ruling A2)."""
    return isinstance(claim, SecondaryPlain) and claim.claim.authority_index == 0


def epoch_config(section: Section) -> EpochConfig:
    """Return the parameters of epochs that the genesis configuration gives."""
    fields = section.fields(required=("c", "allowed_slots"))
    won, of = (part.u64() for part in fields["c"].rows(2))
    allowed = fields["allowed_slots"].one_of({slots.name: slots for slots in AllowedSlots})
    if of == 0 or won > of or (won == 0 and allowed is AllowedSlots.PrimarySlots):
        raise fields["c"].wrong("a fraction from 0 to 1 by which somebody can make a block")
    return EpochConfig((won, of), allowed)


def lower(kind: type[E]) -> dict[str, E]:
    """Return the members of an enumeration by their names in small letters."""
    return {member.name.lower(): member for member in kind}
