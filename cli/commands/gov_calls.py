"""Sending calls of governance, and search of tracks and referenda on the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.common import show
from cli.common.errors import NotFound, hint
from cli.common.sending import Sender
from cli.common.working import account, short, work_chain

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain as StateAt
    from btt_chain.client.typed import Executed, RuntimeClient
    from btt_chain.scale import u16
    from btt_chain.scale.portable import Plain
    from runtime.apis.governance import ReferendumView, TrackView
    from runtime.pallets.referenda import Referenda

    Refunded = Referenda.SubmissionDepositRefunded | Referenda.DecisionDepositRefunded


async def track_names(chain: RuntimeClient) -> dict[int, str]:
    """Return the names of all tracks by their numbers."""
    from runtime.apis.governance import GovernanceApi

    tracks: list[TrackView] = await chain.api(GovernanceApi.tracks)
    return {int(view.id): view.name for view in tracks}


def call_of(view: ReferendumView, chain: StateAt) -> str:
    """Return the name of a referendum's call; its hash if the call is not available."""
    if view.call is not None:
        return chain.metadata.decoder.call(view.call).name
    return "-" if view.proposal is None else short("0x" + view.proposal.hex())


async def slot_now(chain: StateAt) -> int:
    """Return the time of a chain, in slots since its first block."""
    slots = [await chain.storage(f"Babe.{name}") for name in ("CurrentSlot", "GenesisSlot")]
    current, genesis = (int(str(value)) for value in slots)
    return current - genesis


def track_of(view: ReferendumView, names: dict[int, str]) -> str:
    """Return the name of a referendum's track, or its number."""
    return "-" if view.track is None else names.get(int(view.track), str(int(view.track)))


async def track_number(chain: RuntimeClient, text: str) -> int:
    """Return the number of a track, given or named. NotFound if there is none."""
    names = await track_names(chain)
    for number, name in names.items():
        if text in (name, str(number)):
            return number
    raise NotFound(f"there is no track {text!r}; {hint(text, list(names.values()))}")


def locked_by(track: int, locks: Plain) -> int:
    """Return the planck that a track locks, by the value of `ConvictionVoting.ClassLocksFor`."""
    for row in locks if isinstance(locks, list) else []:
        if isinstance(row, list) and row[0] == track:
            return int(str(row[1]))
    return 0


def track_class(track: str, url: str, timeout: float) -> u16:
    """Return the class of votes of a track, given or named. NotFound if there is none."""
    from btt_chain.scale import u16
    from cli.common.session import run

    async def ask() -> int:
        async with work_chain(url, timeout) as chain:
            return await track_number(chain, track)

    return u16(run(ask()))


def origin_of(track: int) -> object:
    """Return the origin of referenda of a track."""
    from runtime.pallets.origins import Decision, DecisionOrigin, RawRoot, SystemOrigin
    from runtime.pallets.referenda import ROOT_TRACK

    return SystemOrigin(RawRoot()) if track == ROOT_TRACK else DecisionOrigin(Decision(track))


async def bounded_call(chain: RuntimeClient, sender: Sender, raw: bytes) -> object:
    """Return the call in the form of a proposal; a long one is noted as a preimage."""
    from btt_chain.client.errors import DispatchFailed
    from btt_chain.crypto.hashing import blake2_256
    from btt_chain.primitives.digest import H256
    from btt_chain.scale import u32
    from runtime.pallets.preimage import MAX_INLINE, Inline, Lookup

    if len(raw) <= MAX_INLINE:
        return Inline(raw)
    try:
        await sender.submit(chain, "Preimage", "note_preimage", bytes=raw)
    except DispatchFailed as error:
        if error.name != "Preimage.AlreadyNoted":  # another account noted it: it is available
            raise
    return Lookup(H256(blake2_256(raw)), u32(len(raw)))


def submit_call(
    pallet: str, call: str, args: dict[str, object], done: str, url: str, timeout: float,
    as_json: bool, options: dict[str, Any],
) -> None:  # fmt: skip
    """Sign and send a call, and print its result."""
    from cli.common.session import run

    sender = Sender.of(options, as_json)

    async def work() -> Executed:
        async with work_chain(url, timeout) as chain:
            return await sender.submit(chain, pallet, call, **args)

    sent = run(work())
    if as_json:
        show.document({"done": done, "block": "0x" + sent.block.hex()})
    else:
        show.good(f"{done}, in block 0x{sent.block.hex()}")


def address_of(text: str, prefix: int) -> object:
    """Return the address of an account in the form of calls. Mistyped if there is none."""
    from btt_chain.primitives.account import AccountId, Id

    return Id(AccountId(account(text, prefix)))
