"""Printing the result of a job, or writing it to a file.

numpy may be missing: only the result itself needs it.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btt_chain.compute.requester.folder import Folder, Record
from btt_chain.present import Context, rule
from btt_chain.present.scalars import lower_initial
from btt_chain.primitives import ss58
from btt_chain.primitives.csv_cells import text_cell
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.job_tier import Tier
from btt_chain.work.ids import sample
from cli.common import show
from cli.common.computing import lacks_extra
from cli.common.errors import Mistyped, Refused
from cli.common.files import output_file
from runtime.pallets.jobs.views import JobView, ReceiptView

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def checked_by(job: JobView) -> list[str]:
    """Return the verdicts of the committee, a line for each verifier."""
    receipt = job.receipt
    if receipt is None:
        return ["there is no receipt yet"]
    if job.tier is Tier.Confidential:
        return ["by the requester alone: the job is confidential"]
    items = int(job.items)
    lines: list[str] = []
    for seat in receipt.seats:
        if seat.verdict is None:
            vote = "has committed" if seat.committed else "has not voted"
        else:
            checked = sample(seat.rho, items, int(receipt.sample_count), seat.missed)
            noun = "item" if len(checked) == 1 else "items"
            numbers = ", ".join(map(str, checked[:8])) + (", ..." if len(checked) > 8 else "")
            vote = (
                f"{lower_initial(type(seat.verdict).__name__)}, {len(checked)} of {items} items "
                f"checked: {noun} {numbers}, counted from 0"
            )
        lines.append(f"{ss58.encode(seat.verifier)}  {vote}")
    return lines or ["no verifier is selected yet"]


def print_result(
    folder: Folder, record: Record, job: JobView, as_json: bool, out: Path | None
) -> None:
    """Print outputs, and the results of their checks."""
    try:
        import numpy as np
    except ImportError as missing:
        raise lacks_extra(missing) from None

    raw = folder.result(record)
    if raw is None:
        raise Refused("the result is not here yet")
    outputs = _outputs(record, raw)
    rows = np.concatenate([part.reshape(len(part), -1) for part in outputs], axis=1)
    if out is not None and out.suffix == ".npy" and len(outputs) > 1:
        raise Mistyped(
            f"the model has {len(outputs)} outputs: write them to a file that ends in .npz"
        )
    if out is not None and out.suffix == ".npy":
        np.save(out, outputs[0])
    elif out is not None and out.suffix == ".npz":
        arrays: dict[str, Any] = {f"output{number}": part for number, part in enumerate(outputs)}
        np.savez(out, **arrays)
    elif out is not None:
        _write_csv(out, record, rows)
    labels = _labels(record, rows)
    best = [labels[int(at)] for at in rows.argmax(axis=1)] if labels else []
    if as_json:
        show.document(
            {
                "job": to_hex(job.id),
                "state": job.state.name.lower(),
                "outputs": [
                    {"item": name, "values": _values(outputs, number)}
                    | ({"label": best[number]} if best else {})
                    for number, name in enumerate(record.names)
                ],
                "labels": labels,
                "receipt": rule(ReceiptView | None).json(job.receipt, Context()),
                "checked": checked_by(job),
            }
        )
        return
    _print_rows(record, rows, best)
    facts: dict[str, str | list[str]] = {"state": job.state.name.lower()}
    if job.receipt is not None:
        facts["receipt"] = to_hex(job.receipt.id)
        facts["provider"] = ss58.encode(job.receipt.provider)
    facts["outputs"] = "are those that the provider committed to on the chain"
    facts["checked"] = checked_by(job)
    show.record(facts)


def _outputs(record: Record, raw: bytes) -> list[NDArray[np.float32]]:
    """Return the real values of each output, the items along the first axis."""
    import numpy as np

    from btt_chain.work.model import dtype_of, real_values

    items = np.frombuffer(raw, np.uint8).reshape(-1, record.output_bytes)
    reals: list[NDArray[np.float32]] = []
    start = 0
    for tensor, bits in zip(record.outputs, record.output_scales, strict=True):
        part = np.ascontiguousarray(items[:, start : start + tensor.nbytes])
        stored = part.view(dtype_of(tensor.kind)).reshape(-1, *tensor.stored)
        reals.append(real_values(tensor, bits, stored))
        start += tensor.nbytes
    return reals


def _values(outputs: list[NDArray[np.float32]], item: int) -> list[object]:
    """Return the numbers of an item: of several outputs a list for each."""
    values: list[list[object]] = [part[item].reshape(-1).tolist() for part in outputs]
    return values[0] if len(values) == 1 else [*values]


def _labels(record: Record, rows: NDArray[np.float32]) -> list[str]:
    """Return the labels of all columns; none where they name the channels of many pixels."""
    return list(record.labels) if len(record.labels) == rows.shape[1] else []


def _print_rows(record: Record, rows: NDArray[np.float32], best: list[str]) -> None:
    if rows.shape[1] <= 12:
        names = _labels(record, rows) or [str(number) for number in range(rows.shape[1])]
        show.table(
            ["item", *(["answer"] if best else []), *(f">{name}" for name in names)],
            [
                [
                    name,
                    *([best[number]] if best else []),
                    *(f"{value:.4g}" for value in row),
                ]
                for number, (name, row) in enumerate(zip(record.names, rows, strict=True))
            ],
        )
    else:
        show.note(f"{len(rows)} outputs of {rows.shape[1]} numbers; -o FILE writes them")


def _write_csv(out: Path, record: Record, rows: NDArray[np.float32]) -> None:
    labels = _labels(record, rows) or [str(number) for number in range(rows.shape[1])]
    with output_file(out) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        table = csv.writer(file)
        table.writerow(["item", *map(text_cell, labels)])
        for name, row in zip(record.names, rows.tolist(), strict=True):
            table.writerow([text_cell(name), *row])
        file.flush()
        file.detach()
