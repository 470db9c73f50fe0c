"""The events of a chain's blocks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from btt_chain.client.typed import RuntimeClient
from btt_chain.crypto.hashing import twox_128
from btt_chain.scale import codec
from runtime.frame import EventRecord
from runtime.frame.event import Event

EVENTS = "0x" + (twox_128(b"System") + twox_128(b"Events")).hex()


@dataclass
class History:
    """All that the chain ever said, block by block, as far as it is final."""

    events: list[Event] = field(default_factory=list)
    number: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of a kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    async def read(self, chain: RuntimeClient) -> None:
        """Read on, up to the last final block."""
        records = codec(list[EventRecord])
        async with self.lock:
            head = await chain.head()
            while self.number < head.final_number:
                hash = await chain.chain.connection.call("chain_getBlockHash", self.number + 1)
                raw = await chain.chain.connection.call("state_getStorage", EVENTS, hash)
                chain._runtime.bind()
                found = records.decode_all(bytes.fromhex(str(raw)[2:]))
                self.events += [record.event.event for record in found]
                self.number += 1
