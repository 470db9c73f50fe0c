"""A store of blobs whose process is killed while it writes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from btt_chain.compute.blobs.store import BlobStore

WRITER = """
import sys
from pathlib import Path
from btt_chain.compute.blobs.store import BlobStore
store = BlobStore(Path(sys.argv[1]))
count = 0
while True:
    store.put("one", bytes([count % 256]) * 300_000)
    count += 1
    if count == 3:
        print("writing", flush=True)
"""


def test_a_kill_leaves_a_whole_blob_and_no_rest(tmp_path: Path) -> None:
    for pause in (0.0, 0.003, 0.01):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

        store = BlobStore(tmp_path)

        data = store.load("one", 300_000)
        assert data == data[:1] * 300_000
        assert [path.name for path in tmp_path.iterdir()] == ["one"]
        assert store.total_bytes == 300_000
