"""Seals of prepared payloads: what comes back is what was prepared, in the same session, in time.

The server keeps no payload. A seal is a keyed hash over the session, the time and the payload.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

SECONDS: Final = 600
"""Seconds for which a seal is valid."""
MAX_USED: Final = 4_096
"""Used seals that are remembered; the oldest are near their end."""


class BadSeal(ValueError):
    """The payload was not prepared here for this session, or too long ago, or was sent already."""


class Seals:
    """The seals of one server."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, int] = OrderedDict()

    def seal(self, session: str, payload: Mapping[str, object], now: int) -> str:
        """Return the seal of a payload; `now` in seconds."""
        until = now + SECONDS
        return f"{until}.{self._hash(session, payload, until)}"

    def check(self, session: str, payload: Mapping[str, object], seal: str, now: int) -> None:
        """Raise BadSeal if a payload may not be sent."""
        until, _, found = seal.partition(".")
        if not (seal.isascii() and until.isdecimal() and len(until) <= 12):
            raise BadSeal("this payload was not prepared here")
        wanted = self._hash(session, payload, int(until))
        if not hmac.compare_digest(wanted.encode(), found.encode()):
            raise BadSeal("this payload was not prepared here, or in another session")
        if now >= int(until):
            raise BadSeal("it was prepared more than ten minutes ago: prepare it again")
        if found in self._used:
            raise BadSeal("it was sent already")

    def use(self, seal: str) -> None:
        """Remember that a payload was sent."""
        self._used[seal.partition(".")[2]] = 1
        if len(self._used) > MAX_USED:
            self._used.popitem(last=False)

    def _hash(self, session: str, payload: Mapping[str, object], until: int) -> str:
        text = json.dumps([session, until, payload], sort_keys=True, separators=(",", ":"))
        return blake2b(text.encode(), key=self._key, digest_size=24).hexdigest()
