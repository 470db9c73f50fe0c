"""The slow work for the first metadata of a process is done in short steps before it."""

from __future__ import annotations

import sys
from typing import cast

from btt_chain.chain.client import Client
from btt_chain.node.service.backend import DOCUMENTED, ChainView
from btt_chain.scale import shape, u64
from runtime import BttRuntime
from runtime.apis.metadata import describe
from runtime.params import RuntimeParams


def test_after_the_steps_nearly_no_source_is_read_for_metadata() -> None:
    runtime = BttRuntime(RuntimeParams(u64(2_000)))
    shape._module_docs.cache_clear()
    steps = sum(1 for _ in ChainView(cast("Client", None)).prepare_metadata())
    assert steps == len([name for name in sys.modules if name.startswith(DOCUMENTED)])
    assert steps > 50
    before = shape._module_docs.cache_info().misses
    assert before == steps
    describe(runtime)
    assert shape._module_docs.cache_info().misses - before < steps // 20
