"""A custodian's program: answers messages of patients and readers.

Every access is decided by `machine`, recorded in the vault and the ledger, and only then answered.
The kinds of messages, each answered by one of kind `KIND-answer`, or `refused`:

| kind | by | body | answer |
|---|---|---|---|
| upload | an admitted patient | | token for one message of more than 1 MiB |
| deposit | an admitted patient | resources, their leaves, grants | numbers of both |
| access | a reader | purpose, query; grant, or the patient | resources, entry, promise |
| session | a reader | purpose, grant | token for the facade, scopes, lifetime |
| log | a patient or a reader | | own entries, and where they are anchored |
| anchors | a patient | leaves | where they are anchored |
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.access_promise import CONTEXT as PROMISE_CONTEXT
from btt_chain.primitives.access_promise import AccessPromise, sign
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.record_leaves import access_leaf
from btt_chain.records import library
from btt_chain.records.accesses import Access, LoggedAccess
from btt_chain.records.chain import RecordsChain
from btt_chain.records.custodian.anchoring import Anchoring
from btt_chain.records.custodian.batches import Kind
from btt_chain.records.custodian.deciding import Deciding
from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.custodian.machine import MAX_AGE_MS, NO_SESSION, SESSION_MS
from btt_chain.records.documents import MAX_BYTES, Json, Resource, parse
from btt_chain.records.errors import AccessDenied, RecordsError
from btt_chain.records.grants import EMERGENCY, Grant
from btt_chain.records.keys import VaultId, new_secret
from btt_chain.records.messages import Message, Seen, receive, send
from btt_chain.records.searching import Search
from btt_chain.records.shapes import items, member, objects, octets, text
from btt_chain.records.signed_grants import SignedGrant
from btt_chain.records.vault.index import Entry
from btt_chain.records.vault.store import Vault
from btt_chain.scale import u32

log = logging.getLogger(__name__)

PATIENTS: Final = "patients"
EMERGENCY_READERS: Final = "emergency"
"""Lists of vaults among the facts of the index, with spaces between."""
REFUSED: Final = "refused"
MAX_ANCHORS: Final = 1_000
"""Leaves in one question."""
MAX_DEPOSIT: Final = 1_000
"""Resources, and consents, of one deposit: each is validated, stored and forced to the disk."""
MAX_PAGE: Final = 32 << 20
"""Bytes of the resources of one answer."""
MAX_QUESTION: Final = 1 << 20
"""Bytes of a message of a vault that is not a patient, or not yet known: only patients deposit."""
UPLOAD_MS: Final = 120_000
"""Milliseconds in which an upload must begin."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the facade."""

    id: str
    grant: Grant
    handle: H256
    purpose: str
    reader: VaultId
    request: H256
    """Hash of the message that opened it."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """An access that was allowed."""

    patient: VaultId
    reader: VaultId
    purpose: str
    handle: str
    search: Search
    request: H256


class Custodian:
    """The custodian of one vault on one chain."""

    def __init__(
        self,
        vault: Vault,
        ledger: Ledger,
        chain: RecordsChain,
        account: bytes,
        now_ms: Callable[[], int],
        max_age_ms: int = MAX_AGE_MS,
    ) -> None:
        self.vault: Final = vault
        self.account: Final = AccountId(account)
        self._chain = chain
        self._now_ms = now_ms
        self._seen = Seen()
        self._anchoring = Anchoring(ledger, chain, account, now_ms)
        self._deciding = Deciding(chain, now_ms, max_age_ms, self._forget)
        self._sessions: dict[str, Session] = {}
        self._reads: dict[str, int] = {}
        self._uploads: dict[VaultId, tuple[str, int]] = {}
        """Token of the next upload of each patient, and when it ends."""
        self._adopted: set[str] = set()
        """Leaves of records that are in the ledger."""
        self._readers: dict[str, str] = {}
        """Readers of the accesses that were opened, by entry."""
        self._answered = {each.logical for each in vault.entries(library.ACCESS)}
        """Requests with a promise. A second one, after a restart, would prove a double answer."""

    @property
    def promise_key(self) -> bytes:
        """The public key of the promises, which the custodian registers on the chain."""
        return ed25519.public_from_seed(self.vault.keys.promise_seed)

    async def poll(self) -> None:
        """Read the head, check open sessions, and anchor what is due. Raises ClientError."""
        self._deciding.on_view(await self._chain.view())
        self._deciding.tick()
        batches = self._anchoring.on_clock(await self._chain.clock())
        for entry in self.vault.index.all():
            if entry.kind == library.RECORD and entry.leaf not in self._adopted:
                self._anchoring.add(Kind.RECORDS, bytes.fromhex(entry.leaf))
                self._adopted.add(entry.leaf)
        for batch in batches:
            self._deciding.start(self._anchoring.anchor(batch))

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self._deciding.settle()

    # ---- messages

    async def answer(self, sealed: bytes) -> bytes:
        """Answer a message; a refusal is an answer, too. Raises BadMessage if it does not open."""
        message = receive(
            sealed, self.vault.keys, self._chain.genesis, self._now_ms(), limit=self._limit
        )
        self._seen.take(message, self._now_ms())
        kinds = {"upload": self._open_upload, "deposit": self._deposit,
                 "access": self._access, "session": self._open_session,
                 "log": self._log, "anchors": self._anchors}  # fmt: skip
        try:
            if message.kind not in kinds:
                raise AccessDenied(f"the custodian has no message {message.kind[:32]!r}")
            kind, body = f"{message.kind}-answer", await kinds[message.kind](message)
        except RecordsError as error:
            kind, body = REFUSED, {"reason": str(error)}
        found = {"request": message.hash.hex(), **body}
        answer, _ = send(
            self.vault.keys, message.sender, self._chain.genesis, kind, found, self._now_ms()
        )
        return answer

    def begin_upload(self, token: str) -> bool:
        """Return True if the token is that of an upload, once: its message may be large."""
        given = token.encode(errors="replace")
        for patient, (known, end_ms) in self._uploads.items():
            if secrets.compare_digest(known.encode(), given):
                del self._uploads[patient]
                return self._now_ms() <= end_ms
        return False

    # ---- the facade

    async def read(self, token: str, search: Search) -> tuple[list[Resource], int]:
        """Return the page of resources that a session finds, and the number of all.

        Raises AccessDenied.
        """
        session = self._sessions.get(token)
        if session is None:
            raise AccessDenied(NO_SESSION)
        reading = self._reading(session.reader, session.grant, session.handle, session.purpose,
                                search, session.request)  # fmt: skip
        await self._deciding.allow(session.handle, token)
        if token not in self._sessions:  # it closed meanwhile
            raise AccessDenied(NO_SESSION)
        self._reads[token] = self._reads.get(token, 0) + 1
        number = self._reads[token].to_bytes(8, "big")
        page, total = self._find(reading, session.grant)
        self._record(reading, page, H256(blake2_256(session.request + number)))
        return page, total

    def session(self, token: str) -> Session | None:
        """Return the session of a token."""
        return self._sessions.get(token)

    # ---- kinds of messages

    async def _open_upload(self, message: Message) -> Resource:
        self._ensure_patient(message.sender)
        token = secrets.token_urlsafe(32)
        self._uploads[message.sender] = token, self._now_ms() + UPLOAD_MS
        return {"token": token}

    async def _deposit(self, message: Message) -> Resource:
        self._ensure_patient(message.sender)
        resources, given = (
            [objects(each) for each in items(message.body.get(name, []))]
            for name in ("resources", "grants")
        )
        if max(len(resources), len(given)) > MAX_DEPOSIT:
            raise AccessDenied(f"a deposit has at most {MAX_DEPOSIT} resources and consents")
        done = library.import_resources(
            self.vault, resources, self._now_ms(), subject=message.sender
        )
        for entry in done.added:
            self._anchoring.add(Kind.RECORDS, bytes.fromhex(entry.leaf))
        leaves = items(message.body.get("leaves", []))
        if len(leaves) > len(resources):
            raise AccessDenied("a deposit has a leaf for each resource at most")
        for leaf in leaves:
            # The patient's own commitments: only the patient has their salts.
            self._anchoring.add(Kind.RECORDS, octets({"leaf": leaf}, "leaf", 32))
        grants = [SignedGrant.from_document(each) for each in given]
        for each in grants:
            if each.grant().patient != message.sender:
                raise AccessDenied("a consent of another patient")
            self._keep_grant(each)
        return {
            "added": len(done.added),
            "unchanged": done.unchanged,
            "grants": len(grants),
            "leaves": [each.leaf for each in done.added],
            "entries": [f"{each.type}/{each.logical}" for each in done.added],
        }

    async def _access(self, message: Message) -> Resource:
        search = Search.parse(text(message.body, "query"))
        purpose = text(message.body, "purpose")
        grant: Grant | None = None
        if purpose == EMERGENCY:
            reading = self._emergency(message, search)
            handle = None
        else:
            signed = SignedGrant.from_document(objects(member(message.body, "grant")))
            grant, handle = signed.grant(), signed.handle
            reading = self._reading(message.sender, grant, handle, purpose, search, message.hash)
            self._keep_grant(signed)
        await self._deciding.allow(handle)
        page, _ = self._find(reading, grant)
        logged = self._record(reading, page, message.hash)
        return {"resources": page, "access": logged.document()}

    async def _open_session(self, message: Message) -> Resource:
        signed = SignedGrant.from_document(objects(member(message.body, "grant")))
        grant, purpose = signed.grant(), text(message.body, "purpose")
        self._ensure_allowed(message.sender, grant, purpose)
        self._keep_grant(signed)
        until_ms = int(grant.until.timestamp() * 1_000)
        token = secrets.token_urlsafe(32)
        # Known before it opens: it can close before this coroutine continues.
        self._sessions[token] = Session(
            token, grant, signed.handle, purpose, message.sender, message.hash
        )
        try:
            await self._deciding.open(token, signed.handle, until_ms)
        except BaseException:
            self._forget(token)
            raise
        if token not in self._sessions:
            raise AccessDenied(NO_SESSION)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": SESSION_MS // 1_000,
            "scope": " ".join(map(str, grant.scopes)),
        }

    async def _log(self, message: Message) -> Resource:
        logged = [
            library.read_access(self.vault, entry)
            for entry in self.vault.entries(library.ACCESS)
            if self._is_party(message.sender, entry)
        ]
        anchors = self._anchoring.proofs([(Kind.ACCESSES, each.leaf) for each in logged])
        found: list[Json] = [
            {"access": each.document(), "anchor": anchor}
            for each, anchor in zip(logged, anchors, strict=True)
        ]
        return {"entries": found}

    async def _anchors(self, message: Message) -> Resource:
        leaves = items(member(message.body, "leaves"))
        if len(leaves) > MAX_ANCHORS:
            raise AccessDenied(f"at most {MAX_ANCHORS} leaves at once")
        wanted = [
            (Kind[text(each, "kind").upper()], octets(each, "leaf", 32))
            for each in leaves
            if text(each, "kind").upper() in Kind.__members__
        ]
        anchors: list[Json] = [*self._anchoring.proofs(wanted)]
        return {"anchors": anchors}

    # ---- accesses

    def _ensure_allowed(self, reader: VaultId, grant: Grant, purpose: str) -> None:
        now = datetime.fromtimestamp(self._now_ms() / 1_000, UTC)
        reason = grant.refusal(reader, self.vault.id, purpose, now)
        if reason is not None:
            raise AccessDenied(reason)
        # A consent of a new vault costs nothing to sign: it is not stored.
        if grant.patient != self.vault.id and not self._is_patient(grant.patient):
            raise AccessDenied("the custodian has no such patient")

    def _reading(
        self, reader: VaultId, grant: Grant, handle: H256, purpose: str, search: Search,
        request: H256,
    ) -> _Reading:  # fmt: skip
        self._ensure_allowed(reader, grant, purpose)
        return _Reading(grant.patient, reader, purpose, handle.hex(), search, request)

    def _emergency(self, message: Message, search: Search) -> _Reading:
        if str(message.sender) not in self._facts(EMERGENCY_READERS):
            raise AccessDenied("this vault may not read in an emergency: the custodian admits who")
        patient = VaultId.parse(text(message.body, "patient"))
        log.warning("emergency access by %s", message.sender)
        return _Reading(patient, message.sender, EMERGENCY, "", search, message.hash)

    def _find(self, reading: _Reading, grant: Grant | None) -> tuple[list[Resource], int]:
        """Return the page of resources that a reader may have, and the number of all.

        The grant is checked for each. Raises AccessDenied for a page that is too large.
        """
        subject = "" if reading.patient == self.vault.id else str(reading.patient)
        search = reading.search
        page: list[Resource] = []
        total = size = 0
        for entry, data in self._candidates(subject, search):
            resource = parse(data)
            is_covered = grant is None or grant.covers(resource, search.permission)
            if not is_covered or not search.matches(resource):
                continue
            if search.offset <= total < search.offset + search.count:
                size += len(data)
                if size > MAX_PAGE:
                    raise AccessDenied("the page is larger than 32 MiB: lower its _count")
                page.append(resource if "id" in resource else {**resource, "id": entry.id})
            total += 1
        return page, total

    def _candidates(self, subject: str, search: Search) -> Iterable[tuple[Entry, bytes]]:
        for entry in self.vault.entries(library.RECORD):
            if entry.subject == subject and search.may_have(entry):
                yield entry, self.vault.read(entry).data

    def _record(self, reading: _Reading, page: Sequence[Resource], request: H256) -> LoggedAccess:
        """Record an access, and promise that it will be in the log."""
        if request.hex() in self._answered:
            raise AccessDenied("the request was answered before")
        self._answered.add(request.hex())
        references = tuple(f"{each['resourceType']}/{each['id']}" for each in page)
        entry = Access(
            request, reading.patient, reading.reader, self.vault.id, reading.purpose,
            reading.handle, reading.search.text, references, self._now_ms(),
        ).encode()  # fmt: skip
        salt = new_secret()
        leaf = access_leaf(salt, entry, request)
        epoch = self._anchoring.add(Kind.ACCESSES, leaf)
        promise = AccessPromise(
            PROMISE_CONTEXT, H256(self._chain.genesis), self.account, request, leaf, u32(epoch)
        )
        logged = LoggedAccess(entry, salt, sign(promise, self.vault.keys.promise_seed))
        title = f"{reading.purpose} {reading.search.text}"
        self._readers[library.store_access(self.vault, logged, title).id] = str(reading.reader)
        return logged

    # ---- internals

    def _keep_grant(self, signed: SignedGrant) -> None:
        """Store a grant, and put its leaf into the next root of consents."""
        library.store_grant(self.vault, signed, self._now_ms(), "consent")
        self._anchoring.add(Kind.CONSENTS, signed.leaf)

    def _ensure_patient(self, who: VaultId) -> None:
        if not self._is_patient(who):
            raise AccessDenied(
                "this vault does not belong to a patient of the custodian: "
                "`btt-chain records admit` adds it"
            )

    def _is_patient(self, who: VaultId) -> bool:
        return str(who) in self._facts(PATIENTS)

    def _limit(self, sender: VaultId) -> int:
        return MAX_BYTES if self._is_patient(sender) else MAX_QUESTION

    def _is_party(self, who: VaultId, entry: Entry) -> bool:
        """Return True if a vault is the patient or the reader of an access, opened once."""
        if entry.id not in self._readers:
            access = library.read_access(self.vault, entry).access
            self._readers[entry.id] = str(access.reader)
        return str(who) in (entry.subject, self._readers[entry.id])

    def _forget(self, session: str) -> None:
        self._sessions.pop(session, None)
        self._reads.pop(session, None)

    def _facts(self, name: str) -> list[str]:
        return self.vault.index.facts.get(name, "").split()
