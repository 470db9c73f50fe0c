"""The modules that the runtime imports: integers only, and no library beside the standard one."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

import btt_chain.work

FOLDER = Path(btt_chain.work.__path__[0])


def test_without_onnx_the_importer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("btt_chain.work.onnx_import")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(ImportError, match=r"the extra `work`: pip install .*\[work\]"):
        import_module("btt_chain.work.onnx_import")
