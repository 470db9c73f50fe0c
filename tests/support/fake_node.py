"""A program that looks like a node from outside, and starts in no time: for tests of `Devnet`.

Blocks come by the clock, ten a second since the specification was written, so that all agree;
finality is two behind. `--log fail` ends at once, `--log deaf` ignores SIGTERM. With
the variable FAKE_NODE, each is `deaf`, or `mute`: deaf, and never answers.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BLOCKS_A_SECOND = 10
LAG = 2


def main(words: list[str]) -> None:
    flags = {w: words[i + 1] for i, w in enumerate(words[:-1]) if w.startswith("--")}
    print("started with", *words, flush=True)
    if flags["--log"] == "fail":
        sys.exit("error: this one never starts")
    kind = os.environ.get("FAKE_NODE", flags["--log"])
    if kind in {"deaf", "mute"}:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    born = Path(flags["--chain"]).stat().st_mtime
    if kind == "mute":
        signal.pause()
    port = int(flags["--rpc-port"])
    ThreadingHTTPServer(("127.0.0.1", port), handler(born)).serve_forever()


Document = dict[str, Any]
"""A call or a reply."""


def handler(born: float) -> type[BaseHTTPRequestHandler]:
    allowed: list[Any] = []

    def answer(method: str, params: list[Any]) -> Any:
        best = int((time.time() - born) * BLOCKS_A_SECOND)
        match method:
            case "system_health":
                return {"peers": 3, "isSyncing": False, "shouldHavePeers": True}
            case "chain_getBlockHash":
                return hash_of(params[0] if params else best)
            case "chain_getFinalizedHead":
                return hash_of(max(best - LAG, 0))
            case "chain_getHeader":
                return {"number": hex(int(params[0], 16) if params else best)}
            case "author_pendingExtrinsics":
                return []
            case "btt_setAllowedPeers":
                allowed.append(params[0])
                return None
            case "fake_allowed":
                return allowed
        raise LookupError(method)

    def reply(asked: Document) -> Document:
        said: Document = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            said["result"] = answer(asked["method"], asked["params"])
        except LookupError:
            said["error"] = {"code": -32601, "message": "Method not found"}
        return said

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            said = [reply(one) for one in asked] if isinstance(asked, list) else reply(asked)
            raw = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def hash_of(number: int) -> str:
    return f"0x{number:064x}"


if __name__ == "__main__":
    main(sys.argv[1:])
