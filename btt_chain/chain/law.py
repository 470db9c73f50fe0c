"""Laws: the runtime that a block runs under, by the version in its parent's state.

A node carries every version that a block it may have to execute runs under. The state says
which: `:code` holds the version, `:runtime_params` what differs between chains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from btt_chain.chain.verdicts import Verdicts
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.scale import DecodeError, codec
from runtime import BttRuntime
from runtime.api import call_api
from runtime.api_base import Context
from runtime.executive import Executive, RootedState
from runtime.frame import Runtime, RuntimeVersion
from runtime.frame.version import CODE_KEY
from runtime.metadata import metadata
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.trie.root import ordered_root

BUILDERS: Final[Mapping[int, Callable[[RuntimeParams], Runtime]]] = {100: BttRuntime}
"""Every runtime this node can execute, by `spec_version`."""


class NoLaw(Exception):
    """No runtime here can execute blocks on a state; the message says why and what to do."""


class Law:
    """One runtime version of one chain, with an executive for each of its uses.

    Blocks, the pool and queries each have their own, so that none disturbs what another has
    half done.
    """

    def __init__(self, build: Callable[[], Runtime], verdicts: Verdicts) -> None:
        self._build = build
        self._verdicts = verdicts
        self.blocks = self._executive()
        self.pool = self._executive()
        self.queries = self._executive()
        self.version: RuntimeVersion = self.blocks.runtime.version
        self._metadata: dict[int, bytes] = {}

    def _executive(self) -> Executive:
        return Executive(
            self._build(), check_signature=self._verdicts, ordered_root=extrinsics_root
        )

    def metadata(self, version: int) -> bytes:
        """Return the metadata of a version (14, 15, 16); made once."""
        if version not in self._metadata:
            self._metadata[version] = metadata(self.queries.runtime, version)
        return self._metadata[version]

    def call(
        self, state: RootedState, at: bytes, presets: Mapping[str, bytes], name: str, data: bytes
    ) -> bytes:
        """Carry out a runtime API call on `state`, the state of block `at`. Raises ApiError."""
        context = Context(self.queries, state, H256(at), self.metadata, presets)
        return call_api(context, name, data)


class Laws:
    """The laws of one chain, each built when a block first needs it."""

    def __init__(
        self, builders: Mapping[int, Callable[[RuntimeParams], Runtime]] = BUILDERS
    ) -> None:
        """`builders` are other than the program's own in simulations only."""
        self.verdicts = Verdicts()
        self._builders = builders
        self._known: dict[tuple[bytes, bytes], Law] = {}

    def of(self, get: Callable[[bytes], bytes | None]) -> Law:
        """Return the law of a state, given how to read it.

        Raises NoLaw when the state has no version, or one that this node does not carry.
        """
        code, params = get(CODE_KEY), get(PARAMS_KEY)
        if code is None or params is None:
            raise NoLaw("the state holds no runtime of this kind: it can be read, not executed")
        law = self._known.get((code, params))
        if law is None:
            law = self._known[code, params] = self._build(code, params)
        return law

    def _build(self, code: bytes, params: bytes) -> Law:
        try:
            version = codec(RuntimeVersion).decode_all(code)
            chain = RuntimeParams.decode(params)
        except (DecodeError, ValueError) as error:
            raise NoLaw(f"the state's runtime cannot be read: {error}") from error
        build = self._builders.get(int(version.spec_version))
        if build is None:
            known = ", ".join(str(number) for number in sorted(self._builders))
            raise NoLaw(
                f"the chain runs {version.spec_name.value} {int(version.spec_version)}, this node "
                f"carries {known}: install a release that has it"
            )
        return Law(lambda: build(chain), self.verdicts)


def extrinsics_root(extrinsics: Sequence[bytes]) -> bytes:
    """Return the root of a block's extrinsics: a version 0 trie of their wire form."""
    return ordered_root(opaque(inner) for inner in extrinsics)
