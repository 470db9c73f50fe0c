"""substrate-interface, unmodified, against a started node."""

from __future__ import annotations

import sys

from compat.py import classic_pool, classic_reading, classic_sending
from compat.py.checks import done, run
from compat.py.classic_client import Classic

if __name__ == "__main__":
    run(Classic(*sys.argv[1:3]), classic_reading, classic_sending, classic_pool)
    done()
