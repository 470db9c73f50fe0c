"""A merchant and its customers on a node, by the programs that people start."""

from __future__ import annotations

import http.server
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import standardwebhooks
from click.testing import CliRunner

from cli.program import program
from support.running import Running, running

_NUMBERS: Final = itertools.count()

Document = dict[str, Any]
"""A JSON document that a command printed."""


class Done(NamedTuple):
    """A command that ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class Shop:
    """The commands of a merchant, a till and payers on one node."""

    url: str
    home: Path

    def variables(self) -> dict[str, str]:
        """Variables of the commands: this node, and a home of their own."""
        return {"XDG_DATA_HOME": str(self.home), "BTT_URL": self.url, "COLUMNS": "200"}

    def run(self, *words: str) -> Done:
        """Run a command to its end, in this process."""
        result = CliRunner().invoke(program, list(words), env=self.variables())
        return Done(result.exit_code, result.stdout, result.stderr)

    def document(self, *words: str) -> Any:
        """Run a command with --json that must succeed; its document."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def lines(self, *words: str) -> list[Document]:
        """Run a command that prints documents on lines, and must succeed."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def started(self, *words: str) -> AbstractContextManager[Running]:
        """Start a program, and end it at last."""
        log = self.home / f"{words[0]}-{next(_NUMBERS)}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return running(log, *words, env=self.variables())

    @contextmanager
    def till(self, *words: str) -> Iterator[tuple[Running, Document]]:
        """Start `pos`, and yield it with its invoice."""
        with self.started("pos", *words, "--json") as till:
            yield till, till.document()

    def open(self, who: str, category: int, *more: str) -> None:
        """Fund an account and its till, and register it as a merchant."""
        for name in (who, f"{who}//till"):
            self.document("tx", "transfer", "--from", "//Alice", name, "5000BTT")
        self.document(
            "merchant", "register", "--category", str(category), "--till", f"{who}//till",
            "--from", who, *more,
        )  # fmt: skip


@dataclass
class Receiver:
    """A web server that fails the first attempt of every other event."""

    secret: str
    is_gone: bool = False
    """True: it answers 410 to every delivery."""
    arrived: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port, and yield the URL."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                # The independent library checks the signature.
                event = standardwebhooks.Webhook(outer.secret).verify(body, dict(self.headers))
                id = event["id"]
                fails = int(id[-1], 16) % 2 == 0 and id not in outer.refused
                if fails:
                    outer.refused.add(id)
                else:
                    outer.arrived.append(id)
                    outer.bodies[id] = body
                self.send_response(410 if outer.is_gone else 500 if fails else 204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
