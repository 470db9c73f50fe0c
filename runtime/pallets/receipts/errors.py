"""Errors of Receipts. Their documentation is shown by wallets."""

from __future__ import annotations

from runtime.frame import Error


class UnknownReceipt(Error, index=0):
    """The receipt does not exist, or ended long ago; its id is in the event `Submitted`."""


class BadTimes(Error, index=1):
    """`started` is before the acceptance, or `finished` is before `started` or in the future;
    both are slots since genesis.
    """


class WrongPhase(Error, index=2):
    """The receipt is in another phase; its `phase` and `due` show what can be done."""


class NotSeated(Error, index=3):
    """The account is not in this receipt's committee; see its `seats`."""


class TooEarly(Error, index=4):
    """The commit period is not over, or no verifier has revealed this error yet; wait."""


class TooLate(Error, index=5):
    """The deadline has passed; the receipt continues without it."""


class AlreadyCommitted(Error, index=6):
    """The verifier has already committed or revealed; no further step is needed."""


class BadSignature(Error, index=7):
    """The signature is not by the BABE key of the seat, over `ids.commit_message`."""


class WrongOpening(Error, index=8):
    """The reveal does not match the commitment; send verdict, digest and salt as given to
    `ids.attestation`.
    """


class NotFraudulent(Error, index=9):
    """The proof is wrong; check it with `btt-chain work verify` before you send it."""


class AlreadyProven(Error, index=10):
    """The receipt is already proven wrong, and waits until a planted error is ruled out."""


class NotAllowed(Error, index=11):
    """Only the requester, the provider or, for `challenge_data`, a committee member may do this.
    An unsigned proof must be of a place that a verifier has revealed; sign it.
    """


class LeafRefused(Error, index=12):
    """The leaf shown is not the one that the receipt commits to; show it with its roots."""


class NotRequested(Error, index=13):
    """The leaf was not requested, or was shown already."""


class TooManyRequests(Error, index=14):
    """Too many leaves are requested; wait until some are shown."""


class NoSuchLeaf(Error, index=15):
    """The leaf does not exist, or the verifier did not check its item; indices start at 0."""


class DigestRight(Error, index=16):
    """The verifier's digest contains this leaf correctly; there is nothing to dispute."""


class NoPlantedError(Error, index=17):
    """The proof, roots or salt are not those of a planted error that you committed to."""


class BondTooSmall(Error, index=18):
    """The bond is below `minimum_bond`; bond more."""


class NoSessionKeys(Error, index=19):
    """The account has no session keys; register your node's keys with `session.setKeys`."""


class AlreadyVerifier(Error, index=20):
    """The account is a verifier already; use `bond_extra`, or withdraw the bond first."""


class NotVerifier(Error, index=21):
    """The account has no bond as a verifier; `join` first."""


class VerifiersFull(Error, index=22):
    """The number of verifiers is at its maximum of 256; wait until one leaves."""


class StillBonded(Error, index=23):
    """The bond is still liable; it is free from slot `free_at` on, after `leave`, once no open
    receipt has your seat.
    """


class BadVrfProof(Error, index=24):
    """The VRF proof is wrong; make it with the seat's BABE key, over `ids.check_input` of the
    seat's beacon.
    """
