"""The description of the pages' data for programs, OpenAPI 3.1: `/openapi.json`.

Paths and parameters come from the declarations that the server's routes are made of (`routes`,
`subscan`, `export`); the schemas of answers from answers, which a test compares with the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from btt_chain.explorer.export import TABLES
from btt_chain.explorer.listed import LISTED
from btt_chain.explorer.pages.forms import Fields, Json
from btt_chain.explorer.routes import PAGES, PARTS, Page
from btt_chain.explorer.subscan import METHODS

FILE: Final = Path(__file__).parent / "openapi.json"
NAMES: Final = {bool: "boolean", int: "integer", float: "number", str: "string"}
ERRORS: Final = {
    "400": "The request cannot be understood.",
    "404": "There is no such thing in the index or on the chain.",
    "429": "Too many requests of one address; wait for Retry-After seconds.",
    "503": "The node does not answer.",
}
_OBJECT: Final[Fields] = {"type": "object"}
CHECKPOINT: Final = {
    "checkpoint": "A final block, by height or hash, whose voters prove the finality.",
}


@lru_cache(maxsize=1)
def text() -> bytes:
    """Return the file."""
    return FILE.read_bytes()


def describe(samples: Mapping[str, Sequence[Json]]) -> Fields:
    """Return the description; `samples` are answers of each page by its path."""
    paths: Fields = {}
    for page in PAGES:
        path = "/index.json" if page.path == "/" else f"{page.path}.json"
        paths[path] = {"get": _operation(page, samples.get(page.path, []))}
    paths |= _others()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Explorer",
            "version": "1",
            "description": "The data of the explorer's pages. Amounts are texts in planck, times "
            "milliseconds since 1970, slots counted from block 1.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                },
                "Envelope": {
                    "type": "object",
                    "required": ["code", "message", "generated_at", "data"],
                    "properties": {
                        "code": {"type": "integer"},
                        "message": {"type": "string"},
                        "generated_at": {"type": "integer"},
                        "data": {"type": ["object", "null"]},
                    },
                },
            }
        },
    }


def _operation(page: Page, answers: Sequence[Json]) -> Fields:
    schema: Fields = {"type": "object"}
    if answers:
        schema = schema_of(answers[0])
        for answer in answers[1:]:
            schema = merged(schema, schema_of(answer))
    return {
        "summary": page.about,
        "parameters": _parameters(page.path, page.query),
        "responses": {"200": _content("The data of the page.", schema), **_errors()},
    }


def _others() -> Fields:
    """Return the paths that are no pages."""
    found: Fields = {}
    any_object: Fields = {"type": "object"}
    proofs: dict[str, Mapping[str, str]] = {
        "/proof/account/{account}.json": CHECKPOINT,
        "/proof/storage/{item}.json": {"key": "A key of a map.", **CHECKPOINT},
    }
    for path, query in proofs.items():
        found[path] = _get("A proof for `btt-chain verify proof`.", path, query, any_object)
    query = {"q": "What is looked for."}
    found["/search"] = _get("Where a search leads; ask for JSON.", "/search", query, any_object)
    for table in TABLES:
        rest = {"account": "Whose history."} if table == "history" else {}
        for form, kind in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
            path = f"/export/{table}.{form}"
            query = {"after": "The first column of the last row that is there already.", **rest}
            found[path] = _get("A whole table.", path, query, {"type": "string"}, kind)
    for table, listed in LISTED.items():
        for form, kind in (("csv", "text/csv"), ("ndjson", "application/x-ndjson")):
            query = {"of": PARTS[listed.part]} if listed.part else {}
            query |= {"after": "The first column of the last row."} if listed.cursor else {}
            about = f"The list of {listed.page} as a table."
            found[f"/export/{table}.{form}"] = _get(
                about, f"/export/{table}.{form}", query, {"type": "string"}, kind
            )
    live = "A line a block, as server-sent events."
    found["/live"] = _get(live, "/live", {}, {"type": "string"}, "text/event-stream")
    found |= _signing()
    for name in METHODS:
        envelope: Fields = {"$ref": "#/components/schemas/Envelope"}
        found[f"/api/{name}"] = {
            "post": {
                "summary": "As in Subscan's API.",
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {
                    "200": _content("The envelope.", envelope),
                    "400": _content("The envelope with the reason.", envelope),
                },
            }
        }
    return found


def _signing() -> Fields:
    """Return the paths of signing, which pages of this site use."""
    status = _get(
        "The course of a sent transaction, as server-sent events.", "/tx/status/{hash}", {},
        {"type": "string"}, "text/event-stream",
    )  # fmt: skip
    metadata = _get("The metadata, as wallets take them.", "/tx/metadata.json", {}, _OBJECT)
    posts = {
        "/tx/prepare": "A transaction to sign, of an action of a page and its fields.",
        "/tx/submit": "Send the prepared transaction, with its signature.",
    }
    found: Fields = {"/tx/status/{hash}": status, "/tx/metadata.json": metadata}
    for path, about in posts.items():
        found[path] = {
            "post": {
                "summary": about,
                "requestBody": {"content": {"application/json": {"schema": _OBJECT}}},
                "responses": {
                    "200": _content("Done.", _OBJECT),
                    "403": _content("Not from a page of this site, or signing is off.", _OBJECT),
                    **_errors(),
                },
            }
        }
    return found


def _get(
    about: str, path: str, query: Mapping[str, str], schema: Fields, kind: str = "application/json"
) -> Fields:
    return {
        "get": {
            "summary": about,
            "parameters": _parameters(path, query),
            "responses": {"200": _content("Found.", schema, kind), **_errors()},
        }
    }


def _parameters(path: str, query: Mapping[str, str]) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "description": about,
         "schema": {"type": "string"}}
        for name, about in PARTS.items() if "{" + name + "}" in path
    ]  # fmt: skip
    found += [
        {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}
        for name, about in query.items()
    ]
    return found


def _content(about: str, schema: Fields, kind: str = "application/json") -> Fields:
    return {"description": about, "content": {kind: {"schema": schema}}}


def _errors() -> Fields:
    error: Fields = {"$ref": "#/components/schemas/Error"}
    return {status: _content(about, error) for status, about in ERRORS.items()}


# ---- schemas


def schema_of(value: Json) -> Fields:
    """Return the schema of a value."""
    match value:
        case None:
            return {"type": ["null"]}
        case dict():
            parts: Fields = {name: schema_of(each) for name, each in sorted(value.items())}
            return {"type": ["object"], "required": [*parts], "properties": parts}
        case list():
            items: Fields = {}
            for each in value:
                items = merged(items, schema_of(each))
            return {"type": ["array"], "items": items}
        case _:
            return {"type": [NAMES[type(value)]]}


def merged(one: Fields, other: Fields) -> Fields:
    """Return the schema of what either schema describes; an empty one describes nothing."""
    if not one or not other:
        return one or other
    types = sorted({*_texts(one["type"]), *_texts(other["type"])})
    found: Fields = {"type": [*types]}
    if "object" in types:
        parts, others = _fields(one.get("properties")), _fields(other.get("properties"))
        names = sorted({*parts, *others})
        needed = [{*_texts(each["required"])} for each in (one, other) if "required" in each]
        found["required"] = [*sorted(set.intersection(*needed))]
        found["properties"] = {
            name: merged(_fields(parts.get(name)), _fields(others.get(name))) for name in names
        }
    if "array" in types:
        found["items"] = merged(_fields(one.get("items")), _fields(other.get("items")))
    return found


def _fields(value: Json) -> Fields:
    return value if isinstance(value, dict) else {}


def _texts(value: Json) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
