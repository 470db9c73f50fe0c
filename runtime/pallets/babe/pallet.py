"""Babe: the chain's clock, block authors, epochs and randomness.

Every header names the slot it was made in. Vesting, emission, eras and votes measure time in slots
since the first block, so an empty slot delays nothing. A slot is used at most once on one chain:
each block's slot is after its parent's.

Slots are grouped into epochs; each has its authorities, their weights and its randomness, all
announced one epoch ahead by the first block of the previous epoch. The first block of an epoch also
rotates the session. A node verifies a block's VRF output, seal and the author's right to the slot
against `epoch_at` before it executes the block. The runtime relies on this, and rejects only
unknown and disabled authorities.

Source of the rules: Substrate's `pallet_babe`; the beacon, the count of absences, the weighted
secondary rule and manual seal are specific to this chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from btt_chain.crypto.vrf import Vrf, VrfOutput
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.babe import Claim, NoPreDigest, Primary, SecondaryPlain, Slot, pre_digest
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig, NextConfigDescriptor
from btt_chain.primitives.babe_equivocation import EquivocationProof
from btt_chain.primitives.lottery import SecondaryRule, beacon_of, randomness_of, slot_input
from btt_chain.primitives.validity import TransactionSource, ValidTransaction
from btt_chain.scale import u32, u64
from runtime.frame import (
    Call,
    Const,
    Error,
    InvalidBlock,
    Origin,
    Pallet,
    Part,
    PostInfo,
    Section,
    Value,
    call,
    traits,
)
from runtime.pallets.babe import weights
from runtime.pallets.babe.absences import Absences
from runtime.pallets.babe.beacons import BeaconLog
from runtime.pallets.babe.epochs import Epochs
from runtime.pallets.babe.randomness import EpochRandomness
from runtime.pallets.babe.reports import TAG, Proof, by_headers, count_logs, is_proven, time_slot
from runtime.pallets.babe.types import (
    DEFAULT_CONFIG,
    MAX_GAP,
    Beacon,
    Bytes32,
    Engine,
    MaybeClaim,
    Sessions,
)
from runtime.pallets.evidence import (
    BABE_EQUIVOCATION,
    BABE_KEY,
    Equivocation,
    KeyOwnerProof,
    MembershipProof,
    Offences,
    Reports,
)
from runtime.pallets.system.pallet import System

E = TypeVar("E", bound=IntEnum)


class Babe(Pallet):
    """The chain's clock, block authors, epochs and randomness."""

    # ---- constants

    epoch_duration: Const[u64]
    """Length of an epoch, in slots."""
    expected_block_time: Const[u64]
    """Length of a slot, in milliseconds."""
    max_authorities: Const[u32]
    """Maximum number of authorities of an epoch."""
    max_nominators: Const[u32]
    """Unused: this chain has no nominators."""

    # ---- dependencies

    report_longevity: u64
    """Number of blocks for which an unsigned report stays valid in the pool."""
    system: System
    vrf: Vrf
    sessions: Sessions | None = None
    """None: the runtime has no sessions, and only manual seal works. See `connect`."""
    offences: Offences | None = None
    """None: offences are not handled, and no report is accepted."""

    # ---- storage

    STORAGE_ORDER = (
        "EpochIndex", "Authorities", "GenesisSlot", "CurrentSlot", "Randomness",
        "PendingEpochConfigChange", "NextRandomness", "NextAuthorities", "SegmentIndex",
        "UnderConstruction", "Initialized", "AuthorVrfRandomness", "EpochStart", "Lateness",
        "EpochConfig", "NextEpochConfig", "SkippedEpochs",
    )  # fmt: skip
    """Order of the items in Substrate's metadata."""

    genesis_slot = Value(Slot, default=Slot(0))
    """Slot of the first block."""
    current_slot = Value(Slot, default=Slot(0))
    """Slot of the current block."""
    initialized = Value(MaybeClaim)
    """The current block's claim to its slot."""
    author_vrf_randomness = Value(Bytes32)
    """Randomness of the last block's VRF output; none if it has no output."""
    lateness = Value(u32, default=u32(0))
    """Empty slots between the current block's slot and its parent's."""
    engine = Value(Engine, default=Engine.Babe)
    """Mode of block production."""
    sealer = Value(AccountId)
    """Account that earns from manually sealed blocks."""
    block_author = Value(AccountId)
    """Author of the current block."""

    # ---- components

    epoch_randomness = Part(EpochRandomness)
    epochs = Part(Epochs)
    beacon_log = Part(BeaconLog)
    absences = Part(Absences)

    # ---- errors

    class InvalidEquivocationProof(Error, index=0):
        """The two headers do not prove that an author made two blocks in one slot."""

    class InvalidKeyOwnershipProof(Error, index=1):
        """The key belonged to no validator of that session, or the session is no longer stored."""

    class DuplicateOffenceReport(Error, index=2):
        """The offence has been reported before."""

    class InvalidConfiguration(Error, index=3):
        """No block could be made with these parameters."""

    # ---- hooks

    def setup(self) -> None:
        """Build the reports of equivocations."""
        self.reports = Reports(
            Equivocation(
                kind=BABE_EQUIVOCATION,
                tag=TAG,
                key_type=BABE_KEY,
                check_session=self._check_session,
                is_proven=is_proven,
                time_slot=time_slot,
                invalid_proof=self.InvalidEquivocationProof,
                invalid_owner=self.InvalidKeyOwnershipProof,
                duplicate=self.DuplicateOffenceReport,
            ),
            self.report_longevity,
            self.sessions,
            self.offences,
        )

    def genesis(self, config: Mapping[str, object]) -> None:
        """Set the block production mode and its parameters. Raises GenesisError.

        `engine` is "babe" (the default) or "manual"; `sealer` is the account that earns from
        manually sealed blocks. For "babe": `epochConfig` is {"c": [1, 2], "allowed_slots":
        "PrimaryAndSecondaryVRFSlots"}, `secondaryRule` is "uniform" (the default) or "weighted",
        `randomness` 32 bytes in hex, the randomness of the first two epochs. The authorities come
        from Session.
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
        self.epochs.epoch_config.value = (
            epoch_config(fields["epochConfig"]) if "epochConfig" in fields else DEFAULT_CONFIG
        )
        if "secondaryRule" in fields:
            self.epochs.secondary_rule.value = fields["secondaryRule"].one_of(lower(SecondaryRule))
        if "randomness" in fields:
            randomness = fields["randomness"].hex_bytes(32)
            self.epoch_randomness.randomness.value = randomness
            self.epoch_randomness.next_randomness.value = randomness
            self.beacon_log.beacon.value = randomness

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
        self.initialized.keep(claim)
        weight = 0
        if number == 1:
            self.genesis_slot.value = slot
        else:
            self.lateness.value = u32(min(slot - parent - 1, u32.MAX))
        if self.engine.value is Engine.Babe:
            if number == 1:
                self.epochs.announce(self.epochs.next_authorities.peek())
            elif self.epochs.is_over():
                weight += self._sessions().rotate()
                self.absences.retain(self._sessions().validators_now())
            author = self._seat(int(claim.claim.authority_index))
            weight += self._count_gap(int(parent), int(slot), author)
        return weight

    def on_finalize(self, number: int) -> None:
        """Add the block's VRF output to the randomness of a later epoch and to the beacon."""
        claim = self.initialized.peek() if self.initialized.exists() else None
        self.initialized.kill()
        self.lateness.kill()
        if claim is None:
            raise InvalidBlock(f"block {number} was never opened")
        output = self._vrf_output(claim)
        if output is None:
            # No VRF output. The parent's hash suffices where one author seals all blocks anyway.
            self.author_vrf_randomness.kill()
            randomness: bytes = self.system.parent_hash.value
        else:
            share, randomness = randomness_of(output), beacon_of(output)
            self.author_vrf_randomness.value = share
            if isinstance(claim, Primary):
                self.epoch_randomness.collect(share)
        self.beacon_log.advance(number, self.current_slot.value, self.author(), randomness)

    def validate_unsigned(self, call: Call, source: TransactionSource) -> ValidTransaction | None:
        """Accept reports of equivocations that are valid and new, local or in a block."""
        return self.reports.validate_unsigned(call, source)

    # ---- calls

    @call(0, weight=by_headers(weights.report_equivocation))
    def report_equivocation(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report an author that made two blocks in one slot.

        The call is free if the offender is slashed.
        """
        who = origin.signed()
        return self._report(equivocation_proof, key_owner_proof, who, weights.report_equivocation)

    @call(1, weight=by_headers(weights.report_equivocation_unsigned))
    def report_equivocation_unsigned(
        self, origin: Origin, equivocation_proof: Proof, key_owner_proof: KeyOwnerProof
    ) -> PostInfo:
        """Report an author that made two blocks in one slot. Sent by authority nodes; unsigned."""
        origin.none()
        return self._report(
            equivocation_proof, key_owner_proof, None, weights.report_equivocation_unsigned
        )

    @call(2, weight=weights.PLAN_CONFIG_CHANGE)
    def plan_config_change(self, origin: Origin, config: NextConfigDescriptor) -> None:
        """Plan epoch parameters, announced with the next epoch, in force one later. Root only."""
        origin.root()
        won, of = config.c
        is_empty = won == 0 and config.allowed_slots is AllowedSlots.PrimarySlots
        if is_empty or of == 0 or won > of:
            raise self.InvalidConfiguration
        self.epochs.pending_epoch_config_change.value = config

    # ---- public interface

    def connect(self, sessions: Sessions, offences: Offences | None) -> None:
        """Connect pallets that come later in the runtime's table and depend on this one."""
        self.sessions, self.offences = sessions, offences
        self.reports.connect(sessions, offences)

    def now(self) -> traits.Slot:
        """Return the slots since the first block's slot; 0 at genesis and in block 1."""
        return traits.Slot(int(self.current_slot.value) - int(self.genesis_slot.value))

    def moment(self) -> int:
        """Return the beginning of the current slot, in milliseconds since 1970."""
        return int(self.current_slot.value) * int(self.expected_block_time)

    def author(self) -> AccountId | None:
        """Return the account that earns from the current block (or the last), or None.

        Under manual seal the sealer, else the validator at the claim's index.
        """
        if self.engine.value is Engine.Manual:
            return self.sealer.get()
        return self.block_author.get()

    def key_ownership(self, slot: int, key: bytes) -> bytes | None:
        """Return the encoded proof of the owner of `key` in a slot; None if it had no owner."""
        if slot < self.genesis_slot.value:
            return None
        return self.reports.ownership(self.epochs.session_of(slot), key)

    def randomness_after(self, time: int, delay: int, authors: int) -> Beacon | None:
        """Return the first beacon at least `delay` slots after `time`, a number like `now`.

        As for `BeaconLog.after`, `authors` different authors must have made blocks after `time`.
        """
        since = int(self.genesis_slot.value) + time
        last = int(self.system.number.value)
        return self.beacon_log.after(since + delay, last, since=since, authors=authors)

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

    # ---- internals

    def _claim(self) -> Claim:
        """Return the header's claim to its slot. Raises InvalidBlock."""
        try:
            claim = pre_digest(self.system.digest.peek().logs)
        except NoPreDigest as error:
            raise InvalidBlock(str(error)) from error
        if self.engine.value is Engine.Manual and not sealed_by_hand(claim):
            raise InvalidBlock("under manual seal the claim must be the plain one of authority 0")
        return claim

    def _seat(self, index: int) -> AccountId:
        """Store and return the author of the block. Raises InvalidBlock if unknown or disabled."""
        sessions = self._sessions()
        validators = sessions.validators_now()
        if index >= len(validators):
            raise InvalidBlock(f"there is no authority {index}, the last is {len(validators) - 1}")
        if sessions.is_disabled(index):
            raise InvalidBlock(
                f"authority {index} is disabled in session {sessions.session_index()}"
            )
        self.block_author.value = validators[index]
        return validators[index]

    def _count_gap(self, parent: int, slot: int, author: AccountId) -> int:
        """Count the empty slots before a block in `slot`; return the weight used."""
        first = max(parent + 1, self.epochs.first_slot())
        gap = range(first, slot) if slot - parent - 1 <= MAX_GAP else range(0)
        has_counted = self.absences.count(author, self._secondary_authors(gap))
        return weights.count_gap(len(gap)) if gap or has_counted else 0

    def _secondary_authors(self, slots: range) -> list[AccountId]:
        """Return the secondary authors of slots of the current epoch, each once."""
        if not slots or self.epochs.config().allowed_slots is AllowedSlots.PrimarySlots:
            return []
        epoch, validators = self.epochs.current(), self._sessions().validators_now()
        return [validators[index] for index in dict.fromkeys(map(epoch.secondary_author, slots))]

    def _sessions(self) -> Sessions:
        if self.sessions is None:
            raise InvalidBlock("this runtime has no sessions: blocks can only be sealed by hand")
        return self.sessions

    def _vrf_output(self, claim: Claim) -> VrfOutput | None:
        """Return the VRF output of a claim; its proof was checked before the block was executed."""
        if isinstance(claim, SecondaryPlain):
            return None
        key, _ = self.epochs.authorities.peek()[int(claim.claim.authority_index)]
        slot, index = int(claim.claim.slot), int(self.epochs.epoch_index.value)
        what = slot_input(self.epoch_randomness.randomness.value, slot, index)
        return self.vrf.attach(key, what, claim.claim.vrf_signature.pre_output)

    def _report(
        self,
        proof: EquivocationProof,
        membership: MembershipProof,
        reporter: AccountId | None,
        own: Callable[[int, int], int],
    ) -> PostInfo:
        logs = count_logs(proof)
        return self.reports.submit(
            proof, membership, reporter, lambda offenders: own(offenders, logs)
        )

    def _check_session(self, proof: EquivocationProof, session: u32) -> None:
        """Check that the slot of a proof is past and was in a session. Raises the calls' errors."""
        slot = int(proof.slot)
        if not self.genesis_slot.value <= slot <= self.current_slot.value:
            raise self.InvalidEquivocationProof
        if self.epochs.session_of(slot) != session:
            raise self.InvalidKeyOwnershipProof


def sealed_by_hand(claim: Claim) -> bool:
    """Return True if `claim` is the only one that manual seal allows."""
    return isinstance(claim, SecondaryPlain) and claim.claim.authority_index == 0


def epoch_config(section: Section) -> EpochConfig:
    """Return the epoch parameters of the genesis configuration. Raises GenesisError."""
    fields = section.fields(required=("c", "allowed_slots"))
    won, of = (part.u64() for part in fields["c"].rows(2))
    allowed = fields["allowed_slots"].one_of({slots.name: slots for slots in AllowedSlots})
    if of == 0 or won > of or (won == 0 and allowed is AllowedSlots.PrimarySlots):
        raise fields["c"].wrong("a fraction from 0 to 1 by which a block can be made")
    return EpochConfig((won, of), allowed)


def lower(kind: type[E]) -> dict[str, E]:
    """Return the members of an enumeration by their lower-case names."""
    return {member.name.lower(): member for member in kind}
