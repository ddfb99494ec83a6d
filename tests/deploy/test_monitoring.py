"""The metrics in the Prometheus and Grafana configuration exist in the service."""

from __future__ import annotations

import json
import re
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_translator import FakeTranslator
from prometheus_client.parser import text_string_to_metric_families
from serving import run_server, wait_until

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "carousel.json").read_text(encoding="utf-8"))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Labels of every metric in the response of /metrics after some requests."""
    with run_server(FakeTranslator(), max_body_bytes=100) as it:
        it.translate("one")
        it.client.post("/translate", content=b"x" * 101)
        it.server.handle_reload(signal.SIGHUP, None)
        wait_until(lambda: "nmt_model_reloads_total{" in it.client.get("/metrics").text)
        text = it.client.get("/metrics").text
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for suffix in SUFFIXES[family.type]:
            found[family.name + suffix] |= {"instance"}  # added by Prometheus
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    return dict(found)


def test_the_dashboard_shows_at_least_twelve_metrics() -> None:
    assert len({name for expression in EXPRESSIONS for name in re.findall(r"nmt_\w+", expression)}) >= 12


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_metric_and_label_of_the_dashboard_exists(expression: str, labels: dict[str, set[str]]) -> None:
    named = re.findall(r"(nmt_\w+)\{([^}]*)\}", expression)
    assert len(named) == expression.count("nmt_") > 0
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
    for metric, matchers in named:
        assert metric in labels
        assert set(re.findall(r"(\w+)[=!]", matchers)) <= labels[metric]
        assert grouped <= labels[metric]


def test_the_dashboard_uses_the_provided_data_source() -> None:
    [source] = yaml.safe_load((GRAFANA / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
    [job] = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert services[name]["ports"][0].endswith(f":{port}")
