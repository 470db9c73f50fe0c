"""Rules of values with parts: options, lists, tuples, maps, records, and variants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from operator import attrgetter
from typing import Generic, TypeVar

from btt_chain.lazyclass import dataclass
from btt_chain.present.context import Context
from btt_chain.present.rule import Json, Rule, Schema, Unfit
from btt_chain.present.scalars import in_words, lower_initial, words_of

T = TypeVar("T")

ABSENT = "-"
KIND = "kind"
"""Member of a variant's JSON object with its name."""


class Option(Rule[object]):
    """A value that may be absent."""

    def __init__(self, inner: Rule[object]) -> None:
        self.inner = inner
        self.is_number = inner.is_number
        self.choices = (*inner.choices, ABSENT) if inner.choices else ()

    def json(self, value: object, context: Context) -> Json:
        """Return null for an absent value."""
        return None if value is None else self.inner.json(value, context)

    def schema(self, context: Context) -> Schema:
        """Return the schema of the value or null."""
        return {"anyOf": [self.inner.schema(context), {"type": "null"}]}

    def read(self, json: object, context: Context) -> object:
        """Return None for null. Raises Unfit."""
        return None if json is None else self.inner.read(json, context)

    def text(self, value: object, context: Context) -> str:
        """Return a hyphen for an absent value."""
        return ABSENT if value is None else self.inner.text(value, context)

    def cell(self, value: object, context: Context) -> str:
        """Return a hyphen for an absent value."""
        return ABSENT if value is None else self.inner.cell(value, context)

    def html(self, value: object, context: Context) -> str:
        """Return a fragment of HTML."""
        return ABSENT if value is None else self.inner.html(value, context)

    def parse(self, text: str, context: Context) -> object:
        """Return None for a hyphen and for JSON's null. Raises Unfit."""
        return None if text in {ABSENT, "null"} else self.inner.parse(text, context)


class Items(Rule[Sequence[T]], Generic[T]):
    """A list."""

    def __init__(self, item: Rule[T]) -> None:
        self.item = item

    def json(self, value: Sequence[T], context: Context) -> Json:
        """Return a list."""
        return [self.item.json(item, context) for item in value]

    def schema(self, context: Context) -> Schema:
        """Return the schema of a list."""
        return {"type": "array", "items": self.item.schema(context)}

    def read(self, json: object, context: Context) -> Sequence[T]:
        """Return the values of a list. Raises Unfit."""
        if not isinstance(json, list):
            raise Unfit("expected a list")
        return [self.item.read(item, context) for item in json]

    def text(self, value: Sequence[T], context: Context) -> str:
        """Return the items with commas in between."""
        return ", ".join(self.item.text(item, context) for item in value) or ABSENT

    def html(self, value: Sequence[T], context: Context) -> str:
        """Return a table of records, and a list of other items; a hyphen for an empty one."""
        if not value:
            return ABSENT
        if isinstance(self.item, Record):
            return self.item.table(value, context)
        items = "".join(f"<li>{self.item.html(item, context)}</li>" for item in value)
        return f"<ul>{items}</ul>"

    def parse(self, text: str, context: Context) -> Sequence[T]:
        """Return the values of a JSON list, or of texts with commas in between. Raises Unfit."""
        if text.startswith("["):
            return super().parse(text, context)
        return [self.item.parse(item.strip(), context) for item in text.split(",") if item.strip()]


class ByName(Items[T], Generic[T]):
    """A list with a value for each name; its JSON is an object with the names as members."""

    def __init__(self, item: Rule[T], names: Sequence[str]) -> None:
        super().__init__(item)
        self.names = names

    def json(self, value: Sequence[T], context: Context) -> Json:
        """Return an object."""
        items = zip(self.names, value, strict=True)
        return {name: self.item.json(item, context) for name, item in items}

    def schema(self, context: Context) -> Schema:
        """Return the schema of an object."""
        members: Schema = {name: self.item.schema(context) for name in self.names}
        return object_schema(members, self.names)

    def read(self, json: object, context: Context) -> Sequence[T]:
        """Return the values of an object with all names. Raises Unfit."""
        if not isinstance(json, dict) or json.keys() != set(self.names):
            raise Unfit(f"expected an object with {', '.join(self.names)}")
        return [self.item.read(json[name], context) for name in self.names]

    def text(self, value: Sequence[T], context: Context) -> str:
        """Return the names with their values."""
        items = zip(self.names, value, strict=True)
        return ", ".join(f"{name}: {self.item.text(item, context)}" for name, item in items)

    def html(self, value: Sequence[T], context: Context) -> str:
        """Return the text: the values have no names in a list."""
        return escape(self.text(value, context))

    def parse(self, text: str, context: Context) -> Sequence[T]:
        """Return the values of a JSON object. Raises Unfit."""
        return Rule.parse(self, text, context)


class Tuple(Rule[tuple[object, ...]]):
    """A tuple."""

    def __init__(self, parts: Sequence[Rule[object]]) -> None:
        self.parts = parts

    def json(self, value: tuple[object, ...], context: Context) -> Json:
        """Return a list."""
        return [rule.json(part, context) for rule, part in zip(self.parts, value, strict=True)]

    def schema(self, context: Context) -> Schema:
        """Return the schema of a list."""
        parts: list[Json] = [part.schema(context) for part in self.parts]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "items": False}

    def read(self, json: object, context: Context) -> tuple[object, ...]:
        """Return the values of a list. Raises Unfit."""
        if not isinstance(json, list) or len(json) != len(self.parts):
            raise Unfit(f"expected a list of {len(self.parts)}")
        return tuple(rule.read(part, context) for rule, part in zip(self.parts, json, strict=True))

    def text(self, value: tuple[object, ...], context: Context) -> str:
        """Return the parts with colons in between."""
        parts = zip(self.parts, value, strict=True)
        return ": ".join(rule.text(part, context) for rule, part in parts)

    def html(self, value: tuple[object, ...], context: Context) -> str:
        """Return a fragment of HTML."""
        parts = zip(self.parts, value, strict=True)
        return ": ".join(rule.html(part, context) for rule, part in parts)


class Pairs(Rule[Mapping[object, object]]):
    """A map; its JSON is a list of pairs, because keys are of any type."""

    def __init__(self, pair: Rule[tuple[object, object]]) -> None:
        self.pairs = Items(pair)

    def json(self, value: Mapping[object, object], context: Context) -> Json:
        """Return a list of pairs."""
        return self.pairs.json(list(value.items()), context)

    def schema(self, context: Context) -> Schema:
        """Return the schema of a list of pairs."""
        return {"type": "array", "items": self.pairs.item.schema(context)}

    def read(self, json: object, context: Context) -> Mapping[object, object]:
        """Return the map of a list of pairs. Raises Unfit."""
        return dict(self.pairs.read(json, context))

    def text(self, value: Mapping[object, object], context: Context) -> str:
        """Return the pairs with commas in between."""
        return self.pairs.text(list(value.items()), context)

    def html(self, value: Mapping[object, object], context: Context) -> str:
        """Return a list."""
        return self.pairs.html(list(value.items()), context)


class Newtype(Rule[object]):
    """A record of one field without a name, which is shown as the value of that field."""

    def __init__(self, make: Callable[..., object], name: str, inner: Rule[object]) -> None:
        self.make = make
        self.name = name
        self.inner = inner
        self.is_number = inner.is_number
        self.choices = inner.choices

    def json(self, value: object, context: Context) -> Json:
        """Return the JSON of the field."""
        return self.inner.json(getattr(value, self.name), context)

    def schema(self, context: Context) -> Schema:
        """Return the schema of the field, with the name of this type."""
        return {"title": name_of(self.make), **self.inner.schema(context)}

    def read(self, json: object, context: Context) -> object:
        """Return the record of a field. Raises Unfit."""
        return self.make(self.inner.read(json, context))

    def text(self, value: object, context: Context) -> str:
        """Return the text of the field."""
        return self.inner.text(getattr(value, self.name), context)

    def parse(self, text: str, context: Context) -> object:
        """Return the record of a field's text. Raises Unfit."""
        return self.make(self.inner.parse(text, context))


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a record."""

    name: str
    """Its attribute."""
    rule: Rule[object]
    path: str = ""
    """Attributes that lead to it, with dots in between; its own name unless said."""

    def of(self, record: object) -> object:
        """Return its value in a record."""
        return attrgetter(self.path or self.name)(record)

    def below(self, name: str) -> Part:
        """Return it as a part of the record that has its own one as attribute `name`."""
        return replace(self, path=f"{name}.{self.path or self.name}")

    @property
    def key(self) -> str:
        """Its name in JSON."""
        return camel_case(self.name)

    @property
    def label(self) -> str:
        """Its name in texts."""
        return self.name.strip("_").replace("_", " ")

    def heading(self, context: Context) -> str:
        """Return its name as HTML, without its unit; on a site in the reader's language."""
        label = self.label.removesuffix(" bps").removesuffix(" ms")
        return in_words(label if context.site is None else label[:1].upper() + label[1:], context)


class Record(Rule[object]):
    """A record, or a variant, whose JSON has its name besides."""

    def __init__(self, make: Callable[..., object], parts: Sequence[Part], kind: str = "") -> None:
        self.make = make
        self.parts = parts
        self.kind = lower_initial(kind)
        self.word = " ".join(words_of(kind))

    def json(self, value: object, context: Context) -> dict[str, Json]:
        """Return an object."""
        members: dict[str, Json] = {KIND: self.kind} if self.kind else {}
        for part in self.parts:
            members[part.key] = part.rule.json(part.of(value), context)
        return members

    def schema(self, context: Context) -> Schema:
        """Return the schema of an object."""
        members: Schema = {KIND: {"const": self.kind}} if self.kind else {}
        members |= {part.key: part.rule.schema(context) for part in self.parts}
        return {"title": name_of(self.make), **object_schema(members, members)}

    def flat(self, names: Collection[str]) -> Record:
        """Return the rule of this record with the fields of some parts in the place of these.

        Its JSON is not read.
        """
        parts: list[Part] = []
        for part in self.parts:
            inner = part.rule
            if part.name in names and isinstance(inner, Record):
                parts += [field.below(part.name) for field in inner.parts]
            else:
                parts.append(part)
        return Record(self.make, parts)

    def read(self, json: object, context: Context) -> object:
        """Return the record of an object with all of its fields. Raises Unfit."""
        keys = {part.key for part in self.parts} | ({KIND} if self.kind else set())
        if not isinstance(json, dict) or json.keys() != keys:
            raise Unfit(f"expected an object with {', '.join(sorted(keys)) or 'no members'}")
        values = {}
        for part in self.parts:
            try:
                values[part.name] = part.rule.read(json[part.key], context)
            except Unfit as error:
                raise Unfit(f"{part.key}: {error}") from None
        return self.make(**values)

    def text(self, value: object, context: Context) -> str:
        """Return the fields on one line, in parentheses behind a variant's name."""
        fields = self.labelled(value, context).items()
        line = ", ".join(f"{label}: {text}" for label, text in fields)
        return f"{self.word} ({line})" if self.word and line else self.word or f"({line})"

    def html(self, value: object, context: Context) -> str:
        """Return a list of fields."""
        rows = "".join(
            f"<dt>{part.heading(context)}</dt><dd>{self._html(part, value, context)}</dd>"
            for part in self.parts
        )
        return in_words(self.word, context) + (f"<dl>{rows}</dl>" if rows else "")

    def labelled(self, value: object, context: Context) -> dict[str, str]:
        """Return the texts of the fields by their labels."""
        return {part.label: part.rule.text(part.of(value), context) for part in self.parts}

    def cells(self, value: object, context: Context) -> list[str]:
        """Return the cells of a row: one for each of `parts`."""
        return [part.rule.cell(part.of(value), context) for part in self.parts]

    def table(self, values: Sequence[object], context: Context) -> str:
        """Return a table of records in HTML."""
        head = "".join(f"<th>{part.heading(context)}</th>" for part in self.parts)
        rows = "".join(
            f"<tr>{''.join(f'<td>{self._html(part, value, context)}</td>' for part in self.parts)}"
            "</tr>"
            for value in values
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _html(self, part: Part, value: object, context: Context) -> str:
        return part.rule.html(part.of(value), context)


class Alternatives(Rule[object]):
    """One of several variants."""

    def __init__(self, records: Mapping[type, Record]) -> None:
        self.records = records
        self._by_kind = {record.kind: record for record in records.values()}
        if not any(record.parts for record in records.values()):
            self.choices = tuple(self._by_kind)

    def json(self, value: object, context: Context) -> Json:
        """Return an object with the variant's name."""
        return self.records[type(value)].json(value, context)

    def schema(self, context: Context) -> Schema:
        """Return the schema of either variant."""
        return {"anyOf": [record.schema(context) for record in self.records.values()]}

    def read(self, json: object, context: Context) -> object:
        """Return the variant of an object. Raises Unfit."""
        kind = json.get(KIND) if isinstance(json, dict) else None
        if not isinstance(kind, str) or kind not in self._by_kind:
            raise Unfit(f'expected an object whose "{KIND}" is one of {", ".join(self._by_kind)}')
        return self._by_kind[kind].read(json, context)

    def text(self, value: object, context: Context) -> str:
        """Return the variant's name and fields."""
        return self.records[type(value)].text(value, context)

    def html(self, value: object, context: Context) -> str:
        """Return a fragment of HTML."""
        return self.records[type(value)].html(value, context)

    def parse(self, text: str, context: Context) -> object:
        """Return the variant of a name, if it has no fields, or of JSON. Raises Unfit."""
        if not text.startswith("{"):
            return self.read({KIND: text}, context)
        return super().parse(text, context)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object."""

    rule: Rule[object]
    is_optional: bool = False
    is_flat: bool = False
    """True if the fields of its record are members, in place of the record."""


class Members(Rule[Mapping[str, object]]):
    """An object of named members, as a `TypedDict` declares it; a later name replaces a former."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.members = members

    @property
    def parts(self) -> list[Part]:
        """Fields of flat records, and other members that are not in the place of one."""
        parts: list[Part] = []
        for name, member in self.members.items():
            if member.is_flat and isinstance(member.rule, Record):
                parts += [field.below(name) for field in member.rule.parts]
            elif not member.is_optional and name not in {part.key for part in parts}:
                parts.append(Part("_".join(words_of(name)), member.rule, name))
        return parts

    def json(self, value: Mapping[str, object], context: Context) -> dict[str, Json]:
        """Return an object."""
        written: dict[str, Json] = {}
        for name, member in self.members.items():
            if member.is_optional and name not in value:
                continue
            json = member.rule.json(value[name], context)
            written |= json if member.is_flat and isinstance(json, dict) else {name: json}
        return written

    def schema(self, context: Context) -> Schema:
        """Return the schema of an object."""
        members: Schema = {}
        optional: set[str] = set()
        for name, member in self.members.items():
            schema = member.rule.schema(context)
            fields = schema.get("properties") if member.is_flat else None
            described = fields if isinstance(fields, dict) else {name: schema}
            members |= described
            optional |= described.keys() if member.is_optional else set()
        return object_schema(members, [name for name in members if name not in optional])

    def read(self, json: object, context: Context) -> Mapping[str, object]:
        """Raise Unfit: objects of pages are written only."""
        raise Unfit("objects of pages are not read")

    def text(self, value: Mapping[str, object], context: Context) -> str:
        """Return the members on one line."""
        return ", ".join(
            f"{name}: {member.rule.text(value[name], context)}"
            for name, member in self.members.items()
            if name in value
        )


def object_schema(members: Schema, required: Iterable[str]) -> Schema:
    """Return the schema of an object with these members."""
    return {"type": "object", "required": [*required], "properties": members}


def name_of(make: Callable[..., object]) -> str:
    """Return the name of a type."""
    return str(getattr(make, "__name__", ""))


def camel_case(name: str) -> str:
    """Convert `discount_bps` to `discountBps`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
