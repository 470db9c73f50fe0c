"""The packages of FHIR are imported by no node and no command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


PROGRAM = """
import sys
import btt_chain.node.engine.assembly, btt_chain.node.service.service
import cli.program, cli.commands.records
print(sorted({name.split(".")[0] for name in sys.modules} & {"fhir", "fhir_core", "pydantic"}))
"""


def test_node_and_commands_import_no_package_of_fhir() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
