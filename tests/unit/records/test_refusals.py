"""Answers of a custodian that refuses."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from btt_chain.records.errors import AccessDenied
from btt_chain.records.keys import VaultKeys
from btt_chain.records.remote import RemoteCustodian


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"issue": [{"diagnostics": "no such vault"}]}', "no such vault"),
        (b'{"issue":' * 2_000, "answered with status 404"),
        (b"[" * 20_000, "answered with status 404"),
        (b'{"issue": ' + b"1" * 5_000 + b"}", "answered with status 404"),
        (b'{"issue": [{"diagnostics": "a"}], "issue": []}', "answered with status 404"),
    ],
)
async def test_a_refusal_whose_json_cannot_be_read_is_still_a_refusal(
    body: bytes, words: str
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=404, body=body)

    app = web.Application()
    app.router.add_get("/custodian", refuse)
    async with TestServer(app) as server:
        with pytest.raises(AccessDenied, match=words):
            async with RemoteCustodian.connect(
                str(server.make_url("/")), VaultKeys.generate(), int
            ):
                pass
