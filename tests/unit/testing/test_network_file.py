"""Files of networks: what they say, and errors that name file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.testing.errors import DevnetError
from btt_chain.testing.network_file import Fault, NamedNode, read
from support.vectors import REPOSITORY

ONE = '[[nodes]]\nname = "paris"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "net.toml"
    file.write_text(text)
    return file


def test_the_example_of_the_documentation_is_read() -> None:
    found = read(REPOSITORY / "examples" / "devnet" / "faults.toml")
    assert [node.name for node in found.nodes] == ["paris", "rome", "berlin", "archive"]
    assert [node.is_validator for node in found.nodes] == [True, True, True, False]
    assert [(fault.at, fault.action, fault.target) for fault in found.faults] == [
        (5, "kill", "berlin"), (10, "restart", "berlin"), (12, "pause", "rome"),
        (15, "resume", "rome"), (18, "partition", "paris,rome/berlin"), (23, "heal", ""),
    ]  # fmt: skip
    assert (found.slot_ms, found.end, found.preset) == (500, 30.0, None)


def test_nodes_have_keys_ports_and_arguments(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("{}")
    file = written(
        tmp_path,
        'preset = "spec.json"\nlog = "debug"\nproviders = 2\nfeeders = true\nexplorer = true\n'
        'rpc_base_port = 9000\n[[nodes]]\nname = "a"\nkey = "//Bob"\nrpc_port = 9100\n'
        '[[nodes]]\nname = "b"\nargs = ["--pruning", "archive"]\n'
        '[[faults]]\nat = "1.5m"\nheal = true\n[[faults]]\nat = "200ms"\nrestart = "a"\n',
    )
    found = read(file)
    assert found.nodes == (
        NamedNode("a", key="//Bob", rpc_port=9100),
        NamedNode("b", args=("--pruning", "archive")),
    )
    assert found.faults == (Fault(0.2, "restart", "a", 19), Fault(90.0, "heal", "", 16))
    assert (found.preset, found.log, found.providers) == ("{}", "debug", 2)
    assert (found.feeders, found.explorer, found.rpc_base_port) == (True, True, 9000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slot_ms = ", "Invalid value (at"),
        ("", "line 1: nodes: no validator"),
        ("nodes = 3\n", "line 1: nodes: not a list of tables"),
        ("slots = 5\n" + ONE, "line 1: slots: no such key; known are preset, runtime"),
        ("slot_ms = '1s'\n" + ONE, "line 1: slot_ms: '1s' is not a whole number"),
        ("slot_ms = true\n" + ONE, "line 1: slot_ms: True is not a whole number"),
        ("\nslot_ms = 100\n" + ONE, "line 2: slot_ms: 100 is not within 200 and 60000"),
        ("feeders = 1\n" + ONE, "line 1: feeders: 1 is not true or false"),
        ("end = 5\n" + ONE, "line 1: end: 5 is not text in quotes"),
        ("end = '5'\n" + ONE, "line 1: end: '5' is not a time of a day at most: write 10s"),
        ("end = '25h'\n" + ONE, "line 1: end: '25h' is not a time of a day at most"),
        ("preset = 'none.json'\n" + ONE, "line 1: preset: neither `local` nor a readable file"),
        ('[[nodes]]\nname = "7"\n', "line 2: nodes.name: a letter first"),
        ("[[nodes]]\nkey = '//Alice'\n", "line 1: nodes.name: a letter first"),
        (ONE + '[[nodes]]\n\nname = "PARIS"\n', "line 5: nodes.name: 'PARIS' is the name of anoth"),
        (ONE + "color = 1\n", "line 3: nodes.color: no such key; known are name"),
        (ONE + "key = '//Bob'\n", "line 3: nodes.key: '//Bob' is not a key of this chain"),
        (ONE + "key = '//Alice'\nvalidator = false\n", "line 3: nodes.key: a node that does not"),
        (ONE + "args = '--x'\n", "line 3: nodes.args: not a list of texts"),
        (ONE + "rpc_port = 0\n", "line 3: nodes.rpc_port: 0 is not within 1 and 65535"),
        (ONE + "[[faults]]\nkill = 'paris'\n", "line 3: faults.at: missing: write at"),
        (ONE + "[[faults]]\nat = '1s'\n", "line 4: faults.at: 0 actions; give one of kill"),
        (ONE + "[[faults]]\nat = '1s'\nkill = 3\n", "line 5: faults.kill: 3 is not text in quotes"),
        (ONE + "[[faults]]\nat = '1s'\nheal = false\n", "line 5: faults.heal: write heal = true"),
        (
            ONE + "[[faults]]\nat = '1s'\nrestart = 'paris'\nfor = '1s'\n",
            "line 6: faults.for: restart does not end",
        ),
    ],
)
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(DevnetError) as refused:
        read(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match="there is no file"):
        read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(DevnetError, match=r"bad\.toml cannot be read"):
        read(tmp_path / "bad.toml")


def test_more_nodes_than_a_chain_has_keys_are_refused(tmp_path: Path) -> None:
    text = "".join(f'[[nodes]]\nname = "n{place}"\n' for place in range(33))
    with pytest.raises(DevnetError, match="33 nodes; 32 are the most"):
        read(written(tmp_path, text))
