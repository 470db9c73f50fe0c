"""Files that commands read and write, each in one way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click

from btt_chain.primitives.strict_json import BadJson, JsonValue, NotJson, decode_text, read_json
from cli.common.errors import Mistyped, NotFound

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
MAX_SECRET: Final = 1 << 20
"""Maximum bytes of a secret: far more than any key or password has."""


# ---- writing


@contextmanager
def output_file(
    output: Path | str, *, private: bool = False, new: bool = False
) -> Iterator[BinaryIO]:
    """Yield the file of an option; - is standard output. See `btt_chain.primitives.files`."""
    if str(output) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # Imported here: `btt-chain --help` imports this module, and writes no file.
    from btt_chain.primitives.files import writing

    with writing(Path(output), private=private, new=new) as file:
        yield file


def write(output: Path | str, data: bytes | str, *, private: bool = False) -> None:
    """Write the file of an option whole or not at all; - is standard output. Raises OSError."""
    with output_file(output, private=private) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def write_json(document: object, output: Path | str) -> None:
    """Write a document whole or not at all; - is standard output."""
    write(output, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


# ---- reading


@contextmanager
def input_file(path: Path | str) -> Iterator[BinaryIO]:
    """Yield the file of an argument; - is standard input. Raises NotFound if there is none."""
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - NotFound is of the opening alone
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file") from None
    with file:
        yield file


def read_bytes(path: Path | str) -> bytes:
    """Return the content of a file as `input_file`."""
    with input_file(path) as file:
        return file.read()


def read_json_file(path: Path) -> JsonValue:
    """Return the JSON of a file. Mistyped if it holds none."""
    try:
        return read_json(read_bytes(path))
    except BadJson as error:
        raise Mistyped(f"{path} is not JSON: {error}") from None


def read_object_file(path: Path) -> Mapping[str, JsonValue]:
    """Return the JSON object of a file. Mistyped if it holds none."""
    found = read_json_file(path)
    if not isinstance(found, dict):
        raise Mistyped(f"{path} holds no JSON object")
    return found


def json_or_text(word: str) -> JsonValue:
    """Return a typed value: JSON if it has that form, else the text. Mistyped for bad JSON."""
    try:
        return read_json(word)
    except NotJson:
        return word
    except BadJson as error:
        raise Mistyped(f"{word[:24]}...: {error}") from None


def read_text_file(path: Path) -> str:
    """Return the UTF-8 text of a file, without a byte order mark. Raises Mistyped if it is not."""
    return text_of(read_bytes(path), str(path))


def text_of(raw: bytes, where: str) -> str:
    """Return UTF-8 text, without a byte order mark. Mistyped, naming `where`, for other bytes."""
    try:
        return decode_text(raw)
    except BadJson as error:
        raise Mistyped(f"{where} holds no text: {error}") from None


def secret_of(raw: bytes, where: str) -> str:
    """Return a secret in a file or of standard input: its text without the end of the line.

    All commands read secrets this way, so that one file is one secret: UTF-8, without a byte order
    mark, and without line ends, which editors and shells add. Raises Mistyped, which names `where`.
    """
    if len(raw) > MAX_SECRET:
        raise Mistyped(f"{where} is not a secret: it has more than {MAX_SECRET} bytes")
    text = text_of(raw, where).rstrip("\r\n")
    if "\0" in text:
        raise Mistyped(f"{where} holds no text: it has a zero byte")
    return text


def secret_in(path: Path) -> str:
    """Return the secret in a file, as `secret_of`."""
    with path.open("rb") as file:
        return secret_of(file.read(MAX_SECRET + 1), str(path))
