"""One reader and one writer for each kind of file: all commands use those of `cli.common.files`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.common.errors import Mistyped
from cli.common.files import json_or_text, secret_of
from cli.common.options import password
from support.commands import every_command

HOME = Path(__file__).parents[3]
MARK = b"\xef\xbb\xbf"

WRITERS = re.compile(
    r"\.write_text\(|\.write_bytes\(|open_file\(|click\.File\(|open\([^)]*[\"'][wax]b?\+?[\"']|O_TRUNC"
)
READERS = re.compile(r"\bjson\.loads?\(|\.read_text\(")
OWN = {
    # Writers and readers with an own reason: the helpers themselves, and files of the program.
    "btt_chain/primitives/files.py", "btt_chain/primitives/strict_json.py", "cli/common/streams.py",
    "btt_chain/compute/blobs/store.py",  # a store of pieces, with a hash in front
    "btt_chain/testing/state.py",  # a file of its own folder, by `own_files`
    "cli/commands/doctor.py",  # /proc
    "cli/commands/merchant_statement.py",  # a body of the own journal
    "cli/common/explorer_index.py",  # an answer of a server
}  # fmt: skip


def lines(pattern: re.Pattern[str], *folders: str) -> Iterator[str]:
    for folder in folders:
        for path in sorted((HOME / folder).rglob("*.py")):
            name = str(path.relative_to(HOME))
            if name not in OWN:
                yield from (
                    f"{name}: {line.strip()}"
                    for line in path.read_text().splitlines()
                    if pattern.search(line)
                )


def test_no_command_writes_a_file_in_a_way_of_its_own() -> None:
    assert [*lines(WRITERS, "cli", "p2p", "btt_chain")] == []


def test_no_command_reads_json_or_text_in_a_way_of_its_own() -> None:
    assert [*lines(READERS, "cli")] == []


def test_every_option_of_a_file_takes_a_path_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "k\udce9"
    path.write_bytes(b"")
    found = 0
    for name, command in every_command():
        for param in command.params:
            assert not isinstance(param.type, click.File), f"{name} {param.name} opens its file"
            if isinstance(param.type, click.Path) and param.type.file_okay:
                found += 1
                value = param.type.convert(str(path), param, click.Context(command))
                assert str(value) == str(path)
    assert found > 40


def test_every_option_that_is_a_number_refuses_ten_thousand_digits() -> None:
    found = 0
    for name, command in every_command():
        for param in command.params:
            if type(param.type) in (click.types.StringParamType, click.Path):
                continue
            ctx = click.Context(command)
            try:
                param.type.convert("1" * 10_000, param, ctx)
            except click.BadParameter:
                found += 1
            except ValueError as error:
                pytest.fail(f"{name} {param.name}: {error}")
    assert found > 100


@pytest.mark.parametrize(
    "raw",
    [b"secret", b"secret\n", b"secret\r\n", MARK + b"secret\r\n", MARK + b"secret", b"secret\n\n"],
)
def test_a_secret_in_a_file_is_one_secret_whatever_editor_wrote_it(
    raw: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "word"
    path.write_bytes(raw)
    assert password(None, False, path) == "secret"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("secret".encode("utf-16"), "UTF-16"),
        (b"k\xe9\n", "byte 1 is not UTF-8"),
        (b"a\0b", "zero byte"),
        (b"x" * ((1 << 20) + 1), "more than"),
    ],
)
def test_a_secret_that_is_no_text_is_refused_by_the_name_of_its_file(raw: bytes, why: str) -> None:
    with pytest.raises(Mistyped, match=f"(?s)word.*{why}"):
        secret_of(raw, "word")


@pytest.mark.parametrize("raw", [b"", b"\n", MARK, MARK + b"\r\n"])
def test_an_empty_password_file_is_not_an_empty_password(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "word"
    path.write_bytes(raw)
    with pytest.raises(click.UsageError, match="word is empty"):
        password(None, False, path)


def test_a_secret_keeps_its_spaces() -> None:
    assert secret_of(b" a b \n", "word") == " a b "


def test_a_typed_value_is_json_or_text_and_never_bad_json() -> None:
    assert [json_or_text(each) for each in ("1", "[1]", "Alice", "0x12")] == [
        1,
        [1],
        "Alice",
        "0x12",
    ]
    for bad in ('{"a": 1, "a": 2}', "[NaN]", "1" * 5_000, "[" * 5_000):
        with pytest.raises(Mistyped) as raised:
            json_or_text(bad)
        assert len(str(raised.value)) < 200


def test_the_list_of_exceptions_has_no_file_that_needs_none() -> None:
    for name in OWN:
        text = (HOME / name).read_text()
        ast.parse(text)
        assert WRITERS.search(text) or READERS.search(text) or "open(" in text, name
