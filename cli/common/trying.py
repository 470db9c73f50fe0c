"""The dry run of a call before it is sent: the node executes it on its state, and keeps nothing."""

from __future__ import annotations

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, DispatchFailed, RpcError, TransactionRefused
from btt_chain.client.transactions import Call, Effects
from btt_chain.lazyclass import dataclass
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.errors import Refused

NO_API = "this chain's runtime cannot try a call before it is sent: it is sent untried"


class WouldFail(DispatchFailed):
    """The call would fail, by a dry run; it is not sent. `name` is that of the innermost error."""

    def __init__(self, error: str) -> None:
        ClientError.__init__(
            self,
            f"the call would fail now: {error.rstrip('.')}. Nothing is sent, and no fee is paid; "
            "--force sends it all the same",
        )
        self.name = error.removeprefix("Proxy.ProxyExecuted: ").partition(": ")[0]


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a dry run; without `effects`, `untried` says why there are none."""

    effects: Effects | None
    error: str | None = None
    """The reason why the call would fail, or why no block could contain it."""
    untried: str | None = None


async def tried(chain: Chain, wire: bytes, call: Call, signer: bytes, *, is_dry_run: bool) -> Trial:
    """Try a transaction, without its signature: the node gets nothing that it could send.

    A dry run on a chain that can try no transactions tries the call alone, without a fee; Refused
    if the chain cannot do that either.
    """
    try:
        effects = await chain.transactions.simulate(wire)
        if effects is None and is_dry_run:
            effects = await chain.transactions.simulate_call(signed_by(signer), call)
        if effects is not None:
            return Trial(effects, effects.error)
        if not is_dry_run:
            return Trial(None, None, NO_API)
        raise Refused("this chain's runtime cannot try a call, and no node gets one that is signed")
    except TransactionRefused as error:
        return Trial(None, str(error))
    except RpcError as error:
        if is_dry_run:
            raise Refused(f"the call cannot be tried: {error}") from None
        return Trial(None, None, f"the node could not try the call, it is sent untried: {error}")


def show_trial(chain: Chain, trial: Trial, *, width: int) -> None:
    """Print the fee, the weight and the events of a dry run."""
    effects = trial.effects
    if effects is None:
        return
    facts: dict[str, str] = {}
    if effects.fee is not None:
        facts["fee"] = f"{chain.metadata.currency.format(effects.fee)} (as things stand)"
    if effects.weight is not None:
        facts["weight"] = f"{effects.weight / 1e9:.3f} ms of a block"
    show.record(facts, width=width)
    show.table(["event", "fields"], [[each.name, each.shown] for each in effects.events])


def trial_facts(trial: Trial) -> dict[str, object]:
    """Return a dry run as a part of a JSON document."""
    effects = trial.effects
    return {
        "success": trial.error is None,
        "error": trial.error,
        "fee": None if effects is None or effects.fee is None else str(effects.fee),
        "weight": None if effects is None or effects.weight is None else str(effects.weight),
        "events": None
        if effects is None
        else [{"event": each.name, "fields": each.fields} for each in effects.events],
    }


async def waiting_before(chain: Chain, account: bytes, nonce: int) -> int:
    """Return how many transactions of an account come before the one with this nonce."""
    used = await chain.storage("System.Account", "0x" + account.hex())
    known = used.get("nonce") if isinstance(used, dict) else None
    return max(0, nonce - known) if isinstance(known, int) else 0


async def failure_of(chain: Chain, origin: Plain, call: Call) -> str | None:
    """Return why a call by a caller would fail as things stand; None if not, or not known."""
    try:
        effects = await chain.transactions.simulate_call(origin, call)
    except RpcError:
        return None
    return None if effects is None else effects.error


def signed_by(account: bytes) -> Plain:
    """Return the caller of a call that an account signs."""
    return {"system": {"Signed": "0x" + account.hex()}}
