"""Errors of models, inputs and proofs."""

from __future__ import annotations


class WorkError(Exception):
    """The work library refuses an argument; the message says why."""


class ModelRefused(WorkError):
    """The model cannot be executed exactly; the message names the node."""

    @classmethod
    def at(cls, name: str, why: str) -> ModelRefused:
        """Return the error for one node."""
        return cls(f"node {name!r}: {why}")


class InputRefused(WorkError):
    """The items do not have the kind and shape of the model's input."""


class ProofRefused(WorkError):
    """A fraud proof does not open what it claims to, or opens something else."""


class NotFraud(ProofRefused):
    """All openings are valid, and the element has the right value."""


class EngineRefused(WorkError):
    """An engine cannot be used here: it is missing, is not an engine, or failed."""


class NotExact(EngineRefused):
    """An engine does not compute what numpy's executor computes, which defines the results."""
