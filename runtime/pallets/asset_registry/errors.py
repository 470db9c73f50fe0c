"""Errors of the asset registry."""

from __future__ import annotations

from runtime.frame import Error


class AlreadyRegistered(Error, index=0):
    """Another asset has the same documents; its number is in `AssetRegistry.ByDocuments`."""


class Unknown(Error, index=1):
    """There is no asset of this number; assets are listed in `AssetRegistry.Registered`."""


class BadState(Error, index=2):
    """The asset's `state` does not allow the call."""


class NotIssuer(Error, index=3):
    """The caller is not the issuer of the asset."""


class NotJudged(Error, index=4):
    """The caller's identity has no judgement; a registrar of `Identity` gives one."""


class NotVerifier(Error, index=5):
    """The account may not verify in this role: it must bond and be appointed by referendum."""


class VerifierConflict(Error, index=6):
    """The verifier is the asset's issuer or its verifier in the other role, or has the same
    identity as one of them.
    """


class AlreadyVerified(Error, index=7):
    """A verifier of this role has already attested the asset."""


class BadClass(Error, index=8):
    """The complexity class is not 1, 2 or 3."""


class BadTerms(Error, index=9):
    """The value or the number of units is zero."""


class NoStake(Error, index=10):
    """The caller has no stake that is active and lasts beyond the end of the vote."""


class AlreadyVoted(Error, index=11):
    """The caller has already voted on this asset."""


class VotingOpen(Error, index=12):
    """The vote is still open; units can be issued after its end."""


class VotingOver(Error, index=13):
    """The vote is over."""


class NothingToClaim(Error, index=14):
    """There is nothing to claim for this asset now."""


class RevaluationPending(Error, index=15):
    """A valuation is already paid for; verifiers have to complete it first."""


class NoRevaluation(Error, index=16):
    """No valuation of this asset was requested."""


class ValuationJump(Error, index=17):
    """The value would change within a quarter by more than `params.jump_bps`."""


class TooManyValuations(Error, index=18):
    """The asset has reached the maximum number of valuations in a quarter."""


class ValuesDiffer(Error, index=19):
    """The other verifier submitted another value; both must submit the same."""


class OfferOpen(Error, index=20):
    """The issuer's offer to buy units back is open; offering zero units withdraws it."""


class NoOffer(Error, index=21):
    """The issuer has no offer for this number of units at this price."""


class UnitsElsewhere(Error, index=22):
    """Other accounts hold units, or some of the caller's units are on hold for orders."""


class BondTooLow(Error, index=23):
    """The bond is less than `verifier_bond`; a slashed verifier must leave and bond again."""


class AlreadyBonded(Error, index=24):
    """The caller already has a verifier's bond."""


class StillBound(Error, index=25):
    """The verifier has not left, has left already, or its bond is not due; see `leaving`."""


class InvalidParams(Error, index=26):
    """The parameters are out of bounds or inconsistent; see `Params.problem`."""


class NothingToForget(Error, index=27):
    """There are no votes to remove, or they still count for the result or for rewards."""
