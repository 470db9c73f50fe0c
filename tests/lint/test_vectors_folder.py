"""The folder of vector tests: a wrong setting fails, it is not a silent skip."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import vectors


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BTT_VECTORS", str(tmp_path))
    assert vectors.vectors_dir() == tmp_path


def test_a_folder_that_is_named_but_missing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTT_VECTORS", str(tmp_path / "typo"))
    with pytest.raises(pytest.fail.Exception, match="typo is not a folder"):
        vectors.vectors_dir()


def test_without_a_setting_the_neighbour_of_the_checkout_is_used_or_the_test_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BTT_VECTORS", raising=False)
    monkeypatch.setattr(vectors, "REPOSITORY", tmp_path / "checkout")
    with pytest.raises(pytest.skip.Exception, match="set BTT_VECTORS"):
        vectors.vectors_dir()
    beside = tmp_path / "shared" / "vectors"
    beside.mkdir(parents=True)
    assert vectors.vectors_dir() == beside
