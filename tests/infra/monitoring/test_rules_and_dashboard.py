"""The monitoring files against promtool, against what the daemon exports, and against the runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from drainer.reporting.metrics import FAMILIES
from tests.infra.monitoring.tools import MONITORING, ROOT, needs_prometheus, promtool

EXPORTED = {f"drainer_{family.name}" for family in FAMILIES}
METRIC = re.compile(r"\bdrainer_[a-z_]+")
SELECTOR = re.compile(r"\b(drainer_[a-z_]+)\{([^}]*)\}")
GRAFANA = {"$__rate_interval": "5m", "$job": "drainer", "$instance": ".*"}
SCRAPED = {"job", "instance"}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))[
        "panels"
    ]
    return found


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def expressions() -> list[tuple[str, str]]:
    return [(rule["alert"], rule["expr"]) for rule in rules()] + list(dashboard_expressions())


def labels_of() -> dict[str, set[str]]:
    """By metric, as docs/interfaces.md says (which a test holds to the code)."""
    text = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(drainer_[a-z_]+)` \| \w+ \| ([^|]*) \|", text, flags=re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


@needs_prometheus
def test_the_alerts_are_rules_that_pass_their_tests() -> None:
    """promtool reads them, and each unit test of theirs holds."""
    checked = promtool("check", "rules", "alerts.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout
    tested = promtool("test", "rules", "alerts.test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_prometheus
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("drainer_last_tick_age_seconds > 90", "drainer_last_tick_age_seconds > 900"),
        ("for: 15m", "for: 1m"),
        ("== 0 and on (instance, job)", "== 0 or on (instance, job)"),
        ("severity: page", "severity: ticket"),
    ],
)
def test_an_alert_that_is_changed_fails_its_tests(old: str, new: str, tmp_path: Path) -> None:
    """A later threshold, a shorter wait, another condition, another severity: each is noticed."""
    for name in ("alerts.yaml", "alerts.test.yaml"):
        (tmp_path / name).write_text((MONITORING / name).read_text(encoding="utf-8"), encoding="utf-8")
    text = (tmp_path / "alerts.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "alerts.yaml").write_text(text.replace(old, new), encoding="utf-8")
    assert promtool("test", "rules", "alerts.test.yaml", folder=tmp_path).returncode != 0


def test_every_alert_is_seen_quiet_and_firing() -> None:
    """In the unit tests of the alerts, both, by name."""
    document = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text(encoding="utf-8"))
    seen = [case for group in document["tests"] for case in group["alert_rule_test"]]
    names = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in seen if case["exp_alerts"]} == names
    assert {case["alertname"] for case in seen if not case["exp_alerts"]} == names


def test_every_expression_asks_only_for_what_is_exported() -> None:
    """By name, and by label: a misspelt one would be silent for ever."""
    known = labels_of()
    assert set(known) == EXPORTED
    for where, expression in expressions():
        assert set(METRIC.findall(expression)) <= EXPORTED, where
        for metric, selector in SELECTOR.findall(expression):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            assert asked <= known[metric] | SCRAPED, f"{where}: {metric}"


def test_every_metric_is_shown_on_the_dashboard() -> None:
    """Nothing is exported in vain."""
    shown = {name for _, expression in dashboard_expressions() for name in METRIC.findall(expression)}
    assert shown == EXPORTED


@needs_prometheus
def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    """In promtool, with Grafana's variables filled in; it is not rendered anywhere."""
    found = []
    for number, (_, expression) in enumerate(dashboard_expressions()):
        for name, value in GRAFANA.items():
            expression = expression.replace(name, value)
        found.append({"record": f"panel:{number}", "expr": expression})
    (tmp_path / "panels.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "x", "rules": found}]}), "utf-8"
    )
    checked = promtool("check", "rules", "panels.yaml", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(found)} rules found" in checked.stdout


@needs_prometheus
@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        ("drainer_steps_total", {"step": "cordon", "outcome": "done"}),
        ("drainer_step_failures_total", {"step": "cordon", "kind": "azure-forbidden"}),
    ],
)
def test_a_counter_s_first_count_is_drawn(metric: str, labels: dict[str, str], tmp_path: Path) -> None:
    """It appears with 1, which is no increase to Prometheus, and after a reboot no second one may follow."""
    (expression,) = [one for _, one in dashboard_expressions() if f"{metric}{{" in one]
    for name, value in GRAFANA.items():
        expression = expression.replace(name, value)
    shown = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    series = f'{metric}{{job="drainer", instance="vm1", {shown}}}'
    drawn = [
        {"expr": expression, "eval_time": at, "exp_samples": [{"labels": f"{{{shown}}}", "value": value}]}
        for at, value in (("6m", 1), ("12m", 0))
    ]
    case = {
        "interval": "30s",
        "input_series": [{"series": series, "values": "_x10 1x20"}],
        "promql_expr_test": drawn,
    }
    (tmp_path / "first.yaml").write_text(yaml.safe_dump({"tests": [case]}), "utf-8")
    tested = promtool("test", "rules", "first.yaml", folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_panels_stand_side_by_side() -> None:
    """Within Grafana's 24 columns, none upon another, each with a title and a description of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["description"]
    assert (
        len({panel["title"] for panel in panels()})
        == len({panel["id"] for panel in panels()})
        == len(panels())
    )


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    """Where its annotation points, and no entry is without an alert."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    entries = re.findall(r"^## (\w+)$", text, flags=re.MULTILINE)
    assert entries == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_kind_of_alarm_reaches_an_alert() -> None:
    """By name or as the rest; what is left out has an alert of its own, or passes by itself."""
    by_name = {rule["alert"]: rule["expr"] for rule in rules() if "drainer_alarms" in rule["expr"]}
    assert set(by_name) == {"DrainerOwesTheVm", "DrainerAlarm"}
    paged = kinds_in(by_name["DrainerOwesTheVm"])
    left_out = kinds_in(by_name["DrainerAlarm"])
    assert left_out - paged == {"blind", "incarnation-reset"}
    assert paged - {"restore-failing"} <= kinds_of_alarms()
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert paged == set(
        re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| `.*?\|", text, flags=re.MULTILINE)))
    )


def kinds_of_alarms() -> set[str]:
    """As docs/interfaces.md names them, which a test holds to the code."""
    section = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8").split("\n## Alarms\n")[1]
    rows = re.findall(r"^\| (`[^|]*) \|", section.split("\n## ")[0], flags=re.MULTILINE)
    return {kind for row in rows for kind in re.findall(r"`([a-z-]+)`", row)}


def kinds_in(expression: str) -> set[str]:
    found = re.search(r'kind[=!]~"([^"]+)"', expression)
    assert found is not None
    return set(found[1].split("|"))
