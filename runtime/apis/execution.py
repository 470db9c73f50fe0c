"""Base of the runtime APIs that execute blocks and transactions, or need data of the node."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from runtime.executive import Executive, RootedState
from runtime.frame import Runtime
from runtime.frame.api import RuntimeApi

MetadataSource = Callable[[int], bytes]
"""Returns the metadata of a version."""


@dataclass(slots=True)
class ExecutionContext:
    """Context of API calls: the fresh state of a block, and data of the node."""

    executive: Executive
    state: RootedState
    at: H256
    metadata: MetadataSource
    presets: Mapping[str, bytes]

    @property
    def runtime(self) -> Runtime:
        """The runtime of the executive."""
        return self.executive.runtime


class ExecutiveApi(RuntimeApi, version=0):
    """Base of the APIs whose methods use the executive; their subclasses have the versions."""

    def __init__(self, context: ExecutionContext) -> None:
        super().__init__(context)
        self._context = context
        self._executive = context.executive
