"""`btt-chain model`: conversion of an ONNX file to a model for jobs.

numpy may be missing: what needs it is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import ViewClient
from btt_chain.compute.requester.folder import joined
from btt_chain.present import Context, record
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import codec, u16, u32, u128
from btt_chain.work.graph import Manifest, weights_layout
from btt_chain.work.ids import model_id
from btt_chain.work.shapes import VECTORS_FROM, committed_bytes, largest_proof
from btt_chain.work.tensors import Tensor
from cli.commands.model_description import (
    AGREEMENT,
    CLAIM,
    Stated,
    described,
    description_lines,
    description_options,
    likely_description,
    words,
)
from cli.common import show
from cli.common.computing import folder_of, folder_option, lacks_extra, load_package, work_chain
from cli.common.errors import Mistyped, NotFound
from cli.common.ids import ID_FORM, MODEL, is_beginning, read_beginning, resolve, shortened
from cli.common.options import Group, examples, json_option, query_options
from cli.common.sending import Sender, sending_options
from cli.common.session import run
from cli.common.working import planck, view_chain
from cli.declared import Arguments, composed, query
from cli.parameters import Input, context_of
from runtime.frame.aliases import BalanceOf
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import ModelView
from runtime.pallets.models.pallet import Models
from runtime.pallets.models.types import CheckMode, Modality, Service, Use, is_name

if TYPE_CHECKING:
    from btt_chain.work.package import Package
    from cli.commands.model_import import ImportReport


model = Group("model", help="Import models, register them, look at them.")


@examples(
    "btt-chain model import net.onnx -o net.btt",
    "btt-chain model import net.onnx --prepare net.json -o net.btt",
    "btt-chain model import float.onnx --calibrate scans/ --compare more/ --labels more.csv \\",
    "  --prepare net.json -o net.btt",
)
@model.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", "out", required=True, type=click.Path(dir_okay=False, path_type=Path),
    metavar="PKG", help="Where the package goes.",
)  # fmt: skip
@click.option(
    "--prepare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="JSON",
    help="How inputs are prepared: source, columns, window, offset, divisor, labels.",
)
@click.option(
    "--calibrate",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Quantise a float model, by the items of this folder: at least 8, like those of jobs.",
)
@click.option(
    "--compare",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Compare with the float model over these items; by default over those of --calibrate.",
)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Right classes of the items of --compare: one a line, or .npy. Prints accuracy and AUC.",
)
@click.option(
    "--shape", "shapes", multiple=True, metavar="NAME=1x3x224x224",
    help="Fix the shape of an input that has dynamic axes. Repeatable.",
)  # fmt: skip
@click.option(
    "--fix", "fixed", multiple=True, metavar="NAME=1",
    help="Leave out an input, such as a mask, that always has this value. Repeatable.",
)  # fmt: skip
@click.option(
    "--ranges",
    type=click.Choice(["minmax", "percentile", "squares"]),
    help="How ranges of 8-bit tensors are chosen; by default the best is measured.",
)
@click.option(
    "--least", type=click.FloatRange(0, 1), show_default="0.98",
    help="Least share of decisions that must equal those of the float model.",
)  # fmt: skip
@click.option("--accept-loss", is_flag=True, help="Write the package even with less agreement.")
@click.option(
    "--budget", show_default="20%", metavar="PERCENT",
    help="Growth of the multiplications that tensors of 16 bits may cost, where 8 lose too much.",
)  # fmt: skip
@click.option(
    "--chart", type=click.Path(dir_okay=False, path_type=Path), metavar="SVG",
    help="Write a picture of the agreement by class.",
)  # fmt: skip
@json_option
def import_(file: Path, out: Path, as_json: bool, **options: object) -> None:
    """Make a package of an ONNX file: with 8-bit integers, or with floats and --calibrate.

    Without --calibrate, whatever would be computed with floats is refused with the node's name.
    Each node is then compared with ONNX's reference implementation on random inputs. With it, the
    model is quantised here, and compared with the float model: below --least, or below 0.97 Dice of
    masks, nothing is written and the exit code is 3. The package holds manifest, weights, and how
    inputs are prepared.
    """
    try:
        from cli.commands.model_import import ImportOptions, import_model
    except ImportError as missing:
        raise lacks_extra(missing) from None

    done = import_model(file, out, ImportOptions.of(options), silent=as_json)
    _print_header(done.package, as_json, {"package": str(out)}, done.report)


@examples("btt-chain model show net.btt", "btt-chain model show 0x4fd3...")
@model.command("show")
@click.argument("which", metavar="PKG|ID")
@query_options
def show_(which: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a package, or a registered model by its id."""
    if Path(which).is_file():
        _print_header(load_package(Path(which)), as_json, {})
        return
    if not is_beginning(which):
        raise Mistyped(f"there is no package {which!r}, and it is not a model: {ID_FORM}")

    async def ask() -> tuple[ModelView, Context]:
        async with view_chain(url, timeout) as chain:
            return await view_of(chain, which), await context_of(chain)

    view, context = run(ask())
    rule = record(ModelView)
    if as_json:
        show.document(rule.json(view, context))
        return
    text = rule.labelled(view, context)
    show.record(
        {
            "model": text["id"],
            "name": text["name"],
            "owner": text["owner"],
            "class": text["model class"],
            "MACs": f"{text['macs']} an item",
            "checked by": text["check"],
            "fetched from": text["endpoints"],
            "open jobs": text["open jobs"],
            "usable": usable(view, context),
            **description_lines(view, context),
        }
    )


def owner_says(view: ModelView) -> str:
    """Return service, modality and use in short, by the owner's word."""
    about = view.description
    return f"{words(about.service)}, {about.modality.name}, {words(about.use)}"


def usable(view: ModelView, _: Context) -> str:
    """Return the words for whether jobs can use a model."""
    return "no" if view.suspended or view.retired else "yes"


@query(
    model, "btt-chain model list", empty="no model is registered",
    columns={
        "model": lambda view, _: shortened(view.id), "name": "name",
        "owner says": lambda view, _: owner_says(view), ">class": "model_class",
        ">MACs an item": "macs", ">leaves": "committed", "licence": "licence",
        "checked by": "check", ">open jobs": "open_jobs", "usable": usable,
    },
)  # fmt: skip
async def list_(chain: ViewClient) -> list[ModelView]:
    """List the models that are registered. Commands take the beginnings of their ids."""
    views = pages(
        lambda after: chain.api(WorkApi.models, after, u32(PAGE)),
        lambda view: view.id,
        first=None,
    )
    return [view async for view in views]


@examples(
    "btt-chain model register net.btt --name 'breast cancer' --from //Alice",
    "btt-chain model register net.btt --name net --from key.txt \\",
    "  --endpoint /dns4/models.example/tcp/30335/p2p/12D3KooW...",
)
@model.command()
@click.argument("package", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What people call it: at most 64 bytes.")
@click.option(
    "--class", "model_class", type=click.IntRange(0, 65_535), default=0, show_default=True,
    help="The class of machines that it needs; see `Models.Classes`.",
)  # fmt: skip
@click.option(
    "--check",
    type=click.Choice(["auto", "reexecute", "vectors"]),
    default="auto",
    show_default=True,
    help="How verifiers check an item: compute it again, or by random vectors where that may be "
    "cheaper. auto: by vectors from 500 million MACs an item on.",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="ADDRESS",
    help="Where it is fetched; without one, from the gateway of --base-path.",
)
@click.option(
    "--licence", metavar="AMOUNT", default="0BTT", show_default=True,
    help="Your fee for an item. It is shown, and not charged yet; a change holds after 7 days.",
)  # fmt: skip
@description_options
@sending_options
@folder_option
@query_options
def register(
    package: Path, name: str, model_class: int, check: str, endpoints: tuple[str, ...],
    licence: str, service: Service | None, modality: Modality | None, use: Use | None,
    card: Path | None, claim: str | None, agreement: str | None, base_path: Path | None, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Register the model of a package, so that jobs can use it.

    A bond is held for its quality until it is retired. Providers and verifiers fetch the
    package: keep it where the endpoints say. The gateway (`btt-chain job gateway`) does that.
    The hash of its preparation of inputs goes to the chain: no other package is taken for it.
    """
    sender = Sender.of(options, as_json)
    whole, raw = load_package(package), package.read_bytes()
    if not is_name(name.encode()):
        raise Mistyped("--name: 1 to 64 bytes, not blank, without control characters")
    likely = likely_description(whole, service)
    description = described(Stated(service, modality, use, card, claim, agreement), likely)
    id = model_id(whole.manifest)
    mode = mode_of(check, int(whole.manifest.macs))

    async def work() -> None:
        async with work_chain(url, timeout) as chain:
            where = joined(endpoints)
            if not where:
                folder = folder_of(base_path, chain.genesis)
                folder.add_model(id, raw)
                where = folder.endpoints()
            if not where:
                raise Mistyped(
                    "there would be no address to fetch the model from: start "
                    "`btt-chain job gateway` first, which serves it, or give --endpoint"
                )
            done = await sender.submit(
                chain, "Models", "register", manifest=whole.manifest,
                model_class=u16(model_class),
                name=name.encode(), check=mode, endpoints=where,
                schema=whole.schema,
                licence=u128(planck(chain.chain.metadata.currency, licence)),
                description=description,
            )  # fmt: skip
            facts = {"model": to_hex(id), "block": to_hex(done.block)}
            if as_json:
                show.document(facts)
                return
            show.record(facts)
            show.good("The model is registered.")

    run(work())


def read_model_id(text: str) -> str:
    """Return the digits of a model's id, or of its beginning. Raises Mistyped."""
    return read_beginning(text, MODEL)


ModelId = Annotated[str, Input("MODEL", check=read_model_id)]


async def view_of(chain: ViewClient, which: str) -> ModelView:
    """Return the model of an id or of its beginning. Raises NotFound."""
    id = H256(await resolve(chain.chain.connection, which, MODEL))
    view = await chain.api(WorkApi.model, id)
    if view is None:
        raise NotFound(f"the chain has no model {to_hex(id)} (any more)")
    return view


@composed(
    model, Models.set_licence, "btt-chain model licence 0x4fd3... 0.5BTT --from //Alice",
    event=Models.LicenceSet, done="From {since} on the fee is {licence} an item.",
)  # fmt: skip
async def licence(
    chain: ViewClient, which: ModelId, licence: Annotated[BalanceOf, Input("AMOUNT")]
) -> Arguments:
    """Change your fee for an item of a model. It holds after seven days, and is not charged yet."""
    return {"model": (await view_of(chain, which)).id, "licence": licence}


@composed(
    model, Models.describe,
    "btt-chain model describe 0x4fd3... --use education --from //Alice",
    "btt-chain model describe 0x4fd3... --claim roc-auc:94.1%:1000:cases.npz --from key.txt",
    event=Models.Described, done="The model is described anew.",
)  # fmt: skip
async def describe(
    chain: ViewClient,
    which: ModelId,
    name: Annotated[str | None, Input(help="What people call it: at most 64 bytes.")],
    service: Annotated[Service | None, Input(help="The kind of result.")],
    modality: Annotated[Modality | None, Input(help="The kind of input.")],
    use: Annotated[Use | None, Input(help="The intended use.")],
    card: Annotated[Path | None, Input("FILE", "The model card, whose SHA-256 goes to the chain.")],
    claim: Annotated[str | None, Input(CLAIM, "Your own result; shown as your word.")],
    agreement: Annotated[str | None, Input(AGREEMENT, "Equal decisions of the float model.")],
) -> Arguments:
    """Change what you say about a model of yours; the rest stays. Its preparation cannot change."""
    view = await view_of(chain, which)
    stated = Stated(service, modality, use, card, claim, agreement)
    if name is None and stated == Stated():
        raise Mistyped("nothing would change: give --name or another option")
    return {
        "model": view.id,
        "name": view.name if name is None else name.encode(),
        "description": described(stated, view.description),
    }


def mode_of(check: str, macs: int) -> CheckMode:
    """Return the check mode of `--check` for items of that many multiplications."""
    if check == "vectors" or (check == "auto" and macs >= VECTORS_FROM):
        return CheckMode.Vectors
    return CheckMode.Reexecute


def _print_header(
    package: Package, as_json: bool, more: dict[str, str], report: ImportReport | None = None
) -> None:
    manifest = package.manifest
    graph = manifest.graph
    weights = sum(weights_layout(graph, node).nbytes for node in graph.nodes if node.op.constants)
    id = to_hex(model_id(manifest))
    facts = {
        "inputs": [_tensor_json(tensor) for tensor in graph.inputs],
        "outputs": [_tensor_json(tensor) for tensor in graph.made],
        "nodes": len(graph.nodes),
        "macs": int(manifest.macs),
        "weightBytes": weights,
        "committedBytes": committed_bytes(graph),
        "manifestBytes": len(codec(Manifest).encode(manifest)),
        "largestProofBytes": max(
            largest_proof(graph, at) for at, node in enumerate(graph.nodes) if node.out.committed
        ),
    }
    schema = to_hex(package.schema)
    if as_json:
        document: dict[str, object] = {"model": id, **more, **facts, "schema": schema}
        measured = package.agreement
        document |= {
            "preparation": package.preparation.as_json(),
            "agreement": None if measured is None else measured.as_json(),
        }
        if report is not None:
            document["import"] = report.document
        show.document(document)
        return
    names = package.preparation.as_json()
    source = f"{names['source']}, " if "source" in names else ""
    show.record(
        {
            "model": id,
            **more,
            "input": [_shape(tensor) for tensor in graph.inputs],
            "output": [_shape(tensor) for tensor in graph.made],
            "work": f"{int(manifest.macs):_} MACs an item in {len(graph.nodes)} nodes",
            "weights": f"{weights:_} bytes",
            "leaves": f"{facts['committedBytes']:_} bytes an item",
            "on the chain": f"{facts['manifestBytes']:_} bytes; a fraud proof at most "
            f"{facts['largestProofBytes']:_}",
            "inputs": f"{source}labels: {', '.join(package.preparation.labels) or 'none'}",
            **_agreement_lines(package, report),
            "preparation": schema,
        }
    )


def _agreement_lines(
    package: Package, report: ImportReport | None
) -> Mapping[str, str | Sequence[str]]:
    """Return the report of an import that just ended, else what the package keeps of it."""
    if report is not None:
        return {"import": report.remarks, "agreement": report.agreement}
    measured = package.agreement
    if measured is None:
        return {"agreement": "not measured"}
    return {"agreement": measured.lines(package.preparation.labels)}


def _shape(tensor: Tensor) -> str:
    return f"{' x '.join(map(str, tensor.dims))} of {tensor.kind.name}"


def _tensor_json(tensor: Tensor) -> dict[str, object]:
    return {"kind": tensor.kind.name, "shape": list(tensor.dims)}
