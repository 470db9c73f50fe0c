"""A node imports aiohttp's server without its client, which is there when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

PREPARED = (
    "import sys\n"
    "from btt_chain.web.server_only import import_without_client\n"
    "import_without_client()\n"
)


def run(program: str) -> str:
    """Run a program in a new interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def test_a_node_serves_without_the_client() -> None:
    seen = run(
        f"{PREPARED}"
        "import btt_chain.node.service.lifecycle, btt_chain.node.service.prometheus\n"
        "import btt_chain.web.server\n"
        "print([name for name in ('aiohttp.client', 'aiohttp.connector') if name in sys.modules])"
    )
    assert seen == "[]"


@pytest.mark.parametrize(
    "statement",
    [
        "import aiohttp; found = aiohttp.ClientSession",
        "from aiohttp import ClientSession as found",
        "from aiohttp import web, ClientSession as found",
        "import aiohttp.web; found = aiohttp.ClientSession",
        "from aiohttp.client import ClientSession as found",
    ],
)
def test_the_client_is_imported_when_it_is_used(statement: str) -> None:
    seen = run(f"{PREPARED}{statement}\nprint(found.__module__, found.__name__)")
    assert seen == "aiohttp.client ClientSession"


def test_a_client_trusts_the_certificates_of_the_system() -> None:
    seen = run(
        f"{PREPARED}import ssl\n"
        "from aiohttp import web_protocol, connector\n"
        "system = ssl.create_default_context().get_ca_certs()\n"
        "print(connector._SSL_CONTEXT_VERIFIED.get_ca_certs() == system)"
    )
    assert seen == "True"


def test_names_of_the_package_are_those_of_a_usual_import() -> None:
    program = (
        "import aiohttp\n"
        "print(aiohttp.__version__, sorted(aiohttp.__all__), type(aiohttp).__name__,\n"
        "      aiohttp.hdrs.__name__, hasattr(aiohttp, 'no_such_name'))"
    )
    assert run(PREPARED + program) == run(program)


def test_a_submodule_is_imported_without_the_client() -> None:
    seen = run(
        f"{PREPARED}import aiohttp\n"
        "print(aiohttp.hdrs.HOST, aiohttp.__version__ in aiohttp.http.SERVER_SOFTWARE,\n"
        "      'aiohttp.client' in sys.modules)"
    )
    assert seen == "Host True False"


def test_an_imported_package_stays() -> None:
    seen = run(f"import aiohttp as first\n{PREPARED}import aiohttp\nprint(first is aiohttp)")
    assert seen == "True"


def test_threads_that_use_the_client_at_once_get_one_client() -> None:
    seen = run(
        f"{PREPARED}import aiohttp\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = list(pool.map(lambda _: aiohttp.ClientSession, range(8)))\n"
        "print(len(set(found)))"
    )
    assert seen == "1"


def test_a_package_of_another_layout_is_imported_whole() -> None:
    seen = run(
        "import re, sys\n"
        "from btt_chain.web import server_only\n"
        "server_only.VERSION = re.compile('not in any source')\n"
        "server_only.import_without_client()\n"
        "import aiohttp.http\n"
        "print('aiohttp.client' in sys.modules)"
    )
    assert seen == "True"
