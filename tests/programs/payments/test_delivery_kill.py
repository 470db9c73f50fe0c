"""A journal of deliveries whose process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from btt_chain.payments.delivery.journal import Journal

CHAIN, MERCHANT = b"\1" * 32, b"\2" * 32
ROOT = Path(__file__).resolve().parents[3]


WRITER = """
    import sys
    from pathlib import Path
    from btt_chain.payments.delivery.courier import Delivered
    from btt_chain.payments.delivery.events import EventType, MerchantEvent
    from btt_chain.payments.delivery.journal import Cursor, Journal

    with Journal.open(Path(sys.argv[1]), b"\\1" * 32, b"\\2" * 32) as journal:
        if journal.cursor is None:
            journal.begin(Cursor(0, bytes(32)))
            journal.enable_webhook()
        number = journal.cursor.number
        while True:
            number += 1
            block = number.to_bytes(16, "big") + bytes(16)
            event = MerchantEvent(block, 0, 0, EventType.PAID, number, 1, {})
            journal.append(Cursor(number, block), [event])
            print("recorded", number, flush=True)
            for due in journal.due(0, 1):
                journal.store(Delivered(due.seq))
                print("delivered", due.seq, flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    path, recorded, delivered = tmp_path / "j", 0, 0
    for lines in (7, 20, 41):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path)],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(lines):
            word, number = process.stdout.readline().split()
            if word == "recorded":
                recorded = int(number)
            else:
                delivered = int(number)
        process.send_signal(signal.SIGKILL)
        # What was written between the last line read and the end counts, too.
        for line in process.stdout:
            if line.startswith("recorded"):
                recorded = int(line.split()[1])
            elif line.startswith("delivered"):
                delivered = int(line.split()[1])
        process.wait()
        process.stdout.close()
        with Journal.open(path, CHAIN, MERCHANT) as journal:
            cursor = journal.cursor
            assert cursor is not None
            assert cursor.number in (recorded, recorded + 1)
            counts = journal.counts()
            assert counts.waiting + counts.delivered == cursor.number
            assert counts.delivered in (delivered, delivered + 1)
