"""The client is light: it loads neither the node nor the runtime."""

from __future__ import annotations

import subprocess
import sys

import pytest

NODE_ONLY = (
    "plyvel", "libp2p", "trio", "rich", "click", "zeroconf", "prometheus_client",
    "runtime", "storage", "p2p", "genesis", "btt_chain.chain", "btt_chain.node",
)  # fmt: skip


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_both_faces_load_no_part_of_a_node() -> None:
    loaded = modules_after(
        "import btt_chain.client as client\n[getattr(client, name) for name in client.__all__]"
    )
    assert "btt_chain.client.blocking" in loaded
    assert not {name for name in NODE_ONLY if name in loaded}


def test_the_package_itself_loads_no_network_library() -> None:
    loaded = modules_after("import btt_chain.client")
    assert "aiohttp" not in loaded
    assert "btt_chain.client.chain" not in loaded


def test_every_public_name_is_in_its_module() -> None:
    from btt_chain import client

    assert sorted(client.__all__) == sorted(client._MODULES)
    assert all(getattr(client, name) is not None for name in client.__all__)
    assert set(client.__all__) <= set(dir(client))


def test_an_unknown_name_is_refused() -> None:
    from btt_chain import client

    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = client.Nothing
