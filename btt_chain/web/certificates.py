"""Import of aiohttp by a program that opens no TLS connection."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Final

NAMES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name the certificates which OpenSSL loads by default."""


def import_without_certificates() -> None:
    """Import aiohttp, if it is not imported yet, without the certificates of the system.

    When it is imported, aiohttp makes two TLS contexts for its client and loads all certificates
    into each: an eighth of the processor time of a node's start, and 2 MB. A node is a server. A
    connection by aiohttp's client to a TLS server fails afterwards, because no certificate is
    trusted, unless it has a context of its own.
    """
    before = {name: os.environ.get(name) for name in NAMES}
    os.environ.update(dict.fromkeys(NAMES, os.devnull))
    try:
        import_module("aiohttp")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
