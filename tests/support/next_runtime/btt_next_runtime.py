"""
The next version of the runtime, as a package that is installed beside the program.

A process that has this folder on its path is the new program, and one without is the old one. The
version has one pallet more, whose storage its migration makes, and keeps one value of an old pallet
in another form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, codec, path, u32
from runtime import VERSION, BttRuntime
from runtime.frame import Event, Hasher, Map, Migration, Origin, Pallet, Section, Value, call
from runtime.frame.origin import OriginKind
from runtime.frame.runtime import P
from runtime.frame.weight import PICOS_PER_MICRO
from runtime.pallets.sudo import pallet as old
from runtime.params import RuntimeParams

NEXT = replace(VERSION, spec_version=u32(101))
STEP_WEIGHT = 100 * PICOS_PER_MICRO


@path("btt_next_runtime::Holder")
@dataclass(slots=True)
class Holder:
    """The key of root, and the block since which it is valid."""

    account: AccountId
    since: u32


class Sudo(old.Sudo):
    """One key that may do everything, and since when it may."""

    # Another form than it had; who is sure of that is the audit, not the type checker.
    key = cast("Any", Value(Holder))

    def genesis(self, config: Mapping[str, object]) -> None:
        """Set the key of a chain that begins with this runtime."""
        given = Section(config, "sudo").fields(optional=("key",)).get("key")
        if given is not None and given.present():
            self.key.value = Holder(given.account(), u32(0))

    def _ensure_sudo(self, origin: Origin) -> None:
        holder = self.key.get()
        known = None if holder is None else holder.account
        if origin.kind is not OriginKind.ROOT and origin.signed() != known:
            raise self.RequireSudo


class Guestbook(Pallet):
    """Emit a note with the caller."""

    opened_by = Value(AccountId)
    lines = Map(AccountId, bytes, hasher=Hasher.Blake2_128Concat)

    class Signed(Event, index=0):
        """An account has called `note`."""

        who: Annotated[AccountId, TypeName("T::AccountId")]

    @call(0, weight=STEP_WEIGHT)
    def sign(self, origin: Origin, line: bytes) -> None:
        """Say that you were here."""
        who = origin.signed()
        self.lines[who] = line
        self.deposit(self.Signed(who))


class NextRuntime(BttRuntime):
    """The table of tomorrow."""

    def __init__(self, params: RuntimeParams, *, vrf: Vrf | None = None) -> None:
        super().__init__(params, vrf=vrf or SchnorrkelVrf(), version=NEXT)
        self.guestbook = self.add(80, Guestbook())
        self.complete()
        self.migrations = (
            Migration(101, "Sudo.Key has the block of its change", self.move_key),
            Migration(101, "the guestbook is opened", self.open_book),
        )

    def add(self, index: int, pallet: P) -> P:
        """Put a pallet into the table, in its form of tomorrow."""
        return super().add(index, cast(P, Sudo()) if isinstance(pallet, old.Sudo) else pallet)

    def move_key(self) -> int:
        """Write the key in its new form."""
        key = self.pallet(Sudo).key
        raw = self.host.state.get(key.prefix)
        if raw is not None:
            account = codec(AccountId).decode_all(raw)
            key.value = Holder(account, self.system.number.value)
        return STEP_WEIGHT

    def open_book(self) -> int:
        """Let the holder of the key open the book."""
        holder = self.pallet(Sudo).key.get()
        if holder is not None:
            self.guestbook.opened_by.value = holder.account
        return STEP_WEIGHT
