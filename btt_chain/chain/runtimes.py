"""The runtime that executes a block, by the version in its parent's state.

A node carries the versions of all blocks that it may have to execute. The state holds under `:code`
the version, under `:runtime_params` the parameters that differ between chains. Versions come with
the program, and from packages that are installed beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from btt_chain.chain.signature_cache import SignatureCache
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.primitives.extrinsic import opaque
from btt_chain.scale import DecodeError, codec
from runtime.apis.core import call_api
from runtime.apis.execution import ExecutionContext
from runtime.apis.metadata import digest, metadata
from runtime.executive import Executive, RootedState
from runtime.frame import Runtime, RuntimeVersion
from runtime.frame.version import CODE_KEY
from runtime.pallets.upgrade.pallet import Due, coming
from runtime.params import PARAMS_KEY, RuntimeParams
from runtime.sets import FULL, SETS, SPEC_VERSION
from runtime.transactions import SignatureCheck
from storage.trie.root import ordered_root

Builder: TypeAlias = Callable[[RuntimeParams], Runtime]


class Release(NamedTuple):
    """A version of a runtime."""

    spec_name: str
    spec_version: int

    def __str__(self) -> str:
        return f"{self.spec_name} {self.spec_version}"


BUILDERS: Final[Mapping[Release, Builder]] = {
    Release(runtime.spec_name, SPEC_VERSION): runtime.build for runtime in SETS.values()
}
"""The runtimes that come with the program."""

ENTRY_POINTS: Final = "btt_chain.runtimes"
"""Entry point group by which an installed package adds versions. An entry's name is a `spec_name`
and a `spec_version` with a dot between them, or the latter alone for the runtime with all features;
its value is a builder."""

MAX_METADATA: Final = 8
"""Maximum number of metadata that a process keeps encoded, about 300 KiB each."""

LAST_BODIES: Final = 2
"""Number of bodies whose root is cached: sync and the import both compare it with the header."""


class UnsupportedRuntime(Exception):
    """No runtime here can execute blocks on a state; the message gives reason and remedy."""


class BadPackage(UnsupportedRuntime):
    """An installed package does not provide the runtime that it declares."""


class UnsupportedUpgrade(UnsupportedRuntime):
    """A block would move the chain to a version that this node does not carry.

    It is neither imported nor made: the node stops at the last block that it can execute. No peer
    is at fault.
    """

    def __init__(self, due: Due, why: str) -> None:
        super().__init__(
            f"the chain changes to {release_of(due)} in slot {due.slot} since genesis, {why}"
        )
        self.due = due


@dataclass(frozen=True, slots=True)
class Carried:
    """A runtime version that this node carries."""

    build: Builder
    origin: str
    """Its origin: the program, or the name and version of a package."""


FOLDERS: Final = (".dist-info", "egg-info")
"""Endings of the names of folders with metadata, in lower case."""
ENTRY_POINTS_FILE: Final = "entry_points.txt"


def may_declare(group: str) -> bool:
    """Return True if an installed package may have entry points of `group`.

    `importlib.metadata` parses the declarations of all packages: with its import, a fiftieth of a
    node's start. Nearly every node has no package that declares a runtime, which a search of the
    files shows in a tenth of the time.

    False is certain. Where packages are in archives, or found in another way than in folders, they
    may have some.
    """
    others = [finder for finder in sys.meta_path if finder is not PathFinder]
    if any(hasattr(finder, "find_distributions") for finder in others):
        return True
    return any(_is_declared(place, f"[{group}]".encode()) for place in sys.path)


def _is_declared(place: str, header: bytes) -> bool:
    """Return True if a package in this entry of the path may have a section with this header."""
    try:
        with os.scandir(place or ".") as entries:
            folders = [each.path for each in entries if each.name.lower().endswith(FOLDERS)]
    except NotADirectoryError:
        return True
    except OSError:
        return False  # nothing can be imported from there either
    return any(_has(Path(folder, ENTRY_POINTS_FILE), header) for folder in folders)


def _has(file: Path, header: bytes) -> bool:
    try:
        return header in file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False  # an .egg-info of old packages is a file, and declares nothing
    except OSError:
        return True


@cache
def carried() -> Mapping[Release, Carried]:
    """Return all versions that this node carries, ascending.

    Raises BadPackage for a package whose runtime does not load, is carried already, or has no
    number.
    """
    runtimes = {release: Carried(build, "the program") for release, build in BUILDERS.items()}
    if not may_declare(ENTRY_POINTS):
        return runtimes
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and hardly ever needed

    for point in entry_points(group=ENTRY_POINTS):
        name = "a package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        where = f"the runtime {point.name} of {name}"
        spec_name, _, number = point.name.rpartition(".")
        if not (number.isascii() and number.isdecimal()):
            raise BadPackage(
                f"{where}: its name does not end in a spec_version. Correct or remove the package"
            )
        release = Release(spec_name or SETS[FULL].spec_name, int(number))
        if release in runtimes:
            raise BadPackage(
                f"{where} is here already, from {runtimes[release].origin}: remove the package"
            )
        try:
            build = point.load()
        except Exception as error:
            raise BadPackage(
                f"{where} does not load: {type(error).__name__} {error}. Correct or remove it"
            ) from error
        runtimes[release] = Carried(build, name)
    return dict(sorted(runtimes.items()))


@lru_cache(maxsize=MAX_METADATA)
def _metadata_of(build: Builder, chain: RuntimeParams, version: int) -> bytes:
    """Return the metadata of a runtime, encoded once for all nodes of this process."""
    return metadata(build(chain), version)


class LoadedRuntime:
    """One runtime version of one chain, with an executive for each of its uses.

    Blocks, the pool and queries each have their own, so that none disturbs another's unfinished
    work. Those of blocks and of the pool are made on first use.
    """

    def __init__(self, build: Builder, chain: RuntimeParams, verdicts: SignatureCache) -> None:
        self._build = build
        self._chain = chain
        self._verdicts = verdicts
        self.queries = self._executive()
        """The executive for queries, which a node makes before it has a block."""
        self.version: RuntimeVersion = self.queries.runtime.version
        self.wire = wire_of(self.version)
        self._digest: bytes | None = None

    @cached_property
    def blocks(self) -> Executive:
        """The executive that executes blocks."""
        return self._executive()

    @cached_property
    def pool(self) -> Executive:
        """The executive that validates transactions."""
        return self._executive()

    def _executive(self) -> Executive:
        return Executive(
            self._build(self._chain),
            check_signature=self._verdicts,
            ordered_root=extrinsics_root,
            family=self,
            find_digest=self.metadata_digest,
        )

    def alone(self, check_signature: SignatureCheck) -> Executive:
        """Return an executive with a runtime of its own, which may be observed."""
        return Executive(
            self._build(self._chain),
            check_signature=check_signature,
            ordered_root=extrinsics_root,
            find_digest=self.metadata_digest,
        )

    def metadata(self, version: int) -> bytes:
        """Return the metadata of a version (14, 15, 16), cached."""
        return _metadata_of(self._build, self._chain, version)

    def metadata_digest(self) -> bytes:
        """Return the digest of the metadata that transactions may be signed over, cached."""
        if self._digest is None:
            self._digest = digest(self.queries.runtime)
        return self._digest

    def call(
        self, state: RootedState, at: bytes, presets: Mapping[str, bytes], name: str, data: bytes
    ) -> bytes:
        """Execute a runtime API call on `state`, the state of block `at`. Raises ApiError."""
        context = ExecutionContext(self.queries, state, H256(at), self.metadata, presets)
        return call_api(context, name, data)


class RuntimeRegistry:
    """The runtimes of one chain, each built when a block first needs it."""

    def __init__(self, builders: Mapping[Release, Builder] | None = None) -> None:
        """Use all carried versions; simulations pass other `builders`. Raises BadPackage."""
        self.verdicts = SignatureCache()
        if builders is None:
            builders = {release: runtime.build for release, runtime in carried().items()}
        self._builders = builders
        self._known: dict[tuple[bytes, bytes], LoadedRuntime | str] = {}
        """The runtime, or why there is none, by version and parameters; `lacks` runs each block."""

    def versions(self, spec_name: str) -> list[int]:
        """Return the `spec_version`s of a runtime that this node carries, ascending."""
        releases = (release for release in self._builders if release.spec_name == spec_name)
        return sorted(release.spec_version for release in releases)

    def of(self, get: Callable[[bytes], bytes | None]) -> LoadedRuntime:
        """Return the runtime of a state, which `get` reads.

        Raises UnsupportedRuntime when the state has no version, or one that this node does not
        carry.
        """
        code, params = get(CODE_KEY), get(PARAMS_KEY)
        if code is None or params is None:
            raise UnsupportedRuntime(
                "the state holds no runtime of this kind: it can be read, not executed"
            )
        runtime = self._known.get((code, params))
        if runtime is None:
            try:
                runtime = self._build(code, params)
            except UnsupportedRuntime as refusal:
                runtime = str(refusal)
            self._known[code, params] = runtime
        if isinstance(runtime, str):
            raise UnsupportedRuntime(runtime)
        return runtime

    def lacks(self, get: Callable[[bytes], bytes | None]) -> UnsupportedUpgrade | None:
        """Return the error of a scheduled version that is not carried; None if there is no such."""
        due = coming(get)
        if due is None:
            return None
        values = {CODE_KEY: due.code, PARAMS_KEY: get(PARAMS_KEY)}
        try:
            self.of(values.get)
        except UnsupportedRuntime as lacking:
            release = release_of(due)
            why = f"this program carries {self._listed(release.spec_name)}: install a release"
            refusal = UnsupportedUpgrade(
                due,
                str(lacking)
                if release in self._builders
                else f"{why} that has {release.spec_version}",
            )
            refusal.__cause__ = lacking
            return refusal
        return None

    def of_block(self, get: Callable[[bytes], bytes | None], slot: int) -> LoadedRuntime:
        """Return the runtime of a block for `slot` on a state, which `get` reads.

        Raises as `of` does, and UnsupportedUpgrade when the block is the last under its runtime
        version and the next version is not carried.
        """
        runtime, lacking = self.of(get), self.lacks(get)
        if lacking is not None and lacking.due.in_headers <= slot:
            raise lacking
        return runtime

    def _listed(self, spec_name: str) -> str:
        """Return the carried versions of a runtime, or of all if it has none of this one."""
        own = [str(version) for version in self.versions(spec_name)]
        return ", ".join(own or map(str, sorted(self._builders)))

    def _build(self, code: bytes, params: bytes) -> LoadedRuntime:
        try:
            version = codec(RuntimeVersion).decode_all(code)
            chain = RuntimeParams.decode(params)
        except (DecodeError, ValueError) as error:
            raise UnsupportedRuntime(f"the state's runtime cannot be read: {error}") from error
        release = Release(version.spec_name.value, int(version.spec_version))
        build, runs = self._builders.get(release), f"the chain runs {release}"
        if build is None:
            listed = self._listed(release.spec_name)
            raise UnsupportedRuntime(
                f"{runs}, this node carries {listed}: install a release that has it"
            )
        try:
            runtime = LoadedRuntime(build, chain, self.verdicts)
        except Exception as error:  # a package may raise anything: the node goes on
            raise UnsupportedRuntime(
                f"{runs}, whose runtime cannot be built: {type(error).__name__} {error}. "
                "Correct the package that brings it, or install the release"
            ) from error
        if runtime.wire != wire_of(version):
            raise UnsupportedRuntime(
                f"{runs} in another form than this node carries: install the release that the "
                "chain decided on"
            )
        return runtime


def release_of(due: Due) -> Release:
    """Return the scheduled version."""
    version = codec(RuntimeVersion).decode_all(due.code)
    return Release(version.spec_name.value, due.spec_version)


def wire_of(version: RuntimeVersion) -> tuple[str, int, int, int]:
    """Return the fields that must be equal for two programs to execute a version alike."""
    return (
        version.spec_name.value,
        int(version.spec_version),
        int(version.transaction_version),
        int(version.system_version),
    )


def extrinsics_root(extrinsics: Sequence[bytes]) -> bytes:
    """Return the root of a block's extrinsics: a version 0 trie of their encoding."""
    return _extrinsics_root(tuple(extrinsics))


@lru_cache(maxsize=LAST_BODIES)
def _extrinsics_root(extrinsics: tuple[bytes, ...]) -> bytes:
    return ordered_root(opaque(inner) for inner in extrinsics)
