"""Key files of the wallet open in @polkadot/keyring, unmodified, and the other way round."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives import ss58
from btt_chain.wallet import keyfile
from btt_chain.wallet.entries import Entry
from compat.client import HERE, SCRIPT_SECONDS

pytestmark = pytest.mark.compat

CHEAP = (1 << 15, 1, 8)
PASSWORD = "corrêct horse battery"


def test_keys_go_to_polkadot_js_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("node")
    if program is None or not (HERE / "node_modules").is_dir():
        pytest.skip("node or tests/compat/node_modules is missing: the wallet's files did NOT run")
    for scheme in Scheme:
        # scrypt of new files takes polkadot.js a second: once is enough.
        cost = keyfile.COST if scheme is Scheme.SR25519 else CHEAP
        pair = KeyPair.from_uri("//Alice//stash", scheme)
        with monkeypatch.context() as context:
            context.setattr(keyfile, "COST", cost)
            entry = Entry.key("alice", pair, PASSWORD)
        (tmp_path / f"{scheme}.json").write_bytes(entry.encode())
    ended = subprocess.run(
        [program, str(HERE / "js" / "wallet.mjs"), str(tmp_path), PASSWORD],
        cwd=HERE, capture_output=True, text=True, check=False, timeout=SCRIPT_SECONDS,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    for scheme in Scheme:
        alice = KeyPair.from_uri("//Alice//stash", scheme)
        theirs = found[str(scheme)]
        assert theirs["address"] == ss58.encode(alice.account_id)
        assert theirs["name"] == "alice"
        assert ("Unable to decode" in theirs["refused"]) == (scheme is Scheme.ED25519)
        assert alice.verify(b"hello", bytes.fromhex(theirs["signature"][2:]))
    entry = Entry.decode("bob", (tmp_path / "sr25519-js.json").read_bytes())
    assert entry.unlock(PASSWORD) == KeyPair.from_uri("//Bob")
