"""`btt-chain upgrade`: the chain's next runtime, the readiness for it, and a trial of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import click

from btt_chain.client.jsonrpc import Json, WebSocket
from btt_chain.client.views import ViewClient
from btt_chain.present.times import date
from btt_chain.primitives.meaning import SLOTS
from btt_chain.scale import u32, u64
from cli.common import show
from cli.common.chain_time import ChainTime
from cli.common.errors import ExitCode, Mistyped, NotFound, Refused
from cli.common.options import (
    Group,
    data_options,
    examples,
    json_option,
    query_options,
)
from cli.common.sending import Sender
from cli.common.session import run
from cli.common.working import asked
from cli.declared import Chosen, decided
from cli.parameters import Input
from runtime.frame.aliases import SlotOf
from runtime.pallets.upgrade.pallet import Upgrade
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.sets import SPEC_VERSION

if TYPE_CHECKING:
    from btt_chain.chain.runtimes import Carried, Release

Slots = Annotated[u64, SLOTS]
PACKAGES: Final = "btt_chain.runtimes"
"""Group of the entry points by which packages add versions."""


@click.group(cls=Group)
def upgrade() -> None:
    """See, schedule and try the next version of the chain's runtime.

    The chain changes its runtime with the first block of a slot that governance has fixed. A node
    whose program lacks the version stands there until it gets a release that has it.
    """


def runtimes() -> Mapping[Release, Carried]:
    """Return the runtime versions of this program. Refused if a package is wrong."""
    # Imported here: the table of pallets takes half a second, and `status` needs none.
    from btt_chain.chain.runtimes import BadPackage, carried

    try:
        return carried()
    except BadPackage as error:
        raise Refused(str(error)) from None


def versions_of(spec_name: str) -> Mapping[int, Carried]:
    """Return this program's versions of a runtime. Refused if a package is wrong."""
    return {
        release.spec_version: runtime
        for release, runtime in runtimes().items()
        if release.spec_name == spec_name
    }


def origins(spec_name: str) -> Mapping[int, str]:
    """Return the origin of each of this program's versions of a runtime.

    Refused if a package is wrong. Without packages nothing is imported: the runtime takes a second.
    """
    if not entry_points(group=PACKAGES):
        return {SPEC_VERSION: "the program"}
    return {number: runtime.origin for number, runtime in versions_of(spec_name).items()}


# ---- status


@examples("btt-chain upgrade status", "btt-chain upgrade status --url ws://127.0.0.1:9945 --json")
@upgrade.command()
@query_options
def status(url: str, timeout: float, as_json: bool) -> int:
    """Show the runtime in force and the one to come; exit code 1 if the node lacks it."""

    async def ask() -> Json:
        async with await WebSocket.connect(url, timeout) as client:
            return await asked(client, "upgrade_status")

    status = run(ask())
    if not isinstance(status, dict):
        raise Refused(f"the node answered {status!r} where its runtime was expected")
    own = origins(str(status["specName"]))
    if as_json:
        show.document(status | {"here": {str(number): own[number] for number in own}})
    else:
        _print_status(status, own)
    return ExitCode.REFUSED if status["lacking"] else ExitCode.DONE


def _print_status(status: dict[str, Any], own: Mapping[int, str]) -> None:
    planned, name = status["scheduled"], status["specName"]
    coming = "nothing"
    if planned is not None:
        left = planned["slotsLeft"]
        coming = f"{name} {planned['specVersion']} at slot {planned['slot']}, " + (
            f"about {date(planned['time'])}, in {left:_} slots" if left else "which is here"
        )
    show.record(
        {
            "in force": f"{name} {status['specVersion']}",
            "scheduled": coming,
            "the node carries": ", ".join(map(str, status["carried"])),
            "this program carries": [f"{number}, from {origin}" for number, origin in own.items()],
        }
    )
    if status["stands"]:
        show.bad(f"The node stands: {status['lacking']}, and start it again.")
    elif status["lacking"]:
        show.bad(f"The node will stand: {status['lacking']}, before that slot.")
    elif planned is not None:
        show.good("The node is ready: it goes on by itself.")
    else:
        show.good("There is nothing to do.")


# ---- schedule


@decided(
    upgrade, Upgrade.schedule, "btt-chain upgrade schedule 101 --in 3d",
    "btt-chain upgrade schedule 101 --slot 50_000 --sudo --from //Alice", track="root",
    done=lambda values, _: (
        f"Version {values.spec_version} is scheduled for slot {values.slot}, in block "
        f"{values.block}."
    ),
)  # fmt: skip
async def schedule(
    chain: ViewClient,
    spec_version: Annotated[u32, Input("VERSION", least=1)],
    slot: Annotated[SlotOf | None, Input("SLOT", "The slot since genesis, or its date.")],
    in_: Annotated[Slots | None, Input("SPAN", "From now: 90s, 30m, 12h, 3d.")],
    sender: Sender | None,
) -> Chosen:
    """Make the call by which VERSION comes into force, for a referendum; or send it as sudo.

    The program that you type this into must carry the version: the call holds its description.
    A referendum takes its time: choose a slot that is `LeastNotice` slots behind its end at least.
    """
    if (slot is None) == (in_ is None):
        raise Mistyped("when? Give --slot with a number, or --in with a span like 3d")
    name, present = chain.chain.facts.spec_name, chain.chain.facts.spec_version
    own = versions_of(name)
    if int(spec_version) not in own:
        carried = ", ".join(map(str, own))
        raise NotFound(
            f"this program carries {carried}: install the release that has {spec_version}"
        )
    if spec_version <= present:
        raise Refused(f"the chain runs {name} {present}: schedule a later version than that")
    # By hand, blocks are late or ahead of the clock; the next one is at the later of the two.
    now = (await ChainTime.read(chain.chain)).at_next_block().slot
    at = u64(min(u64.MAX, now + int(in_ or 0))) if slot is None else slot
    params = RuntimeParams.decode(await chain.chain.storage_bytes(PARAMS_KEY) or b"")
    left = int(at) - now
    if sender is None and left < params.day_slots:
        raise Refused(
            f"slot {at} is {left} from now, and {params.day_slots} are the least notice when "
            "the call runs: choose a slot behind the referendum's whole time and that"
        )
    about = date(int(time.time() * 1_000) + left * chain.slot_ms)
    show.note(f"slot {at} is {left} from now, about {about}")
    code = own[int(spec_version)].build(params).version.encoded()
    return Chosen({"code": code, "slot": at}, {"slot": at})


# ---- try


@examples(
    "btt-chain upgrade try --chain mainnet --base-path /var/lib/btt",
    "btt-chain upgrade try --state spec.json --to 101 --json",
    "btt-chain upgrade try --url ws://127.0.0.1:9944",
)
@upgrade.command("try")
@data_options
@click.option(
    "--state",
    type=click.Path(exists=True, dir_okay=False),
    help="A state in a file: a raw specification, whose `top` it is.",
)
@click.option("--url", help="The state of a running node's last final block.")
@click.option("--to", type=click.IntRange(1, 2**32 - 1), help="The version. [default: scheduled]")
@json_option
def try_(
    dev: bool, chain: str | None, base_path: Path | None, state: str | None, url: str | None,
    to: int | None, as_json: bool,
) -> int:  # fmt: skip
    """Run the migrations on a copy of a state; exit code 1 if one or an audit fails.

    Nothing is written. Of a node's database it must be free: stop the node, or give --url.
    """
    if sum((dev or chain is not None, state is not None, url is not None)) != 1:
        raise Mistyped("whose state? Give --chain (or --dev), --state or --url, one of them")
    builders = {release: runtime.build for release, runtime in runtimes().items()}
    # Imported here, as in `runtimes`.
    from cli.commands.upgrade_trial import print_trial, rehearsed

    trial = rehearsed(builders, to, dev=dev, chain=chain, base_path=base_path, state=state, url=url)
    print_trial(trial, as_json=as_json)
    return ExitCode.DONE if trial.is_good else ExitCode.REFUSED
