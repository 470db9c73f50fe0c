"""Usual calls that are executed in one pass, for tests that compare it with the general way."""

from __future__ import annotations

import pytest

from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown
from runtime.direct import DirectCalls
from runtime.executive import Executive
from runtime.kept import Kept


class Ways:
    """Counts the extrinsics that were executed in one pass, and can forbid that way."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        self.is_allowed = True
        whole = DirectCalls.apply

        def apply(path: DirectCalls, raw: bytes, kept: Kept | None, family: object) -> bool:
            done = self.is_allowed and whole(path, raw, kept, family)
            self.taken += done
            return done

        patch.setattr(DirectCalls, "apply", apply)


def admission(executive: Executive, raw: bytes) -> tuple[object, ...]:
    """Return the validity of an extrinsic and what is kept of it, or its refusal."""
    try:
        valid, kept = executive.admit(TransactionSource.External, raw)
    except (Invalid, Unknown) as refused:
        return type(refused), str(refused)
    assert kept is not None
    return valid, kept.who, kept.extra, kept.implicit, kept.info, kept.length, kept.fee
