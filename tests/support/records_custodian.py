"""A custodian over HTTP with a patient and a reader, on a chain in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from btt_chain.records.custodian.ledger import Ledger
from btt_chain.records.custodian.service import PATIENTS, Custodian
from btt_chain.records.documents import Resource
from btt_chain.records.keys import VaultKeys
from btt_chain.records.remote import RemoteCustodian
from btt_chain.records.server import RecordsServer
from btt_chain.records.signed_grants import SignedGrant, sign_grant
from btt_chain.records.vault.store import Vault
from support.records import grant, new_vault
from support.records_chain import GENESIS, HOUR_MS, MemoryChain

ACCOUNT = b"\5" * 32


@dataclass
class Hospital:
    """A custodian with its server, a patient and a reader."""

    chain: MemoryChain
    custodian: Custodian
    ledger: Ledger
    vault: Vault
    url: str
    patient: VaultKeys
    reader: VaultKeys
    stack: AsyncExitStack

    def now_ms(self) -> int:
        return self.chain.now_ms

    async def client(self, keys: VaultKeys) -> RemoteCustodian:
        found = RemoteCustodian.connect(self.url, keys, self.now_ms)
        return await self.stack.enter_async_context(found)

    async def advance(self, hours: int = 1) -> None:
        """Let hours pass; their roots are anchored."""
        for _ in range(hours):
            self.chain.now_ms += HOUR_MS
            self.chain.extend()
            self.chain.finalize()
            await self.custodian.poll()
            await self.custodian.settle()

    async def block(self, *revoked: bytes) -> None:
        self.chain.now_ms += 6_000
        self.chain.extend(*revoked)
        await self.custodian.poll()
        await self.custodian.settle()

    def grant(self, scopes: str = "patient/Observation.rs?category=laboratory") -> SignedGrant:
        wanted = grant(self.patient.id, self.reader.id, self.vault.id, scopes)
        return sign_grant(wanted, self.patient)[0]


def restarted(hospital: Hospital) -> Custodian:
    """The custodian's program, begun again over the same files."""
    return Custodian(hospital.vault, hospital.ledger, hospital.chain, ACCOUNT, hospital.now_ms)


@asynccontextmanager
async def a_hospital(folder: Path) -> AsyncIterator[Hospital]:
    chain = MemoryChain()
    async with AsyncExitStack() as stack:
        vault = stack.enter_context(new_vault(folder / "hospital"))
        ledger = stack.enter_context(Ledger.open(folder / "hospital" / "custodian.db"))
        custodian = Custodian(vault, ledger, chain, ACCOUNT, lambda: chain.now_ms)
        chain.key = custodian.promise_key
        server = RecordsServer(custodian, GENESIS)
        port = await server.start("127.0.0.1", 0)
        stack.push_async_callback(server.stop)
        await custodian.poll()
        patient, reader = VaultKeys.generate(), VaultKeys.generate()
        vault.index.facts[PATIENTS] = str(patient.id)
        yield Hospital(chain, custodian, ledger, vault, f"http://127.0.0.1:{port}", patient,
                       reader, stack)  # fmt: skip


def ask(signed: SignedGrant, query: str = "Observation", purpose: str = "TREAT") -> Resource:
    return {"grant": signed.document(), "purpose": purpose, "query": query}
