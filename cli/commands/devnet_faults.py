"""Faults of a running devnet: kill, restart, pause, resume, partition, heal, one more node."""

from __future__ import annotations

from pathlib import Path

import click

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.testing import DevNode
from cli.commands.devnet_common import base_option, opened, read_groups
from cli.common import show
from cli.common.options import examples, json_option


@examples(
    "btt-chain devnet kill Charlie", "btt-chain devnet kill 2", "btt-chain devnet kill provider-0"
)
@click.command()
@click.argument("member", metavar="NODE")
@base_option
def kill(member: str, base_path: Path | None) -> None:
    """Kill NODE, a number from 0 or a name (also of a helper), with SIGKILL, as a power cut."""
    with opened(base_path) as net:
        found = net.kill(member)
    show.note(f"killed {found.title}; devnet restart {member} brings it back")


@examples("btt-chain devnet restart Charlie", "btt-chain devnet restart explorer")
@click.command()
@click.argument("member", metavar="NODE")
@base_option
def restart(member: str, base_path: Path | None) -> None:
    """Stop NODE if it runs, start it again, wait until it answers."""
    with opened(base_path) as net:
        net.restart(member)
        found = net.member(member)

    where = f"answers on {found.ws}" if isinstance(found, DevNode) else "is started"
    show.note(f"{found.title} {where}")


@examples("btt-chain devnet pause Charlie")
@click.command()
@click.argument("member", metavar="NODE")
@base_option
def pause(member: str, base_path: Path | None) -> None:
    """Freeze NODE (SIGSTOP): its connections stay, and it does nothing."""
    with opened(base_path) as net:
        found = net.member(member)
        found.pause()
    show.note(f"paused {found.title}; devnet resume {member} lets it go on")


@examples("btt-chain devnet resume Charlie")
@click.command()
@click.argument("member", metavar="NODE")
@base_option
def resume(member: str, base_path: Path | None) -> None:
    """Let NODE go on after `pause`."""
    with opened(base_path) as net:
        found = net.member(member)
        found.resume()
    show.note(f"{found.title} goes on")


@examples("btt-chain devnet partition 0,1/2,3", "btt-chain devnet partition alice,bob/charlie")
@click.command()
@click.argument("groups", metavar="GROUPS")
@base_option
def partition(groups: str, base_path: Path | None) -> None:
    """Cut the network into GROUPS, such as 0,1/2,3; a node in none is connected to no other."""
    with opened(base_path) as net:
        net.partition(read_groups(net, groups))
    show.note(f"the network is cut: {groups}; devnet heal makes it whole")


@examples("btt-chain devnet heal")
@click.command()
@base_option
def heal(base_path: Path | None) -> None:
    """Make a network whole again that was cut."""
    with opened(base_path) as net:
        net.heal()
    show.note("the network is whole; nodes find each other within seconds")


@examples("btt-chain devnet add-node", "btt-chain devnet add-node --name archive --json")
@click.command("add-node")
@click.option("--name", help="Its name. [default: Observer-N]")
@base_option
@json_option
def add_node(name: str | None, base_path: Path | None, *, as_json: bool) -> None:
    """Start one more node, which follows the chain without validating."""
    with opened(base_path) as net:
        node = net.add_node(name)
    if as_json:
        show.document(
            {"index": node.index, "name": node.name, "ws": node.ws, "http": node.http,
             "metrics": node.metrics_url, "address": node.address, "log": str(node.log)}
        )  # fmt: skip
        return
    show.note(f"{node.title} answers on {node.ws}")


@examples("btt-chain devnet keys", "btt-chain devnet keys --json")
@click.command()
@base_option
@json_option
def keys(base_path: Path | None, *, as_json: bool) -> None:
    """Print the public keys and network addresses of the nodes, and all accounts with money."""
    with opened(base_path) as net:
        rows = [
            {
                "index": node.index,
                "name": node.name,
                "uri": node.key,
                "babe": node.key and "0x" + KeyPair.from_uri(node.key).public.hex(),
                "grandpa": node.key
                and "0x" + KeyPair.from_uri(node.key, Scheme.ED25519).public.hex(),
                "address": node.address,
            }
            for node in net.nodes
        ]
        funded = net.funded()
    if as_json:
        accounts = [{"name": f.name, "uri": f.uri, "address": f.address} for f in funded]
        show.document({"nodes": rows, "accounts": accounts})
        return
    for row in rows:
        show.record({name: str(value) for name, value in row.items() if value is not None}, width=8)
        click.echo()
    show.table(("account", "address", "secret"), [(f.name, f.address, f.uri) for f in funded])


COMMANDS = (kill, restart, pause, resume, partition, heal, add_node, keys)
"""Commands of this module, in the order of the help."""
