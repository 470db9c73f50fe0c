"""Names of the blobs that providers and requesters serve to each other."""

from __future__ import annotations


def model_name(model: bytes) -> str:
    """Return the name of a model's manifest and weights."""
    return f"model/{model.hex()}"


def payload_name(job: bytes) -> str:
    """Return the name of a job's inputs, sealed to the provider."""
    return f"payload/{job.hex()}"


def result_name(job: bytes) -> str:
    """Return the name of a job's outputs, sealed to the reply key."""
    return f"result/{job.hex()}"


def roots_name(receipt: bytes) -> str:
    """Return the name of a receipt's roots (`roots.Roots`)."""
    return f"roots/{receipt.hex()}"


def transcript_name(receipt: bytes, item: int) -> str:
    """Return the name of an item's tensors, one after the other."""
    return f"transcript/{receipt.hex()}/{item}"


def sums_name(receipt: bytes, item: int) -> str:
    """Return the name of an item's accumulators (`checking.sums_of`).

    They are served only if the model's owner chose random vectors, and the model is large enough.
    """
    return f"sums/{receipt.hex()}/{item}"
