"""Events of Receipts. Their documentation is shown by wallets."""

from __future__ import annotations

from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, BlockNumber
from runtime.pallets.receipts.types import JobId, Phase, ReceiptId, SomeVerdict


class Submitted(Event, index=0):
    """A provider submitted a receipt."""

    receipt: ReceiptId
    job: JobId
    provider: AccountIdOf


class CommitteeSelected(Event, index=1):
    """Verifiers were selected to check a receipt, in addition to those with valid votes."""

    receipt: ReceiptId
    verifiers: Annotated[list[AccountId], TypeName("Vec<T::AccountId>")]
    commit_until: BlockNumber
    reveal_until: BlockNumber


class Committed(Event, index=2):
    """A verifier committed to its verdict."""

    receipt: ReceiptId
    verifier: AccountIdOf


class Revealed(Event, index=3):
    """A verifier revealed its verdict."""

    receipt: ReceiptId
    verifier: AccountIdOf
    verdict: SomeVerdict


class VoterExposed(Event, index=4):
    """A verifier was shown to have accepted a planted error; it is slashed at the end."""

    receipt: ReceiptId
    verifier: AccountIdOf


class PhaseBegan(Event, index=5):
    """A receipt entered a phase, which ends by itself in slot `until`."""

    receipt: ReceiptId
    phase: Phase
    until: BlockNumber


class FraudProven(Event, index=6):
    """The receipt was proven wrong at `place`. The provider lost `slashed` of its bond."""

    receipt: ReceiptId
    place: SomeVerdict
    slashed: BalanceOf


class FalseProof(Event, index=7):
    """A proof was wrong, and `burned` planck of its sender were destroyed."""

    receipt: ReceiptId
    who: AccountIdOf
    burned: BalanceOf


class PlantedErrorRevealed(Event, index=8):
    """A planted error was revealed. The receipt now has the right roots, to be checked."""

    receipt: ReceiptId


class VerifierSlashed(Event, index=9):
    """A verifier lost a part of its bond."""

    receipt: ReceiptId
    verifier: AccountIdOf
    amount: BalanceOf


class LeafRequested(Event, index=10):
    """The provider was asked to show a leaf before slot `until`."""

    receipt: ReceiptId
    item: u32
    tensor: u32
    leaf: u32
    until: BlockNumber


class LeafShown(Event, index=11):
    """A requested leaf was shown; the call contains it."""

    receipt: ReceiptId
    item: u32
    tensor: u32
    leaf: u32


class VerifierJoined(Event, index=12):
    """A verifier joined, or raised its bond; `bond` is the new total."""

    verifier: AccountIdOf
    bond: BalanceOf


class VerifierLeft(Event, index=13):
    """A verifier left; it is not selected again, and its bond is free from `free_at` on."""

    verifier: AccountIdOf
    free_at: BlockNumber


class VerifierWithdrew(Event, index=14):
    """A verifier withdrew its bond."""

    verifier: AccountIdOf
    amount: BalanceOf
