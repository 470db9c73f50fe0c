"""The folder of a requester: jobs with their secrets, inputs, results and packages of models.

Files are private, and replaced whole: a job that was written survives a crash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from btt_chain.compute.blobs.names import model_name, payload_name
from btt_chain.compute.blobs.payload import edge_root
from btt_chain.compute.blobs.sealing import (
    JobKeys,
    job_keys,
)
from btt_chain.compute.folder import Damaged, WorkFolder
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.files import write_durably
from btt_chain.primitives.job_tier import Tier
from btt_chain.scale import DecodeError, Fixed, codec, path, u16, u32
from btt_chain.work.errors import WorkError
from btt_chain.work.graph import Manifest
from btt_chain.work.tensors import Binary32, Tensor

if TYPE_CHECKING:
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.work.package import Package


MAX_ENDPOINTS: Final = 256
"""Maximum bytes of addresses in a job."""


@path("btt_gateway::Record")
@dataclass(slots=True)
class Record:
    """A requester's record of a job."""

    secret: Annotated[bytes, Fixed(32)]
    """All keys of the job follow from it (`sealing.job_keys`)."""
    requester: AccountId
    model: H256
    tier: Tier
    items: u32
    inputs: list[Tensor]
    outputs: list[Tensor]
    output_scales: list[Binary32]
    places: list[u16]
    """Numbers of the outputs among the committed tensors."""
    names: list[str]
    """Origin of each item."""
    labels: list[str]
    """Labels of the outputs."""
    job: H256 | None = None
    """None: unknown whether it was posted."""
    sealed_for: AccountId | None = None
    over: bool = False
    """True if no action remains for it."""

    @property
    def keys(self) -> JobKeys:
        """The keys of the job."""
        return job_keys(self.secret)

    @property
    def leaf_key(self) -> bytes | None:
        """The key of its leaves, if it is confidential."""
        return self.keys.leaves if self.tier is Tier.Confidential else None

    @property
    def output_bytes(self) -> int:
        """Bytes of the outputs of an item."""
        return sum(tensor.nbytes for tensor in self.outputs)

    def input_root(self, items: bytes) -> H256:
        """Return the root over all items' inputs. ValueError unless they are whole."""
        return edge_root(self.inputs, range(len(self.inputs)), items, self.leaf_key)

    def output_root(self, outputs: bytes) -> H256:
        """Return the root over all items' outputs. ValueError unless they are whole."""
        return edge_root(self.outputs, list(map(int, self.places)), outputs, self.leaf_key)

    @property
    def name(self) -> str:
        """Name of its files."""
        return self.keys.reply_public.hex()


_RECORD: Final = codec(Record)


def new_record(
    manifest: Manifest, model: bytes, requester: bytes, names: list[str], labels: list[str],
    tier: Tier,
) -> Record:  # fmt: skip
    """Return a record with a new secret."""
    graph = manifest.graph
    return Record(
        secrets.token_bytes(32), AccountId(requester), H256(model), tier, u32(len(names)),
        list(graph.inputs), graph.made, list(manifest.output_scales),
        [u16(place) for place in graph.ends(output=True)], names, labels,
    )  # fmt: skip


class Folder(WorkFolder):
    """A gateway's files for one chain. Any number of programs may add to it.

    Only the one that holds `lock` serves, and uses `blobs`.
    """

    def __init__(self, base: Path, genesis: bytes) -> None:
        """Open or create it. Raises OSError."""
        folder = base / "gateway" / genesis.hex()[:16]
        super().__init__(folder, "jobs", "items", "results", "models", "inputs")

    def store_endpoints(self, listen: str, endpoints: Sequence[str]) -> None:
        """Store the serving gateway's addresses, for programs that post. Raises OSError."""
        self.store_listen(listen, endpoints[0])
        write_durably(self.path / "endpoints", joined(endpoints))

    def endpoints(self) -> bytes:
        """Return the gateway's addresses as a job holds them; empty if none ever ran."""
        with suppress(FileNotFoundError):
            return (self.path / "endpoints").read_bytes()
        return b""

    def add(self, record: Record, items: bytes) -> None:
        """Store a job and its inputs, before it is posted. Raises OSError."""
        write_durably(self.path / "items" / record.name, items)
        self.save(record)

    def save(self, record: Record) -> None:
        """Store the changes of a job. Raises OSError."""
        write_durably(self._job(record.name), _RECORD.encode(record))

    def stored(self, record: Record) -> Record:
        """Return a job's record as it was stored last. Raises Damaged, OSError."""
        return self._read(self._job(record.name))

    def forget(self, record: Record) -> None:
        """Delete a job that was never posted."""
        self._job(record.name).unlink(missing_ok=True)
        self.drop_items(record)

    def changed_ms(self, record: Record) -> int:
        """Return the time of the last change of a job's record, in milliseconds since 1970."""
        return self._job(record.name).stat().st_mtime_ns // 1_000_000

    def records(self) -> list[Record]:
        """Return all jobs, the oldest first. Raises Damaged, OSError."""
        files = sorted((self.path / "jobs").glob("*.job"), key=lambda file: file.stat().st_mtime_ns)
        return [self._read(file) for file in files]

    def record_of(self, job: bytes) -> Record | None:
        """Return the record of a job; None for a job posted elsewhere. Raises Damaged, OSError."""
        return next((record for record in self.records() if record.job == job), None)

    def items(self, record: Record) -> bytes | None:
        """Return the inputs of a job; None once they are no longer needed."""
        with suppress(FileNotFoundError):
            return (self.path / "items" / record.name).read_bytes()
        return None

    def drop_items(self, record: Record) -> None:
        """Delete the inputs of a job."""
        (self.path / "items" / record.name).unlink(missing_ok=True)

    def keep_result(self, record: Record, outputs: bytes) -> None:
        """Store the opened outputs of a job. Raises OSError."""
        write_durably(self.path / "results" / record.name, outputs)

    def result(self, record: Record) -> bytes | None:
        """Return the outputs of a job; None before they arrive."""
        with suppress(FileNotFoundError):
            return (self.path / "results" / record.name).read_bytes()
        return None

    def drop_result(self, record: Record) -> None:
        """Delete the outputs of a job."""
        (self.path / "results" / record.name).unlink(missing_ok=True)

    def add_model(self, model: bytes, package: bytes) -> None:
        """Store a model to serve. Raises OSError."""
        write_durably(self.path / "models" / model.hex(), package)

    def package(self, model: bytes) -> Package | None:
        """Return a stored model; None if it is missing or damaged. Needs numpy."""
        from btt_chain.work.package import load  # noqa: PLC0415 - an extra

        try:
            return load(self.path / "models" / model.hex())
        except (FileNotFoundError, WorkError):
            return None

    def add_inputs(self, root: bytes, payload: bytes) -> None:
        """Store the inputs of a protocol job to serve; they are public. Raises OSError.

        `root` is over the roots of all items' inputs, `payload` is the blob that a provider
        fetches.
        """
        write_durably(self.path / "inputs" / root.hex(), payload)

    def shared(self) -> Iterator[tuple[str, Path]]:
        """Yield the public blobs: the names and files of models and public inputs."""
        for part, name_of in (("models", model_name), ("inputs", payload_name)):
            for file in sorted((self.path / part).iterdir()):
                if not file.name.startswith("."):
                    yield name_of(bytes.fromhex(file.name)), file

    def _job(self, name: str) -> Path:
        return self.path / "jobs" / f"{name}.job"

    def _read(self, file: Path) -> Record:
        try:
            return _RECORD.decode_all(file.read_bytes())
        except DecodeError as error:
            raise Damaged(f"{file} is damaged: {error}") from None


def joined(endpoints: Iterable[str]) -> bytes:
    """Return addresses as a job holds them: as many as fit, a line each."""
    lines: list[str] = []
    for endpoint in endpoints:
        if len("\n".join([*lines, endpoint])) > MAX_ENDPOINTS:
            break
        lines.append(endpoint)
    return "\n".join(lines).encode("ascii")


def split(endpoints: bytes) -> list[str]:
    """Return the addresses in the chain's form; invalid ones are skipped."""
    return [line for line in endpoints.decode("ascii", "ignore").split("\n") if line]


@dataclass(frozen=True, slots=True)
class Signer:
    """The requester's signing key, and its permissions.

    Confidential results are accepted if they are right, and proven wrong if not; data that a
    provider does not serve are requested on the chain.
    """

    pair: KeyPair
    shows: bool = True
    """True if proofs and answers may disclose a piece of a confidential item to the public."""


def randomness_of(record: Record, receipt: bytes) -> H256:
    """Return the secret seed by which a requester selects items of a receipt."""
    return H256(sha256(b"btt requester" + record.secret + receipt).digest())
