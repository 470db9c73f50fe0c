"""The pallet of docs/pallets.md as its page has it: files in a folder, a line in a table, tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from support.vectors import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "pallets.md").read_text(encoding="utf-8")
FOLDER: Final = "runtime/pallets/notice_board"
SETS: Final = "runtime/sets.py"
BLOCK: Final = re.compile(r"`(\w+\.py)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES: Final = dict(BLOCK.findall(PAGE))
"""The Python files of the page by their names."""
TESTS: Final[str] = FILES.pop("test_notice_board.py")


def line_of_the_set() -> str:
    """Return the line that the page adds to `SETS`."""
    match = re.search(r'^(    "board": RuntimeSet\(.*\),)$', PAGE, re.MULTILINE)
    if match is None:
        raise ValueError("docs/pallets.md has no line for runtime/sets.py")
    return match[1]


def add_to(product: Path) -> None:
    """Do what the page says in a folder with the packages of the product."""
    folder = product / FOLDER
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    table = product / SETS
    text = table.read_text(encoding="utf-8")
    start = "SETS: Final = {\n"
    table.write_text(text.replace(start, f"{start}{line_of_the_set()}\n"), encoding="utf-8")
