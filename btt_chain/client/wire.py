"""Conversion of the values in a node's answers: hex, numbers, members."""

from __future__ import annotations

from typing import Final

from btt_chain.client.errors import InvalidAnswer
from btt_chain.client.jsonrpc import Json
from btt_chain.primitives.digits import from_hex
from btt_chain.scale.portable import Plain


def to_bytes(answer: Json) -> bytes:
    """Return the bytes that a node sent in hex. Raises InvalidAnswer."""
    if not isinstance(answer, str):
        raise InvalidAnswer(f"the node answered {answer!r} where bytes were expected")
    try:
        return from_hex(answer)
    except ValueError:
        raise InvalidAnswer(f"the node answered {answer[:40]!r} where hex was expected") from None


MAX_INTEGER: Final = 2**64 - 1


def integer_of(answer: Json) -> int:
    """Return a number that a node sent as such or in hex, 0 or more. Raises InvalidAnswer."""
    try:
        if isinstance(answer, str) and answer.startswith("0x") and len(answer) <= 34:
            return int(answer, 16)
    except ValueError:
        pass
    else:
        if isinstance(answer, int | float) and 0 <= answer <= MAX_INTEGER:
            return int(answer)
    raise InvalidAnswer(f"the node answered {answer!r} where a number was expected")


def member(answer: Json, name: str) -> Json:
    """Return a member of an answer. Raises InvalidAnswer if it has none."""
    if not isinstance(answer, dict) or name not in answer:
        raise InvalidAnswer(f"the node's answer has no {name!r}")
    return answer[name]


def list_of(answer: Json) -> list[Json]:
    """Return a list that a node sent. Raises InvalidAnswer."""
    if not isinstance(answer, list):
        raise InvalidAnswer(f"the node answered {answer!r} where a list was expected")
    return answer


def records_of(answer: Json) -> list[dict[str, Json]]:
    """Return a list of records that a node sent. Raises InvalidAnswer."""
    records = [record for record in list_of(answer) if isinstance(record, dict)]
    if len(records) != len(list_of(answer)):
        raise InvalidAnswer("the node's answer has something else where records were expected")
    return records


def fields_of(value: Plain) -> dict[str, Plain]:
    """Return the members of a decoded record. Raises InvalidAnswer."""
    if not isinstance(value, dict):
        raise InvalidAnswer(f"{value!r} is not a record")
    return value


def number_of(value: Plain) -> int:
    """Return a decoded whole number. Raises InvalidAnswer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidAnswer(f"{value!r} is not a number")
    return value


def header_number(header: Json) -> int:
    """Return the number of a block from its header's JSON form. Raises InvalidAnswer."""
    return integer_of(member(header, "number"))
