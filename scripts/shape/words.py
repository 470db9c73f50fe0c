"""Words and phrases that the code and its documents do not use."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.shape.places import Place, place_at

SUBWORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Of each rule about a phrase: a part of each match, which is fast to search, and the phrase.
PHRASES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "is-no": ("is no ", re.compile(r"(?<![Tt]here )\bis no (?!longer|more|less|other)[\w{]+")),
    "if-none": ("if it is n", re.compile(r"\bif it is (?:none)\b")),
}


def phrases(path: str, text: str) -> Iterator[Place]:
    """Yield the phrases of a text that other rules drop, with their lines."""
    for rule, (part, pattern) in PHRASES.items():
        if part not in text:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for match in pattern.finditer(line):
                yield place_at(path, rule, number, match[0])


@dataclass
class Glossary:
    """Words that are not used, with their replacements."""

    anywhere: dict[str, str] = field(default_factory=dict)
    spelt: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    phrases: dict[str, str] = field(default_factory=dict)
    exceptions: list[tuple[str, str, re.Pattern[str]]] = field(default_factory=list)

    @classmethod
    def load(cls, file: Path) -> Glossary:
        """Read scripts/glossary.toml."""
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        exceptions = [
            (each["under"], each["word"], re.compile(each["pattern"]))
            for each in data.pop("except", [])
        ]
        return cls(**data, exceptions=exceptions)

    def without_exceptions(self, path: str, text: str) -> str:
        """Return the text with excepted uses blanked out; its lines keep their numbers."""
        for under, word, pattern in self.exceptions:
            if path.startswith(under) and word in text:
                text = pattern.sub("", text)
        return text

    def instead_of(self, subword: str) -> str | None:
        """Return the replacement of a word that is dropped anywhere, None for others."""
        return self.spelt.get(subword) or self.anywhere.get(subword.lower())

    def places(self, path: str, text: str) -> Iterator[Place]:
        """Yield each dropped word of a text, with its line."""
        dropped = {word for word in set(SUBWORD.findall(text)) if self.instead_of(word)}
        lower = text.lower()
        phrases = [phrase for phrase in self.phrases if phrase in lower]
        if not dropped and not phrases:
            return
        # Most lines have none: splitting them into words would take half of the total time.
        some = re.compile("|".join(sorted(dropped | {phrase[1:] for phrase in phrases})))
        for number, line in enumerate(text.splitlines(), 1):
            if not some.search(line):
                continue
            for word in SUBWORD.findall(line):
                if instead := self.instead_of(word):
                    yield place_at(path, "words", number, f"{word!r}: write {instead}")
            for phrase in phrases:
                for _ in range(line.lower().count(phrase)):
                    yield place_at(
                        path, "words", number, f"{phrase!r}: write {self.phrases[phrase]}"
                    )

    def in_names(self, path: str, names: Iterable[tuple[int, str]]) -> Iterator[Place]:
        """Yield dropped words of defined names and of the file's own name."""
        for line, name in names:
            if not any(word.lower() in self.names for word in SUBWORD.findall(name)):
                continue  # exceptions are slow to search, and most names have no such word
            for word in SUBWORD.findall(self.without_exceptions(path, name)):
                if instead := self.names.get(word.lower()):
                    yield place_at(path, "words", line, f"{name!r}: write {instead}")
        stem = Path(path).stem
        for word in SUBWORD.findall(stem):
            instead = self.modules.get(word) or self.names.get(word) or self.instead_of(word)
            if instead:
                yield place_at(path, "words", 1, f"file {stem!r}: write {instead}")
