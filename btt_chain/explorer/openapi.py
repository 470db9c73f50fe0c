"""The description of the pages' data for programs, OpenAPI 3.1: `/openapi.json`.

Paths and parameters come from the declarations that the server's routes are made of (`routes`,
`subscan`, `export`); the schemas of answers from the types that the pages' data are declared with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from btt_chain.explorer.export import TABLES
from btt_chain.explorer.listed import LISTED
from btt_chain.explorer.pages.forms import Fields
from btt_chain.explorer.pages.home import SearchPage
from btt_chain.explorer.routes import PAGES, PARTS
from btt_chain.explorer.subscan import METHODS
from btt_chain.present import Context, Json, Schema, members

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
def text(context: Context) -> bytes:
    """Return the description as JSON, of data that are written in `context`."""
    return json.dumps(describe(context)).encode()


def describe(context: Context) -> Fields:
    """Return the description."""
    paths: Fields = {}
    for page in PAGES:
        path = "/index.json" if page.path == "/" else f"{page.path}.json"
        answer = _content("The data of the page.", page.form.schema(context))
        paths[path] = {
            "get": {
                "summary": page.about,
                "parameters": _parameters(page.path, page.query),
                "responses": {"200": answer, **_errors()},
            }
        }
    paths |= _others(members(SearchPage).schema(context))
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


def _others(found_names: Schema) -> Fields:
    """Return the paths besides those of pages."""
    found: Fields = {}
    any_object: Fields = {"type": "object"}
    proofs: dict[str, Mapping[str, str]] = {
        "/proof/account/{account}.json": CHECKPOINT,
        "/proof/storage/{item}.json": {"key": "A key of a map.", **CHECKPOINT},
    }
    for path, query in proofs.items():
        found[path] = _get("A proof for `btt-chain verify proof`.", path, query, any_object)
    query = {"q": "What is looked for."}
    found["/search"] = _get("Where a search leads; ask for JSON.", "/search", query, found_names)
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
