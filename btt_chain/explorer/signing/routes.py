"""The addresses of signing: `/tx/prepare`, `/tx/submit`, `/tx/status/{hash}`, `/tx/metadata.json`.

Scripts send JSON; forms of browsers without a script get pages. Requests must come from a page of
this site: those of other sites are refused, so that none can use the browser of a visitor.
"""

from __future__ import annotations

import base64
import json
import secrets
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from btt_chain.client.errors import ClientError
from btt_chain.client.signed_metadata import is_ours
from btt_chain.crypto.development import dev_key
from btt_chain.explorer.chaindata import TRIAL_KINDS
from btt_chain.explorer.context import Context
from btt_chain.explorer.language import Language
from btt_chain.explorer.live import PING, no_place
from btt_chain.explorer.pages.forms import BadRequest, Fields, NoSuchPage, account_of
from btt_chain.explorer.signing.driver import Course, Offer, SigningNode
from btt_chain.explorer.signing.payload import (
    BadSignature,
    PayloadJson,
    Prepared,
    for_vault,
    read_period,
    signed_by,
)
from btt_chain.explorer.signing.seal import SECONDS, BadSeal, Seals
from btt_chain.explorer.signing.sentences import Sentences
from btt_chain.payments.doubts import Doubt
from btt_chain.present import Json
from btt_chain.present.visible import shown
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.extrinsic import signing_payload
from btt_chain.primitives.strict_json import BadJson, read_json, read_object
from btt_chain.web.addresses import is_here
from btt_chain.web.places import Places
from btt_chain.web.proxies import is_forwarded

COOKIE: Final = "sign"
DEV_NAMES: Final = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
"""Accounts with public keys, on development chains and devnets: every visitor may sign as them."""
MAX_LISTENERS: Final = 128
"""Maximum number of open streams of the status of sent transactions."""
MAX_OF_CALLER: Final = 16
"""Maximum number of such streams of one address."""
MAX_SIGNATURE: Final = 132
MAX_FIELDS: Final = 64
"""Fields of one form."""

Render: TypeAlias = Callable[[str, Fields, web.Request], web.Response]
"""Renders a page: template, its data, request."""
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Signing:
    """Signing in the pages of one chain."""

    def __init__(
        self,
        context: Context,
        render: Render,
        speak: Callable[[web.Request], Language],
        read: Callable[[web.Request], Awaitable[bytes]],
        caller: Callable[[web.Request], str],
    ) -> None:
        """`render` makes pages; the others return a request's language, body and address."""
        self._context = context
        self._render = render
        self._speak = speak
        self._read = read
        self._caller = caller
        self.node = SigningNode(context)
        self._seals = Seals()
        self.listeners: Final = Places(MAX_LISTENERS, MAX_OF_CALLER)
        """Places of the streams of the status of sent transactions."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the addresses."""
        router.add_post("/tx/prepare", self._prepare)
        router.add_post("/tx/submit", self._submit)
        router.add_get("/tx/status/{hash}", self._status)
        router.add_get("/tx/metadata.json", self._metadata)

    def state(self, request: web.Request) -> Fields | None:
        """Return the parts of a page that its forms need; None where pages offer no signing."""
        if self._why_not(request) is not None:
            return None
        data = self._context.data
        names = DEV_NAMES if self._is_development(request) else ()
        development: list[Json] = [
            {"name": name, "address": data.address(dev_key(f"//{name}").account_id)}
            for name in names
        ]
        return {
            "symbol": data.currency.symbol,
            "genesis": "0x" + (self._context.index.meta("genesis") or b"").hex(),
            "development": development,
        }

    # ---- requests

    @property
    def streams(self) -> tuple[Handler, ...]:
        """Handlers that answer for as long as the page listens."""
        return (self._status,)

    async def _prepare(self, request: web.Request) -> web.StreamResponse:
        given = await self._given(request)
        account = account_of(self._context.data, given.pop("account", ""))
        offer = await self.node.prepare(given.pop("action", ""), account, given)
        session = request.cookies.get(COOKIE) or secrets.token_urlsafe(18)
        extensions = (await self.node.chain()).metadata.items.runtime.extrinsic.extensions
        payload = offer.prepared.for_wallet(each.identifier for each in extensions)
        seal = self._seals.seal(session, payload, int(time.time()))
        fields = self._offered(request, offer, payload, seal)
        if _is_json(request):
            response: web.Response = web.json_response(fields)
        else:
            fields |= await self._by_hand(offer)
            response = self._render("prepared.html", fields, request)
        response.set_cookie(
            COOKIE, session, max_age=SECONDS, path="/tx", samesite="Strict", httponly=True
        )
        return response

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        given = await self._given(request)
        payload = _payload(given.get("payload", ""))
        seal, session = given.get("seal", ""), request.cookies.get(COOKIE, "")
        self._check_seal(session, payload, seal)
        prepared = _prepared(self._context, payload)
        signature = self._signature(request, given, await self._message(prepared), prepared)
        try:
            chain = await self.node.chain()
            if chain.facts.genesis != prepared.genesis:
                raise BadRequest("it was prepared for another chain: prepare it again")
            wire = signed_by(chain.metadata, prepared, signature)
        except BadSignature as error:
            raise BadRequest(str(error)) from None
        await self.node.validate(wire)
        self._check_seal(session, payload, seal)
        self._seals.use(seal)
        name = self.node.send(wire)
        if _is_json(request):
            return web.json_response({"hash": name})
        return self._render("prepared.html", {"sent": name}, request)

    def _check_seal(self, session: str, payload: PayloadJson, seal: str) -> None:
        try:
            self._seals.check(session, payload, seal, int(time.time()))
        except BadSeal as error:
            raise BadRequest(str(error)) from None

    async def _status(self, request: web.Request) -> web.StreamResponse:
        course = self.node.course(request.match_info["hash"])
        if course is None:
            raise NoSuchPage("This transaction was not sent here, or long ago.")
        with self.listeners.place(self._caller(request)) as is_free:
            if not is_free:
                return no_place(self.listeners, is_full=self.listeners.is_full)
            return await _stream(request, course)

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        """Return the chain's metadata in the form that wallets take."""
        self._ensure_on(request)
        chain = await self.node.chain()
        data = self._context.data
        raw = self._context.index.metadata(chain.facts.spec_version) or b""
        fields: Fields = {
            "chain": data.names.name,
            "chainType": "substrate",
            "genesisHash": to_hex(chain.genesis),
            "icon": "substrate",
            "metaCalls": base64.b64encode(raw).decode(),
            "specVersion": chain.facts.spec_version,
            "ss58Format": data.prefix,
            "tokenDecimals": data.currency.decimals,
            "tokenSymbol": data.currency.symbol,
            "types": {},
        }
        response = web.json_response(fields)
        response.enable_compression()
        return response

    # ---- answers

    def _offered(
        self, request: web.Request, offer: Offer, payload: PayloadJson, seal: str
    ) -> Fields:
        data, spoken = self._context.data, self._speak(request)
        label = data.label(offer.prepared.account)
        is_ours = self._is_development(request) and label in DEV_NAMES
        return {
            "payload": {**payload},
            "seal": seal,
            "call": offer.view.name,
            "sentence": Sentences(data.currency, spoken).of(offer.view),
            "fee": str(offer.fee),
            "dies": offer.prepared.dies,
            "warnings": [warning(spoken, each) for each in offer.warnings],
            "signAs": label if is_ours else None,
        }

    async def _by_hand(self, offer: Offer) -> Fields:
        """Return the parts of a page without a script: a command, and a code for a device."""
        from segno import make_qr  # noqa: PLC0415 - only such pages need it

        chain = await self.node.chain()
        code = make_qr(for_vault(offer.prepared, chain.metadata), error="l")
        return {
            "command": shlex.join(["btt-chain", *offer.command, "--from", "key.txt"]),
            "account": offer.prepared.address,
            "code": code.svg_data_uri(scale=4, light="#fff"),
            "message": "0x" + (await self._message(offer.prepared)).hex(),
        }

    async def _message(self, prepared: Prepared) -> bytes:
        """Return the bytes that are signed."""
        chain = await self.node.chain()
        parts = prepared.extensions(chain.metadata)
        return signing_payload(prepared.call, parts.carried, parts.signed_along)

    def _signature(
        self,
        request: web.Request,
        given: Mapping[str, str],
        message: bytes,
        prepared: Prepared,
    ) -> bytes:
        """Return the signature of a request; that of a development key is made here."""
        name = given.get("signAs")
        if not name:
            return _hex(given.get("signature", ""), MAX_SIGNATURE)
        key = dev_key(f"//{name}") if name in DEV_NAMES else None
        if not self._is_development(request) or key is None:
            raise web.HTTPForbidden(reason="Development keys sign on development chains only.")
        if key.account_id != prepared.account:
            raise BadRequest("it was prepared for another account")
        return bytes((key.scheme.value,)) + key.sign(message)

    # ---- who may

    def _why_not(self, request: web.Request) -> str | None:
        """Return the reason why pages offer no signing; None if they do."""
        metadata = self._context.data.latest()
        if metadata is None:
            return "The index is empty."
        try:
            version = metadata.items.constant("System.Version")[1]
            value = metadata.items.types.decode(version.type, version.value)
        except (ClientError, ValueError, LookupError):
            return "The chain does not say which runtime it has."
        if not isinstance(value, dict) or not is_ours(str(value.get("spec_name"))):
            return "Pages can sign for chains of this program only."
        is_safe = request.headers.get("X-Forwarded-Proto") == "https"
        if self._context.is_public and not is_safe:
            return "Signing needs a proxy with TLS in front of public pages."
        return None

    def _is_development(self, request: web.Request) -> bool:
        """Return True if development keys may sign: on this machine's own trial only."""
        is_trial = self._context.data.names.kind in TRIAL_KINDS
        is_here = _is_local(request.host) and not is_forwarded(request.headers)
        return is_trial and not self._context.is_public and is_here

    def _ensure_on(self, request: web.Request) -> None:
        reason = self._why_not(request)
        if reason is not None:
            raise web.HTTPForbidden(reason=reason)

    async def _given(self, request: web.Request) -> dict[str, str]:
        """Return the fields of a request. Raises HTTPForbidden if another site sends it."""
        self._ensure_on(request)
        if not is_own(request.headers, request.host):
            raise web.HTTPForbidden(reason="This request comes from another site.")
        raw = await self._read(request)
        fields = _json_fields(raw) if _is_json(request) else _form_fields(request, raw)
        return {
            str(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in fields.items()
            if isinstance(value, str | dict)
        }


async def _stream(request: web.Request, course: Course) -> web.StreamResponse:
    """Send the states of a transaction as they come, until its end."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    try:
        await response.prepare(request)
        async for state in course.read():
            line = b"data: " + json.dumps(state, separators=(",", ":")).encode() + b"\n\n"
            await response.write(PING if state is None else line)
    except ConnectionError:
        pass  # the reader has left
    return response


def is_own(headers: Mapping[str, str], host: str) -> bool:
    """Return True if a browser says that a page of this host sends a request.

    Forms of pages without a referrer have the origin `null`; then the browser's other header must
    say it.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site not in (None, "same-origin"):
        return False
    if origin in (None, "null"):
        return site == "same-origin"
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    """Return True if a host, maybe with a port, names this machine."""
    try:
        return is_here(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def _is_json(request: web.Request) -> bool:
    return request.content_type == "application/json"


def _json_fields(raw: bytes) -> Mapping[str, object]:
    """Return the members of an object in JSON. Raises BadRequest."""
    try:
        found = read_json(raw)
    except BadJson as error:
        raise BadRequest(f"this is not JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def _form_fields(request: web.Request, raw: bytes) -> Mapping[str, object]:
    """Return the fields of a form in a browser's usual encoding. Raises BadRequest."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadRequest("send JSON, or a form as application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise BadRequest("this is not a form") from None


def _payload(text: str) -> PayloadJson:
    try:
        return read_object(text)
    except BadJson:
        raise BadRequest("there is no payload") from None


def _prepared(context: Context, payload: PayloadJson) -> Prepared:
    """Return the transaction of a payload that bears our seal."""
    address = str(payload["address"])
    digest = payload.get("metadataHash")
    return Prepared(
        address=address,
        account=account_of(context.data, address),
        call=_hex(str(payload["method"])),
        nonce=int(str(payload["nonce"]), 16),
        birth=int(str(payload["blockNumber"]), 16),
        birth_hash=_hex(str(payload["blockHash"])),
        genesis=_hex(str(payload["genesisHash"])),
        spec_version=int(str(payload["specVersion"]), 16),
        transaction_version=int(str(payload["transactionVersion"]), 16),
        digest=None if digest is None else _hex(str(digest)),
        period=read_period(str(payload["era"])),
    )


def _hex(text: str, longest: int | None = None) -> bytes:
    """Return bytes of a text in hex. Raises BadRequest."""
    plain = text.strip().removeprefix("0x")
    is_short = longest is None or 0 < len(plain) <= longest
    try:
        return bytes.fromhex(plain if is_short else "no")
    except ValueError:
        raise BadRequest(f"{shown(text)} is not a signature: 64 or 65 bytes in hex") from None


def warning(spoken: Language, text: str) -> str:
    """Return a warning in the language of the page, as a sentence."""
    if not isinstance(text, Doubt):
        return spoken.text(text)
    found = spoken.text(text.template, **text.parts)
    is_english = spoken.text(text.template) == text.template
    return f"{found[:1].upper()}{found[1:]}." if is_english else found
