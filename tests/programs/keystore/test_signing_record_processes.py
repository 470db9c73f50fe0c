"""The signing record between processes: one at a time, and kills at any moment."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from btt_chain.keystore.errors import RecordInUse
from btt_chain.keystore.record import SigningRecord
from btt_chain.primitives import files

GENESIS, KEY = bytes([1]) * 32, bytes([3]) * 32


def randomness() -> bytes:
    """A signature that is never the same twice."""
    return secrets.token_bytes(64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "signing"


def test_a_second_process_with_the_key_is_refused(root: Path) -> None:
    record = SigningRecord.create(root, GENESIS, KEY)
    program = (
        "import sys; from pathlib import Path\n"
        "from btt_chain.keystore import RecordError, SigningRecord\n"
        "try: SigningRecord.open(Path(sys.argv[1]), bytes([1]) * 32, bytes([3]) * 32)\n"
        "except RecordError as why: print(why)\n"
    )
    command = [sys.executable, "-c", program, str(root)]
    home = Path(files.__file__).resolve().parents[2]
    second = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)
    assert f"process {os.getpid()} signs with the key 0x{KEY.hex()} already" in second.stdout
    with pytest.raises(RecordInUse, match="two nodes with one key"):
        SigningRecord.open(root, GENESIS, KEY)
    record.close()
    third = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)
    assert third.stdout == ""


def test_a_killed_process_leaves_no_lock(root: Path) -> None:
    SigningRecord.create(root, GENESIS, KEY).close()
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from btt_chain.keystore import SigningRecord\n"
        "record = SigningRecord.open(Path(sys.argv[1]), bytes([1]) * 32, bytes([3]) * 32)\n"
        "assert record.sign_block(7, b'a' * 32, lambda: b's' * 64) == b's' * 64\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    home = Path(files.__file__).resolve().parents[2]
    died = subprocess.run([sys.executable, "-c", program, str(root)], cwd=home, check=False)
    assert died.returncode == -9
    record = SigningRecord.open(root, GENESIS, KEY)
    assert record.sign_block(7, b"a" * 32, randomness) == b"s" * 64
    record.close()


SIGNER = """
import os, sys
from pathlib import Path
from btt_chain.keystore import SigningRecord
record = SigningRecord.open(Path(sys.argv[1]), bytes([1]) * 32, bytes([3]) * 32)
hash = sys.argv[2].encode() * 32
for slot in range(1_000_000):
    seal = record.sign_block(slot, hash, lambda: os.urandom(64))
    if isinstance(seal, bytes):
        os.write(1, f"{slot} {sys.argv[2]} {seal.hex()}\\n".encode())
"""


def test_a_signer_that_is_killed_again_and_again_never_signs_a_slot_twice(root: Path) -> None:
    SigningRecord.create(root, GENESIS, KEY).close()
    home = Path(files.__file__).resolve().parents[2]
    received: dict[int, str] = {}
    # Each life wants other blocks than the one before, from slot 0 on.
    for life, lines in zip("abcd", (1, 40, 7, 90), strict=True):
        command = [sys.executable, "-c", SIGNER, str(root), life]
        with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(lines)]
            process.kill()
            said += process.stdout.readlines()
        for line in said:
            slot = int(line.split()[0])
            assert received.setdefault(slot, line) == line
    assert len(received) >= 138
    record = SigningRecord.open(root, GENESIS, KEY)
    assert record.ledger.block is not None
    assert record.ledger.block.slot >= max(received)
    record.close()
