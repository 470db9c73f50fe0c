"""Official vectors: where the shared files of real chains and clients lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def vectors_dir() -> Path:
    """The folder of shared vectors; skips the test, with a line that says how to run it, if absent.

    `$BTT_VECTORS` wins; a path set there that does not exist is a mistake and fails the test.
    Otherwise `../shared/vectors` beside the checkout.
    """
    configured = os.environ.get("BTT_VECTORS")
    if configured:
        folder = Path(configured)
        if not folder.is_dir():
            pytest.fail(f"BTT_VECTORS={configured} is not a folder", pytrace=False)
        return folder
    folder = REPOSITORY.parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip("no shared vectors: set BTT_VECTORS to their folder")
    return folder
