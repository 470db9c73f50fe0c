"""Optional extras: the messages for what one of them brings, with the command that installs it."""

from __future__ import annotations

import json
import shlex
from typing import Final
from urllib.parse import unquote, urlsplit

NAME: Final = "btt-chain"


def needs_extra(subject: str, extra: str) -> str:
    """Return the message for something that an optional extra brings."""
    return f"{subject} the extra `{extra}`: {install_command(extra)}"


def install_command(extra: str) -> str:
    """Return the command that adds an extra to this installation.

    The package is installed from a clone or a wheel; pip notes which
    (https://packaging.python.org/en/latest/specifications/direct-url/).
    """
    # Importing it takes as long as the rest of `btt-chain --help`.
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415

    try:
        noted = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        noted = None
    source = json.loads(noted) if noted else {}
    url = source.get("url", "")
    if url.startswith("file:"):
        place = unquote(urlsplit(url).path)
        editable = "-e " if source.get("dir_info", {}).get("editable") else ""
        return f"pip install {editable}{shlex.quote(f'{place}[{extra}]')}"
    if url:
        prefix = f"{source['vcs_info']['vcs']}+" if "vcs_info" in source else ""
        return f"pip install {shlex.quote(f'{NAME}[{extra}] @ {prefix}{url}')}"
    return f"pip install '.[{extra}]' in a clone of {NAME}"
