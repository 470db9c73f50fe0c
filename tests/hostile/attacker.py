"""The attacking process: `python -m hostile.attacker ORDER` (see `order.py`)."""

from __future__ import annotations

import sys
from pathlib import Path

from hostile.order import BROKEN, Order, Recorder
from hostile.registry import SCENARIOS


def main() -> None:
    """Prepare, wait for the word, attack."""
    order = Order.from_json(sys.argv[1])
    kind = SCENARIOS[order.attack].attack
    if kind is None:
        raise SystemExit(f"{order.attack} is not an attack")
    attack = kind(order)
    print("ready", flush=True)
    sys.stdin.readline()
    record = Recorder(Path(order.report))
    attack.begin()
    try:
        attack.run(record)
    except Exception as error:
        record.add(BROKEN, "attack", repr(error))
        raise
    finally:
        record.close()


if __name__ == "__main__":
    main()
