"""What differs between chains under one law, kept in the state so that a node needs no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btt_chain.scale import codec, path, u32, u64
from runtime.constants import DAY_MS, MONTH_MS

PARAMS_KEY: Final = b":runtime_params"
"""Where block zero keeps the parameters; they never change."""

CHAIN_ID_KEY: Final = b":chain_id"
"""Where block zero keeps the chain's id, so that chains which differ in nothing else differ in
their genesis hash: a transaction of the one is none of the other."""


MAX_VALIDATORS: Final = 1_000
"""Validators that any chain may have at most: votes of each go to all others."""


MIN_SLOT_MS: Final = 100
"""Minimum length of a slot: a third of a shorter one holds too few extrinsics for any chain."""


MAX_COMMITTEE: Final = 15
"""Verifiers that look at one receipt at most."""
PPM: Final = 1_000_000


@path("btt_runtime::params::WorkRules")
@dataclass(frozen=True, slots=True)
class WorkRules:
    """How useful work is drawn, checked and disputed (rulings E); times are in slots.

    What is not given is the development chain's. ValueError if the values do not go together.
    """

    beacon_delay: u32 = u32(2)
    """A draw uses the beacon of the first block so many slots later."""
    beacon_authors: u32 = u32(1)
    """And only after so many different authors made blocks in between."""
    trap_ppm: u32 = u32(0)
    """How many of a million receipts are traps for lazy verifiers."""
    committee: u32 = u32(1)
    """How many verifiers look at a receipt."""
    quorum: u32 = u32(1)
    """How many of them must find it valid."""
    min_operators: u32 = u32(1)
    """Work scores only if so many operators could have been drawn for it."""
    accept_slots: u32 = u32(3)
    """How long a provider may take to accept a job."""
    transcript_slots: u32 = u32(5)
    """How long verifiers have to fetch what they check."""
    commit_slots: u32 = u32(5)
    """How long they then have to commit to their verdict."""
    reveal_slots: u32 = u32(3)
    """How long they then have to reveal it."""
    challenge_slots: u32 = u32(10)
    """How long a receipt that was found valid can be disputed."""

    def __post_init__(self) -> None:
        if not 1 <= self.quorum <= self.committee <= MAX_COMMITTEE:
            told = f"{int(self.quorum)} of {int(self.committee)} verifiers"
            raise ValueError(f"{told}: expected 1 to at most {MAX_COMMITTEE}, in order")
        if self.trap_ppm > PPM:
            raise ValueError(f"{int(self.trap_ppm)} of a million receipts cannot be traps")
        counts = (self.beacon_delay, self.beacon_authors, self.min_operators)
        spans = (self.accept_slots, self.transcript_slots, self.commit_slots, self.reveal_slots)
        if not all((*counts, *spans, self.challenge_slots)):
            raise ValueError("every number of the rules of work but `trap_ppm` is at least 1")


@path("btt_runtime::params::RuntimeParams")
@dataclass(frozen=True, slots=True)
class RuntimeParams:
    """The parameters of a chain (rulings E); what is not given is the development chain's.

    An epoch is a session and an era, too. ValueError if the values do not go together.
    """

    slot_ms: u64
    """The length of a slot in milliseconds."""
    epoch_slots: u32 = u32(20)
    """The length of an epoch in slots."""
    reelection_epochs: u32 = u32(1)
    """How many epochs a list of voters of GRANDPA stays."""
    min_validators: u32 = u32(1)
    """The set of validators never has fewer."""
    max_validators: u32 = u32(16)
    """The set of validators never has more."""
    unbonding_epochs: u32 = u32(6)
    """How many epochs unbonded money can still be slashed, and is not paid out."""
    report_epochs: u32 = u32(5)
    """How many epochs an offence can still be reported; fewer than `unbonding_epochs`."""
    day_ms: u32 = u32(60_000)
    """How long what decides takes a day to be, in milliseconds: a minute where people try things.

    Periods of the treasury, of bounties and of governance count in it; vesting, emission and
    stakes never do.
    """
    work: WorkRules = WorkRules()
    """How useful work is drawn, checked and disputed."""

    def __post_init__(self) -> None:
        slot = int(self.slot_ms)
        if not slot or MONTH_MS % slot or DAY_MS % slot:
            raise ValueError(f"a slot of {slot} ms does not divide a day and a month")
        if slot < MIN_SLOT_MS:
            raise ValueError(f"a slot of {slot} ms is shorter than {MIN_SLOT_MS} ms")
        if not self.epoch_slots or not self.reelection_epochs:
            raise ValueError("an epoch has at least one slot, and a list of voters one epoch")
        if not 1 <= self.min_validators <= self.max_validators <= MAX_VALIDATORS:
            told = f"{int(self.min_validators)} to {int(self.max_validators)} validators"
            raise ValueError(f"{told}: expected 1 to at most {MAX_VALIDATORS}, in order")
        if self.day_ms < slot or self.day_ms > DAY_MS:
            raise ValueError(f"a day of decisions lasts a slot at least, and {DAY_MS} ms at most")
        if not 1 <= self.report_epochs < self.unbonding_epochs:
            raise ValueError("offences are reported for at least one epoch, and before unbonding")

    @property
    def day_slots(self) -> int:
        """How many slots a day of decisions has."""
        return int(self.day_ms) // int(self.slot_ms)

    def encoded(self) -> bytes:
        """Return the SCALE form."""
        return codec(RuntimeParams).encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> RuntimeParams:
        """Read the SCALE form; DecodeError or ValueError if it is none."""
        return codec(RuntimeParams).decode_all(raw)
