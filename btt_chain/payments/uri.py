"""Payment URIs: `btt:ADDRESS?amount=50.00&currency=CNY&ref=...`.

| key | value |
|---|---|
| `amount` | decimal in the currency: digits, one point, no exponent, no sign, a leading 0 |
| `currency` | letters of ISO 4217, or BTT, which is the default |
| `ref` | the reference: 16 bytes as unpadded base64url |
| `exp` | Unix time in seconds after which it must not be paid |
| `net` | first 8 hexadecimal digits of the genesis hash |
| `label`, `message` | text for the payer; not trusted |
| `sig` | signature of a till key over all that stands before `&sig=`; the last key |

A known key that stands twice makes the URI invalid, and so does an unknown key that begins with
`req-`; other unknown keys are ignored, whatever their values and letters are. Keys are compared as
they are written; one that is a known key in other letters, such as `Amount` or `%61mount`, is
refused, because programs differ there. Source of these rules: BIP 21.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

from btt_chain.crypto import ed25519, sr25519
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.signature import Scheme
from btt_chain.lazyclass import dataclass
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import (
    REFERENCE_LENGTH,
    ensure_random,
    from_base64url,
    to_base64url,
)
from btt_chain.payments.words import ensure_visible
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import BTT, Currency, CurrencyError, currency
from btt_chain.scale import u128

SCHEME: Final = "btt:"
CONTEXT: Final = b"btt-uri-1"
MAX_LENGTH: Final = 2_048
MAX_TEXT: Final = 140
"""Maximum characters of `label` and `message`, decoded."""
SIGNATURE_LENGTH: Final = 64
_KEYS: Final = ("amount", "currency", "ref", "exp", "net", "label", "message", "sig")
_REQUIRED: Final = "req-"
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_NETWORK: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~!$'()*+,;:@/?]*", re.ASCII)
"""Characters of a value that need no percent sign (RFC 3986, query), without `&` and `=`."""


@dataclass(frozen=True, slots=True)
class PaymentUri:
    """A request for a payment, as a link or a QR code carries it."""

    merchant: AccountId
    currency: Currency
    units: u128 | None = None
    """Amount in minor units; None if the payer chooses it."""
    reference: bytes | None = None
    expires_s: int | None = None
    network: str | None = None
    label: str = ""
    message: str = ""
    signature: bytes = b""
    signed: bytes = b""
    """Bytes that the signature covers."""

    def is_signed_by(self, tills: Iterable[bytes]) -> bool:
        """Return True if one of the till keys (32 bytes each) signed this URI."""
        return bool(self.signature) and any(
            scheme.verify(till, self.signed, self.signature)
            for till in tills
            for scheme in (sr25519, ed25519)
        )


def write_uri(request: PaymentUri, till: KeyPair | None = None) -> str:
    """Return the URI of a request, signed if a till's key is given. Raises PaymentError."""
    pairs = []
    if request.units is not None:
        pairs.append(("amount", request.currency.format(request.units)))
    if request.currency.code != BTT:
        pairs.append(("currency", request.currency.code))
    if request.reference is not None:
        pairs.append(("ref", to_base64url(request.reference)))
    if request.expires_s is not None:
        pairs.append(("exp", str(request.expires_s)))
    if request.network is not None:
        pairs.append(("net", request.network))
    pairs += [("label", request.label)] if request.label else []
    pairs += [("message", request.message)] if request.message else []
    text = SCHEME + ss58.encode(request.merchant)
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs)
    text += f"?{query}" if query else ""
    if till is not None:
        if till.scheme is Scheme.ECDSA:
            raise PaymentError("payment request: till keys are sr25519 or ed25519")
        signature = to_base64url(till.sign(CONTEXT + text.encode()))
        text += f"{'&' if query else '?'}sig={signature}"
    read_uri(text)
    return text


def read_uri(text: str) -> PaymentUri:
    """Return the request of a URI. Raises PaymentError with the place and the reason."""
    if len(text) > MAX_LENGTH:
        raise PaymentError(f"payment request: {len(text)} characters, at most {MAX_LENGTH}")
    if text[: len(SCHEME)].lower() != SCHEME:
        raise PaymentError(f"payment request: does not begin with {SCHEME}")
    address, mark, query = text[len(SCHEME) :].partition("?")
    values = _pairs(query) if mark else {}
    try:
        unit = currency(values.get("currency", BTT))
        units = unit.parse(values["amount"]) if "amount" in values else None
    except CurrencyError as error:
        raise PaymentError(f"payment request: {error}") from None
    if units == 0:
        raise PaymentError("payment request: the amount is zero")
    signature = b""
    if "sig" in values:
        signature = from_base64url(values["sig"], SIGNATURE_LENGTH, "payment request: sig")
    return PaymentUri(
        merchant=_account(address),
        currency=unit,
        units=units,
        reference=_reference(values.get("ref")),
        expires_s=_seconds(values.get("exp")),
        network=_network(values.get("net")),
        label=_words("label", values.get("label", "")),
        message=_words("message", values.get("message", "")),
        signature=signature,
        signed=CONTEXT + text[: text.rindex("sig=") - 1].encode() if signature else b"",
    )


def _pairs(query: str) -> dict[str, str]:
    """Return the values of known keys; the others are ignored, unless they begin with req-."""
    values: dict[str, str] = {}
    parts = query.split("&")
    for at, part in enumerate(parts):
        key, equals, value = part.partition("=")
        if key not in _KEYS:
            _check_unknown(key)
            continue
        if not equals:
            raise PaymentError(f"payment request: {key!r} has no value")
        if key in values:
            raise PaymentError(f"payment request: {key!r} stands twice")
        if key == "sig" and at != len(parts) - 1:
            raise PaymentError("payment request: 'sig' must be the last key")
        values[key] = _decoded(key, value)
    return values


def _check_unknown(key: str) -> None:
    """Raise PaymentError for a key that other programs may read as one that matters here."""
    name = unquote(key).lower()
    if name.startswith(_REQUIRED):
        raise PaymentError(f"payment request: {key[:40]!r} is required, and not known here")
    if name in _KEYS:
        raise PaymentError(f"payment request: {key[:40]!r} is not written {name!r}, as keys are")


def _decoded(key: str, value: str) -> str:
    """Return a percent-decoded value; only UTF-8 in its canonical escapes is accepted."""
    raw = bytearray()
    pieces = value.split("%")
    for at, piece in enumerate(pieces):
        digits, rest = (piece[:2], piece[2:]) if at else ("", piece)
        if at and not re.fullmatch("[0-9A-Fa-f]{2}", digits, re.ASCII):
            raise PaymentError(f"payment request: {key!r} has a % without two hexadecimal digits")
        if not _PLAIN.fullmatch(rest):
            raise PaymentError(f"payment request: {key!r} has a character that must be escaped")
        raw += bytes.fromhex(digits) + rest.encode()
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise PaymentError(f"payment request: {key!r} is not UTF-8") from None


def _account(address: str) -> AccountId:
    try:
        account, _ = ss58.decode(address, ss58.DEFAULT_PREFIX)
        return AccountId(account)
    except ValueError as error:
        raise PaymentError(f"payment request: the address {address[:60]!r}: {error}") from None


def _reference(text: str | None) -> bytes | None:
    if text is None:
        return None
    return ensure_random(from_base64url(text, REFERENCE_LENGTH, "payment request: ref"))


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise PaymentError(f"payment request: exp {text[:20]!r} is not a Unix time in seconds")
    return int(text)


def _network(text: str | None) -> str | None:
    if text is not None and not _NETWORK.fullmatch(text):
        raise PaymentError(
            f"payment request: net {text[:20]!r} is not the first 8 hexadecimal digits of a "
            "genesis hash"
        )
    return text


def _words(key: str, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise PaymentError(f"payment request: {key} has {len(text)} characters, at most {MAX_TEXT}")
    return ensure_visible(text, f"payment request: {key}")
