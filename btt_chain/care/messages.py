"""The files between a facility and a wallet: claim, request, answer. JSON, bounded, hex for bytes.

    facility --Claim--> wallet      the right to points, for one activity; its holder has them
    wallet --Request--> facility     blinded messages, for no more points than the claim's
    facility --Answer--> wallet      their blind signatures, in the same order

A request and an answer carry no account and no name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.care.errors import Refusal
from btt_chain.crypto.rsa_pss import MODULUS_LENGTH
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.point_voucher import Denomination
from btt_chain.primitives.strict_json import BadJson, read_object

VERSION: Final = 1
MAX_BYTES: Final = 1 << 20
"""Maximum bytes of a message."""
MAX_VOUCHERS: Final = 1_024
"""Maximum vouchers of a request."""
CODE_LENGTH: Final = 32
MAX_URL: Final = 2_048
_ACCOUNT: Final = 32
_MARKS: Final = '[]{},"'
_MAX_MARKS: Final = 8 * MAX_VOUCHERS
"""Maximum brackets, commas and quotes of a message: a request has six in each row."""


class Wanted(NamedTuple):
    """A blinded message, and the denomination whose key is to sign it."""

    denomination: Denomination
    blinded: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A right to points of one activity."""

    genesis: bytes
    facility: bytes
    month: int
    points: int
    code: bytes
    """Random; its holder collects the points."""
    url: str = ""
    """Address of the facility's `facility serve`; empty if vouchers are exchanged as files."""

    def encode(self) -> str:
        """Return the text of a claim."""
        fields: dict[str, object] = {
            "version": VERSION,
            "genesis": self.genesis.hex(),
            "facility": self.facility.hex(),
            "month": self.month,
            "points": self.points,
            "code": self.code.hex(),
        }
        return json.dumps(fields | ({"url": self.url} if self.url else {}))

    @classmethod
    def decode(cls, text: str | bytes) -> Claim:
        """Return a claim. Raises Refusal if the text is none."""
        found = _Fields(text, "claim")
        return cls(
            found.hex("genesis", _ACCOUNT),
            found.hex("facility", _ACCOUNT),
            found.number("month", (1 << 32) - 1),
            found.number("points", (1 << 32) - 1),
            found.hex("code", CODE_LENGTH),
            found.text("url", MAX_URL),
        )

    def __repr__(self) -> str:
        return f"Claim(month={self.month}, points={self.points})"


@dataclass(frozen=True, slots=True)
class Request:
    """The blinded messages that a wallet has a facility sign."""

    code: bytes
    wanted: Sequence[Wanted]

    @property
    def points(self) -> int:
        """Sum of the points of all vouchers."""
        return sum(each.denomination.points for each in self.wanted)

    def encode(self) -> str:
        """Return the text of a request."""
        rows = [[int(each.denomination), each.blinded.hex()] for each in self.wanted]
        return json.dumps({"version": VERSION, "code": self.code.hex(), "wanted": rows})

    @classmethod
    def decode(cls, text: str | bytes) -> Request:
        """Return a request. Raises Refusal if the text is none."""
        found = _Fields(text, "request")
        rows = found.list("wanted", MAX_VOUCHERS)
        wanted: list[Wanted] = []
        for row in rows:
            match row:
                case [int(number), str(blinded)] if (
                    0 <= number < len(Denomination) and type(number) is int
                ):
                    wanted.append(Wanted(Denomination(number), _hex(blinded, MODULUS_LENGTH)))
                case _:
                    raise Refusal("the request has a row that is not a denomination and message")
        return cls(found.hex("code", CODE_LENGTH), wanted)


@dataclass(frozen=True, slots=True)
class Answer:
    """The blind signatures of a request, in its order."""

    signed: Sequence[bytes]

    def encode(self) -> str:
        """Return the text of an answer."""
        return json.dumps({"version": VERSION, "signed": [each.hex() for each in self.signed]})

    @classmethod
    def decode(cls, text: str | bytes) -> Answer:
        """Return an answer. Raises Refusal if the text is none."""
        rows = _Fields(text, "answer").list("signed", MAX_VOUCHERS)
        signed = [_hex(row, MODULUS_LENGTH) for row in rows if isinstance(row, str)]
        if len(signed) != len(rows):
            raise Refusal("the answer has a row that is not a signature")
        return cls(signed)


class _Fields:
    """The fields of a message."""

    def __init__(self, text: str | bytes, what: str) -> None:
        if len(text) > MAX_BYTES:
            raise Refusal(f"the {what} has more than {MAX_BYTES} bytes")
        plain = text if isinstance(text, str) else text.decode("latin-1")
        if sum(map(plain.count, _MARKS)) > _MAX_MARKS:
            raise Refusal(f"the {what} has more than {MAX_VOUCHERS} rows")
        try:
            fields = read_object(text)
        except BadJson as error:
            raise Refusal(f"this is not a {what}: it is not a JSON object: {error}") from None
        self._fields: dict[str, object] = fields
        self._what = what
        if fields.get("version") != VERSION:
            raise Refusal(f"this {what} is not of version {VERSION}")

    def hex(self, name: str, length: int) -> bytes:
        return _hex(self._fields.get(name), length, f"the {self._what}'s {name}")

    def number(self, name: str, maximum: int) -> int:
        value = self._fields.get(name)
        if type(value) is not int or not 0 <= value <= maximum:
            raise Refusal(f"the {self._what}'s {name} is not a number up to {maximum}")
        return value

    def text(self, name: str, maximum: int) -> str:
        value = self._fields.get(name, "")
        if not isinstance(value, str) or len(value) > maximum or not value.isprintable():
            raise Refusal(f"the {self._what}'s {name} is not a text of up to {maximum} characters")
        return value

    def list(self, name: str, maximum: int) -> list[object]:
        value = self._fields.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= maximum:
            raise Refusal(f"the {self._what}'s {name} is not a list of 1 to {maximum} rows")
        return value


def _hex(value: object, length: int, what: str = "a row") -> bytes:
    if isinstance(value, str) and len(value) == 2 * length:
        try:
            found = bytes.fromhex(value)
        except ValueError:
            found = b""
        # Python skips spaces between digits.
        if len(found) == length:
            return found
    raise Refusal(f"{what} is not {length} bytes in hex")
