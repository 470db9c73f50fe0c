"""A node imports aiohttp without certificates, and its environment is as before."""

from __future__ import annotations

import os

import pytest

from btt_chain.web import certificates
from btt_chain.web.certificates import NAMES, import_without_certificates


@pytest.mark.parametrize("given", [None, "/a/file"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_the_variables_name_no_certificates_during_the_import_only(
    monkeypatch: pytest.MonkeyPatch, given: str | None, *, is_missing: bool
) -> None:
    seen: list[list[str | None]] = []

    def imported(name: str) -> None:
        seen.append([name, *(os.environ.get(variable) for variable in NAMES)])
        if is_missing:
            raise ImportError(name)

    for variable in NAMES:
        monkeypatch.delenv(variable, raising=False)
        if given is not None:
            monkeypatch.setenv(variable, given)
    monkeypatch.setattr(certificates, "import_module", imported)
    if is_missing:
        with pytest.raises(ImportError):
            import_without_certificates()
    else:
        import_without_certificates()
    assert seen == [["aiohttp", os.devnull, os.devnull]]
    assert [os.environ.get(variable) for variable in NAMES] == [given, given]
