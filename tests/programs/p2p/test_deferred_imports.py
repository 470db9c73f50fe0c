"""Libraries that the network's host never uses are not imported with it."""

from __future__ import annotations

import subprocess
import sys


def run(program: str) -> str:
    """Run a program in a new interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def test_the_host_starts_without_http_clients() -> None:
    seen = run(
        "import sys, p2p.host.libp2p_network\n"
        "print([name for name in sys.modules if name.startswith(('requests.', 'httpx.'))])"
    )
    assert seen == "[]"


def test_a_deferred_package_works_when_it_is_used() -> None:
    seen = run(
        "import p2p.host, requests, httpx\n"
        "from requests.exceptions import ConnectionError\n"
        "from httpx import URL\n"
        "print(issubclass(ConnectionError, OSError), URL('http://a/b').path,\n"
        "      requests.Session.__module__, type(requests).__name__)"
    )
    assert seen == "True /b requests.sessions module"


def test_a_package_that_is_imported_already_stays() -> None:
    seen = run("import requests as first\nimport p2p.host, requests\nprint(first is requests)")
    assert seen == "True"


def test_a_package_that_is_not_installed_is_no_error() -> None:
    seen = run(
        "import sys\nfrom p2p.host.deferred import defer\n"
        "defer('no_such_package')\nprint('no_such_package' in sys.modules)"
    )
    assert seen == "False"


def test_a_node_is_imported_without_libp2p_and_what_few_nodes_use() -> None:
    unused = [
        *("libp2p", "trio", "zeroconf", "cryptography", "numpy", "btt_chain.compute"),
        *("btt_chain.client.chain", "btt_chain.client.metadata", "runtime.audits"),
        # Only nodes with an engine, and with a network, use these.
        *("btt_chain.node.engine.engine", "btt_chain.consensus.finality.gadget", "p2p.sync"),
        # Only nodes of chains that are sealed by hand use these.
        *("btt_chain.node.dev.sealing", "btt_chain.node.dev.control", "btt_chain.node.dev.methods"),
    ]
    seen = run(
        "import sys, btt_chain.node.service.lifecycle\n"
        f"print([name for name in {unused} if name in sys.modules])"
    )
    assert seen == "[]"


def test_an_engine_is_imported_without_what_only_fetches_a_state() -> None:
    unused = ("btt_chain.node.blocks.state_import", "p2p.sync.warp", "p2p.sync.voter_search")
    seen = run(
        "import sys, btt_chain.node.engine.start\n"
        f"print([name for name in {unused} if name in sys.modules])"
    )
    assert seen == "[]"


def test_modules_of_a_node_use_data_classes_that_compile_their_methods_later() -> None:
    seen = run(
        "import sys, dataclasses, btt_chain.node.service.lifecycle\n"
        "from btt_chain.packages import PACKAGES\n"
        "print([name for name, module in sys.modules.items()\n"
        "       if name.partition('.')[0] in PACKAGES\n"
        "       and getattr(module, 'dataclass', None) is dataclasses.dataclass])"
    )
    assert seen == "[]", "import dataclass from btt_chain.lazyclass in these modules"
