"""The helper process: answers each request on its input, until that ends with the node."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import IO, Final

from btt_chain.chain.prechecks.checker import Checker
from btt_chain.chain.prechecks.wire import (
    decode_request,
    encode_answer,
    read_frame,
    write_frame,
)

NICE: Final = 19
"""Nice value added to the node's: where no core is free, the helper takes a hundredth of one."""


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer requests until the end of the input. Raises BadFrame, DecodeError, OSError."""
    checker = Checker()
    while (frame := read_frame(source)) is not None:
        write_frame(sink, encode_answer(checker.check(decode_request(frame))))


def main() -> None:
    """Serve standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the node
    os.nice(NICE)
    # What a library prints must not get between the answers.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(BrokenPipeError):  # the node ended while an answer was computed
        serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
