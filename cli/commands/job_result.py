"""Printing the result of a job, or writing it to a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from btt_chain.primitives.csv_cells import text_cell
from cli.common import show
from cli.common.errors import Refused
from cli.common.files import output_file
from cli.common.working import lacks_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from btt_chain.client.jsonrpc import Json
    from btt_chain.compute.requester.folder import Folder, Record


def checked_by(answer: dict[str, Json]) -> list[str]:
    """Return the verdicts of the committee, a line for each verifier."""
    from btt_chain.work.ids import sample

    receipt = answer.get("receipt")
    if not isinstance(receipt, dict):
        return ["there is no receipt yet"]
    if answer.get("tier") == "confidential":
        return ["by the requester alone: the job is confidential"]
    lines: list[str] = []
    items = int(str(answer.get("items")))
    seats = receipt.get("seats")
    for seat in seats if isinstance(seats, list) else []:
        if not isinstance(seat, dict):
            continue
        verdict = seat.get("verdict")
        if isinstance(verdict, dict):
            randomness = bytes.fromhex(str(seat.get("rho"))[2:])
            missed = seat.get("missed")
            besides = [int(str(item)) for item in missed] if isinstance(missed, list) else []
            looked = sample(randomness, items, int(str(receipt.get("sampleCount"))), besides)
            shown = ", ".join(map(str, looked[:8])) + (", ..." if len(looked) > 8 else "")
            said = str(verdict.get("kind"))
            noun = "item" if len(looked) == 1 else "items"
            what = f"{len(looked)} of {items} items checked: {noun} {shown}, counted from 0"
            lines.append(f"{seat.get('verifier')}  {said}, {what}")
        else:
            said = "has committed" if seat.get("committed") else "has not voted"
            lines.append(f"{seat.get('verifier')}  {said}")
    return lines or ["no verifier is selected yet"]


def print_result(
    folder: Folder, record: Record, answer: dict[str, Json], as_json: bool, out: Path | None
) -> None:
    """Print outputs, and the results of their checks."""
    try:
        import numpy as np

        from btt_chain.work.model import dtype_of
    except ImportError as missing:
        raise lacks_extra(missing) from None

    raw = folder.result(record)
    if raw is None:
        raise Refused("the result is not here yet")
    outputs = np.frombuffer(raw, dtype_of(record.output.kind)).reshape(-1, *record.output.dims)
    scale = np.uint32(record.output_scale).view(np.float32)
    reals = (outputs.astype(np.float32) - np.float32(record.output.zero)) * scale
    rows = reals.reshape(len(reals), -1)
    if out is not None and out.suffix == ".npy":
        np.save(out, reals)
    elif out is not None:
        _write_csv(out, record, rows)
    labels = _labels(record, rows)
    best = [labels[int(at)] for at in rows.argmax(axis=1)] if labels else []
    if as_json:
        show.document(
            {
                "job": answer.get("id"),
                "state": answer.get("state"),
                "outputs": [
                    {"item": name, "values": row.tolist()}
                    | ({"label": best[number]} if best else {})
                    for number, (name, row) in enumerate(zip(record.names, rows, strict=True))
                ],
                "labels": labels,
                "receipt": answer.get("receipt"),
                "checked": checked_by(answer),
            }
        )
        return
    _print_rows(record, rows, best)
    receipt = answer.get("receipt")
    facts: dict[str, str | list[str]] = {"state": str(answer.get("state"))}
    if isinstance(receipt, dict):
        facts["receipt"] = str(receipt.get("id"))
        facts["provider"] = str(receipt.get("provider"))
    facts["outputs"] = "are those that the provider committed to on the chain"
    facts["checked"] = checked_by(answer)
    show.record(facts)


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
