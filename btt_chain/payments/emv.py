"""EMV QR codes, merchant-presented: the form that tills of the world print.

Each field is an id of two digits, a length of two digits and a value; the first one is the format,
the last one a CRC over the bytes of all that stands before. A length counts characters, not bytes.
One of the fields 26 to 51 holds the merchant's account and the payment's reference below the name
`btt`; the others are for other payment systems.
Source: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode 1.1.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import (
    REFERENCE_LENGTH,
    ensure_random,
    from_base64url,
    to_base64url,
)
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import (
    Currency,
    CurrencyError,
    currency_by_number,
)
from btt_chain.scale import u128

NAME: Final = "btt"
"""Globally unique identifier of field 26."""
MAX_LENGTH: Final = 512
MAX_AMOUNT: Final = 13
MAX_NAME: Final = 25
MAX_CITY: Final = 15
_FORMAT: Final = "00"
_METHOD: Final = "01"
_ACCOUNT: Final = "26"
_ACCOUNTS: Final = tuple(map(str, range(26, 52)))
"""Fields of payment systems."""
_TEMPLATES: Final = (*_ACCOUNTS, "62", "64", *map(str, range(80, 100)))
"""Fields that consist of fields."""
_UNICODE: Final = ("64", *map(str, range(65, 100)))
"""Fields that may have other characters than ASCII, such as the name in another language."""
_CATEGORY: Final = "52"
_CURRENCY: Final = "53"
_AMOUNT: Final = "54"
_ADDED: Final = ("55", "56", "57")
"""Tip and convenience fee: with them the payer would pay another amount than that of field 54."""
_COUNTRY: Final = "58"
_MERCHANT: Final = "59"
_CITY: Final = "60"
_CRC: Final = "63"
_OWN: Final = ("00", "01", "02")
"""Fields below the name `btt`: the name, the account, the reference."""
_STATIC: Final = "11"
_DYNAMIC: Final = "12"
_REQUIRED: Final = (_FORMAT, _CATEGORY, _CURRENCY, _COUNTRY, _MERCHANT, _CITY)
_DIGITS: Final = re.compile("[0-9]+", re.ASCII)
_COUNTRY_CODE: Final = re.compile("[A-Z]{2}", re.ASCII)
_CRC_FIELD: Final = re.compile("6304[0-9A-Fa-f]{4}", re.ASCII)
_CRC_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class EmvCode:
    """The content of a merchant-presented QR code."""

    merchant: AccountId
    category: int
    """Merchant category code of ISO 18245."""
    currency: Currency
    name: str
    city: str
    country: str = "CN"
    """Country of the merchant, two letters of ISO 3166."""
    units: u128 | None = None
    """Amount in minor units; None for a static code, whose payer enters it."""
    reference: bytes | None = None


def write_emv(code: EmvCode) -> str:
    """Return the text of a QR code. Raises PaymentError for values that do not fit."""
    account = _field("00", NAME) + _field("01", ss58.encode(code.merchant))
    if code.reference is not None:
        account += _field("02", to_base64url(code.reference))
    amount = "" if code.units is None else _field(_AMOUNT, _amount(code))
    text = (
        _field(_FORMAT, "01")
        + _field(_METHOD, _STATIC if code.units is None else _DYNAMIC)
        + _field(_ACCOUNT, account)
        + _field(_CATEGORY, f"{code.category:04}")
        + _field(_CURRENCY, f"{code.currency.number:03}")
        + amount
        + _field(_COUNTRY, code.country)
        + _field(_MERCHANT, code.name)
        + _field(_CITY, code.city)
        + f"{_CRC}{_CRC_LENGTH:02}"
    )
    text += f"{crc16(text.encode()):04X}"
    read_emv(text)
    return text


def read_emv(text: str) -> EmvCode:
    """Return the content of a QR code's text. Raises PaymentError with the field and the reason."""
    if len(text) > MAX_LENGTH:
        raise PaymentError(f"EMV code: {len(text)} characters, at most {MAX_LENGTH}")
    if not text.isprintable():
        raise PaymentError("EMV code: a character that is not printable")
    if not _CRC_FIELD.fullmatch(text[-8:]):
        raise PaymentError("EMV code: it does not end with a CRC (field 63)")
    if int(text[-_CRC_LENGTH:], 16) != crc16(text[:-_CRC_LENGTH].encode()):
        raise PaymentError("EMV code: the CRC is wrong: a character was altered or lost")
    fields = _checked_fields(text)
    for added in _ADDED:
        if added in fields:
            raise PaymentError(f"EMV code: field {added} adds a tip or a fee to the amount")
    merchant, reference = _account(fields)
    unit, units = _money(fields)
    _check_method(fields.get(_METHOD), units)
    category = fields[_CATEGORY]
    if len(category) != _CRC_LENGTH or not _DIGITS.fullmatch(category):
        raise PaymentError(f"EMV code: field 52 is {category!r} instead of four digits")
    if not _COUNTRY_CODE.fullmatch(fields[_COUNTRY]):
        raise PaymentError(f"EMV code: field 58 is {fields[_COUNTRY]!r} instead of two letters")
    return EmvCode(
        merchant=merchant,
        category=int(category),
        currency=unit,
        name=_text(_MERCHANT, fields[_MERCHANT], MAX_NAME),
        city=_text(_CITY, fields[_CITY], MAX_CITY),
        country=fields[_COUNTRY],
        units=units,
        reference=reference,
    )


def _checked_fields(text: str) -> dict[str, str]:
    """Return the fields of a code whose form is right. Raises PaymentError."""
    fields = _fields(text, "EMV code")
    for name, value in fields.items():
        if not value.isascii() and name not in _UNICODE:
            raise PaymentError(f"EMV code: field {name} has characters other than printable ASCII")
        if name in _TEMPLATES:
            _fields(value, f"EMV code: field {name}")
    for required in _REQUIRED:
        if required not in fields:
            raise PaymentError(f"EMV code: field {required} is missing")
    if [*fields][-1] != _CRC:
        raise PaymentError("EMV code: a length is too large: a field reaches into the CRC")
    if next(iter(fields)) != _FORMAT:
        raise PaymentError("EMV code: it does not begin with field 00")
    if fields[_FORMAT] != "01":
        raise PaymentError(f"EMV code: format {fields[_FORMAT]!r} instead of 01")
    return fields


def crc16(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE of the specification: polynomial 0x1021, begins with 0xFFFF."""
    return binascii.crc_hqx(data, 0xFFFF)


def _field(name: str, value: str) -> str:
    if not value or len(value) > 99:
        raise PaymentError(f"EMV code: field {name} has {len(value)} characters instead of 1 to 99")
    if not value.isascii() or not value.isprintable():
        raise PaymentError(f"EMV code: field {name} has characters other than printable ASCII")
    return f"{name}{len(value):02}{value}"


def _fields(text: str, what: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        name, length = text[at : at + 2], text[at + 2 : at + 4]
        if len(length) < 2 or not _DIGITS.fullmatch(name + length):
            raise PaymentError(f"{what}: no id and length at character {at + 1}")
        value = text[at + 4 : at + 4 + int(length)]
        if len(value) != int(length) or not value:
            raise PaymentError(
                f"{what}: field {name} has a wrong length: it counts characters, from 1 to 99"
            )
        if name in fields:
            raise PaymentError(f"{what}: field {name} stands twice")
        fields[name] = value
        at += 4 + len(value)
    return fields


def _account(fields: Mapping[str, str]) -> tuple[AccountId, bytes | None]:
    systems = {name: _fields(fields[name], name) for name in _ACCOUNTS if name in fields}
    own = [name for name, parts in systems.items() if parts.get("00") == NAME]
    if not systems:
        raise PaymentError(f"EMV code: field {_ACCOUNT} is missing")
    if not own:
        others = ", ".join(f"field {name} to {each.get('00')!r}" for name, each in systems.items())
        raise PaymentError(f"EMV code: no field belongs to {NAME!r}: {others}")
    if len(own) > 1:
        raise PaymentError(f"EMV code: the fields {' and '.join(own)} both belong to {NAME!r}")
    where, parts = f"EMV code: field {own[0]}", systems[own[0]]
    unknown = [name for name in parts if name not in _OWN]
    if unknown:
        raise PaymentError(f"{where}: field {unknown[0]} is not known here")
    try:
        account, _ = ss58.decode(parts.get("01", ""), ss58.DEFAULT_PREFIX)
        merchant = AccountId(account)
    except ValueError as error:
        raise PaymentError(f"{where}: {error}") from None
    reference = None
    if "02" in parts:
        reference = ensure_random(from_base64url(parts["02"], REFERENCE_LENGTH, where))
    return merchant, reference


def _check_method(method: str | None, units: u128 | None) -> None:
    """Raise PaymentError unless a code for many payments (11) leaves the amount to the payer."""
    if method not in (None, _STATIC, _DYNAMIC):
        raise PaymentError(f"EMV code: field 01 is {method!r} instead of 11 or 12")
    if method == _DYNAMIC and units is None:
        raise PaymentError("EMV code: a dynamic code without an amount (field 54)")
    if method == _STATIC and units is not None:
        raise PaymentError("EMV code: a static code (field 01 is 11) with an amount (field 54)")


def _money(fields: Mapping[str, str]) -> tuple[Currency, u128 | None]:
    number, amount = fields[_CURRENCY], fields.get(_AMOUNT)
    if len(number) != 3 or not _DIGITS.fullmatch(number):
        raise PaymentError(f"EMV code: field 53 is {number!r} instead of three digits")
    try:
        unit = currency_by_number(int(number))
        units = None if amount is None else unit.parse(amount)
    except CurrencyError as error:
        raise PaymentError(f"EMV code: {error}") from None
    if amount is not None and (len(amount) > MAX_AMOUNT or not units):
        raise PaymentError(f"EMV code: field 54 is {amount!r}: above zero, {MAX_AMOUNT} characters")
    return unit, units


def _amount(code: EmvCode) -> str:
    text = code.currency.format(int(code.units or 0))
    if len(text) > MAX_AMOUNT:
        raise PaymentError(f"EMV code: the amount {text} has more than {MAX_AMOUNT} characters")
    return text


def _text(name: str, value: str, limit: int) -> str:
    if len(value) > limit:
        raise PaymentError(f"EMV code: field {name} has {len(value)} characters, at most {limit}")
    return value
