"""What can be wrong with a model, an input, or a proof."""

from __future__ import annotations


class WorkError(Exception):
    """Something was handed to the work library that it cannot take; the message says what."""


class ModelRefused(WorkError):
    """The model is outside of what can be executed exactly; the message names the node."""

    @classmethod
    def at(cls, name: str, why: str) -> ModelRefused:
        """Refuse because of one node."""
        return cls(f"node {name!r}: {why}")


class InputRefused(WorkError):
    """The items do not have the kind and shape that the model's input has."""


class ProofRefused(WorkError):
    """A fraud proof that does not open what it claims to, or opens something else."""


class NotFraud(ProofRefused):
    """All openings hold, and the element is what it should be."""
