"""Errors of Evaluation."""

from __future__ import annotations

from runtime.frame import Error


class NotCurator(Error, index=0):
    """The account is not an active hospital, laboratory or auditor. Register as a facility."""


class InvalidQuestion(Error, index=1):
    """A range of scores ascends, and a set has 2 to 16 classes."""


class InvalidParts(Error, index=2):
    """A set has 1 to 2^20 items, and a part for each 4,096 of them that begin."""


class InvalidEndpoints(Error, index=3):
    """The addresses are not multiaddresses with a peer id, one a line."""


class AlreadyAdded(Error, index=4):
    """The account added this set before."""


class UnknownSet(Error, index=5):
    """There is no set of this id. Look at `Evaluation.Sets`."""


class NotSetOwner(Error, index=6):
    """The set belongs to another account."""


class AlreadyRetired(Error, index=7):
    """The set was retired or revoked: it takes no runs. Use another set."""


class NotRetired(Error, index=8):
    """The set is not retired, or was revoked. Retire it first; a revoked set stays."""


class TooEarly(Error, index=9):
    """The time has not passed yet: to remove a set, or to dispute the reports of a run."""


class SetInUse(Error, index=10):
    """A run on this set is open. Finish it first."""


class UnknownModel(Error, index=11):
    """There is no model of this id that takes jobs."""


class NotModelOwner(Error, index=12):
    """The model belongs to another account."""


class UnfitModel(Error, index=13):
    """The model does not answer the set's question.

    It needs one output of at most 4,096 bytes with one scale: with the score, or with a number for
    each class.
    """


class AlreadyRunning(Error, index=14):
    """A run of this model on this set is open."""


class MeasuredRecently(Error, index=15):
    """The model was measured on this set less than 90 days ago."""


class NoSkill(Error, index=16):
    """The model has shown no skill on this set: it is not measured on it again."""


class UnknownRun(Error, index=17):
    """There is no open run of this number. Look at `Evaluation.Runs`."""


class UnknownPart(Error, index=18):
    """The set has no such part, or it is not reported."""


class AlreadyReported(Error, index=19):
    """The part is reported. If an answer is wrong, dispute it."""


class RunOver(Error, index=20):
    """The time for reports of this run is over. Finish it, and request another."""


class OtherJob(Error, index=21):
    """The job is unknown, of another model or of other inputs, or was posted before the run."""


class NotFinal(Error, index=22):
    """The job is not finalized: only accepted receipts count."""


class WeakCheck(Error, index=23):
    """The job's check is too weak.

    It needs the open tier, enough operators to select from, and below 256 items a full check.
    """


class OwnProvider(Error, index=24):
    """The job's provider belongs to the operator of the model's or of the set's owner."""


class InvalidAnswers(Error, index=25):
    """There is one answer for each item of the part: its bin, or its class."""


class OtherLabels(Error, index=26):
    """These are not the labels of the set, or one of them is not a label of its question."""


class OtherAnswers(Error, index=27):
    """These are not the answers and labels that were reported. The report's call has them."""


class OutputRefused(Error, index=28):
    """The output is not the one that the receipt commits to for this item."""


class AnswerRight(Error, index=29):
    """The reported answer is the one in the output."""


class DisputeOver(Error, index=30):
    """The time for disputes of this report is over."""


class NotComplete(Error, index=31):
    """Parts are missing, and there is time left to report them."""
