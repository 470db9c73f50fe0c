"""Rules of values without parts: numbers, accounts, bytes, texts, and members of enumerations."""

from __future__ import annotations

import re
from enum import IntEnum
from html import escape
from json import dumps
from typing import Final, Generic, TypeVar, cast

from btt_chain.present.context import Context
from btt_chain.present.rule import Json, Rule, Schema, Unfit
from btt_chain.present.times import date, read_date, read_span, span
from btt_chain.present.visible import LIST_LENGTH, PAGE_LENGTH, of_bytes, shown
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.meaning import Origin, Share, Time, Unit
from btt_chain.scale import Integer, Overflow, Underflow

Number = TypeVar("Number", bound=Integer)
Octets = TypeVar("Octets", bound=bytes)
Member = TypeVar("Member", bound=IntEnum)

WIDE: Final = 8
"""Bytes of numbers that JSON has as decimal text: many parsers would round them."""
WIDE_ON_SITE: Final = 16
"""Bytes of such numbers in the JSON of pages."""
GROUP: Final = "\u202f"
"""Between thousands in HTML: a narrow space that does not break."""
MAX_CELL: Final = 32
"""Maximum number of bytes of a cell."""
MAX_SHOWN: Final = 60
"""Maximum number of characters of a wrong text in a message."""

# Texts: `re` compiles them when they are first used, which in a node is rarely.
_DIGITS: Final = r"-?[0-9]{1,80}"
_HEX: Final = r"(?:[0-9a-fA-F]{2})*"
_SHARE: Final = r"([0-9]{1,20})(?:\.([0-9]{1,20}))? ?%"
_WORD: Final = r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+"


class Truth(Rule[bool]):
    """True or false."""

    choices = ("yes", "no")

    def json(self, value: bool, context: Context) -> Json:
        """Return the JSON of a value."""
        return value

    def schema(self, context: Context) -> Schema:
        """Return the schema of a value."""
        return {"type": "boolean"}

    def read(self, json: object, context: Context) -> bool:
        """Return True if the JSON value is true. Raises Unfit."""
        if not isinstance(json, bool):
            raise Unfit("expected true or false")
        return json

    def text(self, value: bool, context: Context) -> str:
        """Return a value as one word."""
        return "yes" if value else "no"

    def html(self, value: bool, context: Context) -> str:
        """Return one word."""
        return in_words(self.text(value, context), context)

    def parse(self, text: str, context: Context) -> bool:
        """Return True if the text is `yes` or `true`, False for their opposites. Raises Unfit."""
        word = text.lower()
        if word not in {"yes", "no", "true", "false"}:
            raise Unfit("expected yes or no")
        return word in {"yes", "true"}


class Count(Rule[Number], Generic[Number]):
    """A number of a fixed width."""

    is_number = True

    def __init__(self, kind: type[Number]) -> None:
        self.kind = kind

    def json(self, value: Number, context: Context) -> Json:
        """Return a number, or from 64 bits on its digits."""
        return str(int(value)) if self._is_wide(context) else int(value)

    def schema(self, context: Context) -> Schema:
        """Return the schema of a number or of digits."""
        if self._is_wide(context):
            return {"type": "string", "pattern": "^-?[0-9]+$"}
        return {"type": "integer"}

    def _is_wide(self, context: Context) -> bool:
        wide = WIDE if context.site is None else WIDE_ON_SITE
        return wide <= self.kind.BYTES

    def read(self, json: object, context: Context) -> Number:
        """Return the value of a number or of its digits. Raises Unfit."""
        if isinstance(json, str) and re.fullmatch(_DIGITS, json):
            json = int(json)
        if not isinstance(json, int) or isinstance(json, bool):
            raise self._unfit()
        return self.of(json)

    def of(self, number: int) -> Number:
        """Return a number of this type. Raises Unfit."""
        try:
            return self.kind(number)
        except (Overflow, Underflow):
            raise self._unfit() from None

    def text(self, value: Number, context: Context) -> str:
        """Return the digits, in groups of three."""
        return f"{int(value):_}"

    def html(self, value: Number, context: Context) -> str:
        """Return the text with its thousands apart."""
        return escape(self.text(value, context)).replace("_", GROUP)

    def parse(self, text: str, context: Context) -> Number:
        """Return the value of digits, in groups or not. Raises Unfit."""
        return self.read(text.replace("_", ""), context)

    def _unfit(self) -> Unfit:
        return Unfit(f"expected an integer from {self.kind.MIN} to {self.kind.MAX}")


class Amount(Count[Number], Generic[Number]):
    """An amount of the chain's currency."""

    def text(self, value: Number, context: Context) -> str:
        """Return the amount with its unit."""
        return context.currency.format(int(value))

    def parse(self, text: str, context: Context) -> Number:
        """Return the planck of an amount with its unit. Raises Unfit."""
        try:
            return self.of(context.currency.parse(text))
        except ValueError as error:
            raise Unfit(str(error)) from None


class Percentage(Count[Number], Generic[Number]):
    """A share."""

    def __init__(self, kind: type[Number], mark: Share) -> None:
        super().__init__(kind)
        self.decimals = len(str(mark.whole)) - len("100")

    def text(self, value: Number, context: Context) -> str:
        """Return the exact percentage."""
        whole, rest = divmod(abs(int(value)), 10**self.decimals)
        decimals = f"{rest:0{self.decimals}}".rstrip("0") if rest else ""
        return f"{'-' if value < 0 else ''}{whole:_}{'.' if decimals else ''}{decimals} %"

    def parse(self, text: str, context: Context) -> Number:
        """Return the value of a percentage. Raises Unfit."""
        match = re.fullmatch(_SHARE, text.replace("_", ""))
        if match is None:
            raise Unfit(f"{text[:MAX_SHOWN]!r} is not a percentage: write 12.5%")
        decimals = (match[2] or "").rstrip("0")
        if len(decimals) > self.decimals:
            raise Unfit(f"{text!r}: this share has {self.decimals} decimals at most")
        return self.of(int(match[1] + decimals.ljust(self.decimals, "0")))


class Moment(Count[Number], Generic[Number]):
    """A point in time, or a duration."""

    def __init__(self, kind: type[Number], mark: Time) -> None:
        super().__init__(kind)
        self.unit = mark.unit
        self.origin = mark.origin

    def text(self, value: Number, context: Context) -> str:
        """Return a date or a duration; the number of a slot on a chain without dates."""
        scale = self._scale(context)
        if self.origin is Origin.SPAN and scale is not None:
            return f"{'-' if value < 0 else ''}{span(abs(int(value)) * scale[1])}"
        if self.origin is Origin.SPAN:
            return f"{int(value):_} slots"
        if scale is not None:
            return date(scale[0] + int(value) * scale[1])
        if self.unit is Unit.SLOT:
            return f"slot {int(value):_}"
        return f"{span(int(value))} after the first block"

    def parse(self, text: str, context: Context) -> Number:
        """Return the value of a date, of a duration, or of a number in the type's own unit.

        A time between two slots is the next one. Raises Unfit.
        """
        digits = text.replace("_", "")
        if self.unit is Unit.SLOT:
            digits = digits.removeprefix("slot ").removesuffix(" slots")
        if re.fullmatch(_DIGITS, digits):
            return self.of(int(digits))
        is_span = self.origin is Origin.SPAN
        ms = read_span(text) if is_span else read_date(text)
        if ms is None:
            example = "a duration: write 90m" if is_span else "a date: write 2027-01-31"
            raise Unfit(f"{text[:MAX_SHOWN]!r} is not {example}")
        scale = self._scale(context)
        if scale is None:
            raise Unfit("this chain has no dates: give a number of slots")
        return self.of(-(-(ms - scale[0]) // scale[1]))

    def _scale(self, context: Context) -> tuple[int, int] | None:
        """Return the time of zero and the length of a unit in milliseconds, if they are known."""
        zero = context.genesis_ms if self.origin is Origin.FIRST_BLOCK else 0
        unit = 1 if self.unit is Unit.MS else context.slot_ms
        return None if zero is None or unit is None else (zero, unit)


class Sized(Rule[Octets], Generic[Octets]):
    """Bytes, of any number or of a fixed one."""

    def __init__(self, kind: type[Octets], size: int | None) -> None:
        self.kind = kind
        self.size = size

    def of(self, raw: bytes) -> Octets:
        """Return bytes of this type. Raises Unfit."""
        if self.size is not None and len(raw) != self.size:
            raise Unfit(f"expected {self.size} bytes, not {len(raw)}")
        return self.kind(raw)

    def parse(self, text: str, context: Context) -> Octets:
        """Return the value of the text that `json` writes. Raises Unfit."""
        return self.read(text, context)


class Bytes(Sized[Octets], Generic[Octets]):
    """Bytes without a meaning: keys, hashes, encoded values."""

    def json(self, value: Octets, context: Context) -> Json:
        """Return 0x and hexadecimal digits."""
        return self.text(value, context)

    def schema(self, context: Context) -> Schema:
        """Return the schema of a text."""
        return {"type": "string"}

    def read(self, json: object, context: Context) -> Octets:
        """Return the value of 0x and hexadecimal digits. Raises Unfit."""
        digits = _text(json).removeprefix("0x")
        if json == digits or not re.fullmatch(_HEX, digits):
            raise Unfit("expected 0x and pairs of hexadecimal digits")
        return self.of(bytes.fromhex(digits))

    def text(self, value: Octets, context: Context) -> str:
        """Return 0x and hexadecimal digits."""
        return "0x" + value.hex()

    def cell(self, value: Octets, context: Context) -> str:
        """Return the first bytes."""
        return f"0x{value[:MAX_CELL].hex()}{'…' if len(value) > MAX_CELL else ''}"

    def html(self, value: Octets, context: Context) -> str:
        """Return a fragment of HTML."""
        return f"<code>{self.text(value, context)}</code>"


class AnyBytes(Bytes[Octets], Generic[Octets]):
    """Bytes that may be text: shown and typed as text or as 0x and hexadecimal digits."""

    def text(self, value: Octets, context: Context) -> str:
        """Return the text; 0x and hexadecimal digits if the bytes are not text."""
        return self._text(value, PAGE_LENGTH) or super().text(value, context)

    def json(self, value: Octets, context: Context) -> Json:
        """Return 0x and hexadecimal digits."""
        return super().text(value, context)

    def cell(self, value: Octets, context: Context) -> str:
        """Return the begin of the text, or the first bytes."""
        return self._text(value, LIST_LENGTH) or super().cell(value, context)

    def html(self, value: Octets, context: Context) -> str:
        """Return a fragment of HTML."""
        return escape(self.text(value, context))

    def parse(self, text: str, context: Context) -> Octets:
        """Return the bytes of a text, or of 0x and hexadecimal digits. Raises Unfit."""
        return self.read(text, context) if text.startswith("0x") else self.of(text.encode())

    @staticmethod
    def _text(value: bytes, length: int) -> str | None:
        # Text that begins like hexadecimal digits would be read as these.
        return None if value.startswith(b"0x") else of_bytes(value, length)


class Account(Sized[AccountId]):
    """An account."""

    def __init__(self) -> None:
        super().__init__(AccountId, AccountId.SIZE)

    def json(self, value: AccountId, context: Context) -> Json:
        """Return the address, and in the JSON of pages the name."""
        address = self.text(value, context)
        return address if context.site is None else {
            "address": address, "name": context.site.name(value),
        }  # fmt: skip

    def schema(self, context: Context) -> Schema:
        """Return the schema of an address, and in the JSON of pages of a name."""
        text: Schema = {"type": "string"}
        return text if context.site is None else {
            "type": "object", "required": ["address", "name"],
            "properties": {"address": text, "name": {"type": ["string", "null"]}},
        }  # fmt: skip

    def html(self, value: AccountId, context: Context) -> str:
        """Return a link to the account's page, if there is one."""
        return super().html(value, context) if context.site is None else context.site.link(value)

    def read(self, json: object, context: Context) -> AccountId:
        """Return the account of an address, of any network. Raises Unfit."""
        try:
            return self.of(ss58.decode(json if isinstance(json, str) else "")[0])
        except ss58.Ss58Error as error:
            raise Unfit(str(error)) from None

    def text(self, value: AccountId, context: Context) -> str:
        """Return the address."""
        return ss58.encode(value, context.prefix)

    def parse(self, text: str, context: Context) -> AccountId:
        """Return the account of an address of this chain, or of the context's forms.

        Raises Unfit.
        """
        read = context.read_account or (lambda address: ss58.decode(address, context.prefix)[0])
        try:
            return self.of(read(text))
        except ValueError as error:
            raise Unfit(str(error)) from None


class UserText(Sized[Octets], Generic[Octets]):
    """Bytes that are UTF-8 text of a user."""

    def json(self, value: Octets, context: Context) -> Json:
        """Return the text; bytes that are not UTF-8 as U+FFFD."""
        text = value.decode("utf-8", "replace")
        return text if context.site is None else shown(text, PAGE_LENGTH)

    def schema(self, context: Context) -> Schema:
        """Return the schema of a text."""
        return {"type": "string"}

    def read(self, json: object, context: Context) -> Octets:
        """Return the bytes of a text. Raises Unfit."""
        return self.of(_text(json).encode())

    def text(self, value: Octets, context: Context) -> str:
        """Return the text without characters that have no visible form."""
        return shown(value.decode("utf-8", "replace"), PAGE_LENGTH)

    def cell(self, value: Octets, context: Context) -> str:
        """Return the begin of the text."""
        return shown(value.decode("utf-8", "replace"))


class Letters(Sized[Octets], Generic[Octets]):
    """Bytes that are printable ASCII, such as the letters of a currency; else they are in hex."""

    def json(self, value: Octets, context: Context) -> Json:
        """Return the letters."""
        return self.text(value, context)

    def schema(self, context: Context) -> Schema:
        """Return the schema of a text."""
        return {"type": "string"}

    def read(self, json: object, context: Context) -> Octets:
        """Return the bytes of letters, or of 0x and hexadecimal digits. Raises Unfit."""
        letters = _text(json)
        if letters.startswith("0x") and re.fullmatch(_HEX, letters[2:]):
            return self.of(bytes.fromhex(letters[2:]))
        if not letters.isascii() or not letters.isprintable():
            raise Unfit("expected printable ASCII, or 0x and hexadecimal digits")
        return self.of(letters.encode())

    def text(self, value: Octets, context: Context) -> str:
        """Return the letters."""
        letters = value.decode("ascii", "replace")
        return letters if letters.isascii() and letters.isprintable() else "0x" + value.hex()


class TextLines(UserText[Octets], Generic[Octets]):
    """Bytes that are lines of ASCII."""

    def json(self, value: Octets, context: Context) -> Json:
        """Return the lines that are not empty."""
        return [line for line in value.decode("ascii", "replace").split("\n") if line]

    def schema(self, context: Context) -> Schema:
        """Return the schema of a list of texts."""
        return {"type": "array", "items": {"type": "string"}}

    def read(self, json: object, context: Context) -> Octets:
        """Return the bytes of a list of lines. Raises Unfit."""
        lines = [_text(line) for line in json] if isinstance(json, list) else [_text(json)]
        if not all(line.isascii() for line in lines):
            raise Unfit("expected lines of ASCII")
        return self.of("\n".join(lines).encode())

    def text(self, value: Octets, context: Context) -> str:
        """Return the lines with commas in between."""
        return shown(value.decode("ascii", "replace").replace("\n", ", "), PAGE_LENGTH)

    def parse(self, text: str, context: Context) -> Octets:
        """Return the bytes of lines with commas in between. Raises Unfit."""
        return self.read([line.strip() for line in text.split(",")], context)


class Words(Rule[str]):
    """A text of the chain's own."""

    def json(self, value: str, context: Context) -> Json:
        """Return the text."""
        return value

    def schema(self, context: Context) -> Schema:
        """Return the schema of a text."""
        return {"type": "string"}

    def read(self, json: object, context: Context) -> str:
        """Return the text. Raises Unfit."""
        return _text(json)

    def text(self, value: str, context: Context) -> str:
        """Return the text without characters that have no visible form."""
        return shown(value, PAGE_LENGTH)

    def cell(self, value: str, context: Context) -> str:
        """Return the begin of the text."""
        return shown(value)

    def parse(self, text: str, context: Context) -> str:
        """Return the text."""
        return text


class Name(Rule[Member], Generic[Member]):
    """A member of an enumeration, by its name."""

    def __init__(self, kind: type[Member], *, lower_names: bool) -> None:
        self.lower_names = lower_names
        self._words = {member: words_of(member.name) for member in kind}
        self._members = {_letters(member.name): member for member in kind}
        self.choices = tuple("-".join(words) for words in self._words.values())

    def json(self, value: Member, context: Context) -> Json:
        """Return the name."""
        is_lower = self.lower_names and context.site is None
        return lower_initial(value.name) if is_lower else value.name

    def schema(self, context: Context) -> Schema:
        """Return the schema of the names."""
        return {"enum": [self.json(member, context) for member in self._words]}

    def read(self, json: object, context: Context) -> Member:
        """Return the member of a name, in any case, with or without hyphens. Raises Unfit."""
        member = self._members.get(_letters(_text(json)))
        if member is None:
            raise Unfit(f"expected one of {', '.join(self.choices)}")
        return member

    def text(self, value: Member, context: Context) -> str:
        """Return the words of the name."""
        return " ".join(self._words[value])

    def html(self, value: Member, context: Context) -> str:
        """Return the words of the name."""
        return in_words(self.text(value, context), context)

    def parse(self, text: str, context: Context) -> Member:
        """Return the member of a name. Raises Unfit."""
        return self.read(text, context)


class Plain(Rule[Json]):
    """JSON that pages have as it is: numbers without a width, decoded calls."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.is_number = schema.get("type") in {"integer", "number"}

    def json(self, value: Json, context: Context) -> Json:
        """Return the value."""
        return value

    def schema(self, context: Context) -> Schema:
        """Return the schema."""
        return self._schema

    def read(self, json: object, context: Context) -> Json:
        """Return the value of its JSON."""
        return cast("Json", json)

    def text(self, value: Json, context: Context) -> str:
        """Return the value on one line."""
        return f"{value:_}" if self.is_number else shown(dumps(value), PAGE_LENGTH)


def in_words(text: str, context: Context) -> str:
    """Return the words of a value as HTML, in the reader's language."""
    return escape(text if context.site is None else context.site.words(text))


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: `NoProvider` has two."""
    return [word.lower() for word in re.findall(_WORD, name)]


def lower_initial(name: str) -> str:
    """Convert `BadPayload` to `badPayload`."""
    return name[:1].lower() + name[1:]


def _letters(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _text(json: object) -> str:
    if not isinstance(json, str):
        raise Unfit("expected a text")
    return json
