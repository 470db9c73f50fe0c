"""Errors of the client: each says what failed, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from btt_chain.client.jsonrpc import Json

MAX_TEXT: Final = 4_000
"""Maximum characters of an error's text, parts of which may come from the node."""


def printable(text: str) -> str:
    """Return a text with control characters escaped: a node's answers could move the cursor."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


class ClientError(Exception):
    """A request failed; the text says why. It has no control characters, and a maximum length."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} …"))


class InvalidArgument(ClientError):
    """A URL, a name's form, an argument of a call or a key cannot be used."""


class NotFound(ClientError):
    """There is no such pallet, call, storage item, block or account."""


class MissingFeature(NotFound):
    """The chain's runtime has no such pallet, runtime API or method; others have it."""

    def __init__(self, runtime: str, lacking: str) -> None:
        """`runtime` is the `spec_name`, `lacking` the rest of a sentence: `pallet 'Vaults'`."""
        super().__init__(f"the chain's runtime, {runtime}, has no {lacking}")
        self.runtime = printable(runtime)


class Disconnected(ClientError):
    """No node answers, or the connection broke: connect again."""


class TimedOut(Disconnected):
    """The node did not answer in time: wait longer, or check whether it is overloaded."""


class RuntimeChanged(Disconnected):
    """The chain has a newer runtime than the connection's metadata: connect again."""


class RpcError(ClientError):
    """The node answered with an error."""

    def __init__(self, method: str, code: int, message: str, data: Json) -> None:
        detail = f": {data}" if isinstance(data, str) else ""
        super().__init__(f"the node refused {method}: {message}{detail} (code {code})")
        self.code = code
        self.data = data

    @property
    def is_unknown_method(self) -> bool:
        """True if the node has no such method."""
        return self.code == METHOD_NOT_FOUND


class InvalidAnswer(ClientError):
    """The node's answer has another form than its method's."""


class Undecodable(ClientError):
    """Bytes do not have the form that the metadata describes, or its version is not supported."""


class TransactionRefused(ClientError):
    """The pool refuses the transaction: it is invalid (by now), or its fee cannot be paid."""


class NotIncluded(ClientError):
    """The transaction came into no block in time: check the state, and send it again."""


class DispatchFailed(ClientError):
    """The call came into a block and failed there."""

    def __init__(self, name: str, docs: str = "") -> None:
        super().__init__(f"{name}: {docs}" if docs else name)
        self.name = name
        """Pallet and error, as `Jobs.PriceAboveMax`; `Token.FundsUnavailable`, `BadOrigin` ..."""


METHOD_NOT_FOUND = -32601
"""JSON-RPC's code for a method that the node does not have."""


# DecodeError is a ValueError. Metadata that contradict themselves lead to lookups that fail, and to
# types without an end.
MALFORMED: Final = (ValueError, LookupError, RecursionError)


@contextmanager
def decoding(what: str, errors: tuple[type[Exception], ...] = MALFORMED) -> Iterator[None]:
    """Raise Undecodable, with `what` in front, if bytes or metadata of the node are malformed."""
    try:
        yield
    except errors as error:
        raise Undecodable(f"{what}: {error}") from error
