"""A facility and a wallet that are killed lose nothing that was confirmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from btt_chain.care import vault
from btt_chain.care.facility import FacilityFolder
from btt_chain.care.wallet import State, Wallet
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.point_voucher import is_signed
from support.care_programs import CALENDAR, CLINIC, GENESIS, SECRET

PATIENT = KeyPair.from_uri("//Patient")
MONTH = 2
NOW = 65 * CALENDAR.day_slots
WRITER = """
import sys
from pathlib import Path
from btt_chain.care import vault
from btt_chain.care import vault
from btt_chain.care.facility import FacilityFolder
from btt_chain.care.wallet import Wallet
from support.care_programs import CALENDAR, CLINIC, GENESIS, SECRET, activity, rule
from btt_chain.crypto.keypair import KeyPair

vault.SCRYPT_N = 2
base = Path(sys.argv[1])
with (
    FacilityFolder.open(base / "clinic", SECRET, GENESIS, CLINIC) as clinic,
    Wallet.open(base / "wallet", KeyPair.from_uri("//Patient"), GENESIS) as wallet,
):
    keys = clinic.make_keys(2)
    for number in range(10_000):
        claim = clinic.confirm(activity(f"patient {number}"), rule(base=7))
        request = wallet.request(claim, keys, CALENDAR, 65 * CALENDAR.day_slots)
        wallet.accept(claim, clinic.sign(request), keys)
        print(number, flush=True)
"""


def test_nothing_that_was_confirmed_is_lost_by_kill_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault, "SCRYPT_N", 2)
    done = -1
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            done = int(line)
            if done >= 3:
                break
        program.send_signal(signal.SIGKILL)
        done = max([done, *map(int, program.stdout.read().split())])
    with (
        FacilityFolder.open(tmp_path / "clinic", SECRET, GENESIS, CLINIC) as clinic,
        Wallet.open(tmp_path / "wallet", PATIENT, GENESIS) as wallet,
    ):
        keys = clinic.make_keys(MONTH)
        for claim in wallet.claims():
            request = wallet.request(claim, keys, CALENDAR, NOW)
            wallet.accept(claim, clinic.sign(request), keys)
        held = [kept for kept in wallet.vouchers() if kept.state is State.Held]
        assert all(
            is_signed(each.voucher, GENESIS, keys[each.voucher.denomination]) for each in held
        )
        points = sum(kept.points for kept in held)
        assert points >= 7 * (done + 1)
        assert clinic.points(MONTH) - points in (0, 7)
