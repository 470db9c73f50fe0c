"""The dashboard and the alerts ask for metrics that exist, and lead to chapters that exist."""

from __future__ import annotations

import json
import re
from importlib import import_module

import yaml

from btt_chain.telemetry.metrics import Metrics
from support.vectors import REPOSITORY

DOCS = REPOSITORY / "docs"
OURS = re.compile(r"\b(?:substrate|btt|process)_[a-z0-9_]+")
ELSEWHERE = re.compile(r"\bnode_[a-z0-9_]+")
"""Metrics of node_exporter, which the guide says is needed."""

NOT_OURS = {"btt_"}
"""Names in the guide that are prefixes of metrics."""


def known() -> set[str]:
    return set(Metrics("name", "version", is_authority=True).names())


def dashboard_expressions() -> list[str]:
    dashboard = json.loads((DOCS / "monitoring" / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def alerts() -> list[dict[str, dict[str, str]]]:
    rules = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def test_every_metric_of_the_dashboard_exists() -> None:
    asked = {name for text in dashboard_expressions() for name in OURS.findall(text)}
    assert len(asked) > 15
    assert asked <= known()


def test_every_metric_of_the_alerts_exists() -> None:
    for rule in alerts():
        expression = str(rule["expr"])
        asked = set(OURS.findall(expression))
        assert asked or ELSEWHERE.search(expression) or expression.startswith("up{")
        assert asked <= known(), rule


def test_every_metric_of_the_guide_exists() -> None:
    table = (DOCS / "monitoring.md").read_text().partition("## Prometheus")[0]
    asked = {
        name
        for name in re.findall(r"`((?:substrate|btt)_[a-z0-9_]+)[`{]", table)
        if name not in NOT_OURS
    }
    stems = known() | {name.rpartition("_")[0] for name in known()}
    assert asked <= stems, asked - stems


def test_every_alert_leads_to_a_chapter_of_the_runbooks() -> None:
    chapters = re.findall(r"^## (.+)$", (DOCS / "runbooks.md").read_text(), re.MULTILINE)
    anchors = {title.lower().replace(" ", "-") for title in chapters}
    for rule in alerts():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbooks.md"
        assert anchor in anchors, rule


def test_the_runbooks_name_every_alert_or_chapter_they_lead_from() -> None:
    runbooks = (DOCS / "runbooks.md").read_text()
    names = {str(rule["alert"]) for rule in alerts()}
    assert set(re.findall(r"`(Btt[A-Z]\w+)`", runbooks)) <= names


def test_the_flags_of_the_examples_are_flags_of_a_node() -> None:
    node = import_module("cli.commands.node").node
    flags = {flag for option in node.params for flag in (*option.opts, *option.secondary_opts)}
    for name in ("btt-chain.service", "Containerfile"):
        text = (DOCS / "examples" / name).read_text()
        for line in re.findall(r"(?:btt-chain|^#  ) *node (.*)", text, re.MULTILINE):
            assert set(re.findall(r"--[a-z-]+", line)) <= flags, line
