"""The manifests conform to Kubernetes' schemas, are consistent with each other and the service, and build."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from fake_translator import FakeTranslator
from serving import run_server

from serve.server import _LAST_RESPONSES_TIMEOUT
from serve.settings import Settings

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
DOCS = (ROOT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
OLDEST = "1.30.0"  # has `preStop.sleep` without a feature gate


def read(*paths: Path) -> dict[str, dict[str, Any]]:
    objects = [each for path in paths for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return {each["kind"]: each for each in objects}


OBJECTS = read(*(path for path in MANIFESTS.glob("*.yaml") if path.name != "kustomization.yaml"))
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]


def kustomize(folder: Path) -> str:
    command = shutil.which("kustomize"), shutil.which("kubectl")
    if not any(command):
        pytest.skip("neither kustomize nor kubectl is installed")
    build = [command[0], "build"] if command[0] else [command[1], "kustomize"]
    return subprocess.run([*map(str, build), folder], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("kind", OBJECTS)
def test_every_manifest_conforms_to_the_schema(kind: str, version: str) -> None:
    kubernetes_validate.validate(OBJECTS[kind], version, strict=True)


def test_the_schema_validation_detects_a_mistake() -> None:
    wrong = {**OBJECTS["Service"], "spec": {"ports": [{"prot": 80}]}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


def test_kustomize_builds_all_manifests(tmp_path: Path) -> None:
    (tmp_path / "built.yaml").write_text(kustomize(MANIFESTS))
    built = read(tmp_path / "built.yaml")
    assert set(built) == set(OBJECTS)
    for manifest in built.values():
        kubernetes_validate.validate(manifest, OLDEST, strict=True)
    assert built["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"].startswith("carousel:")


def test_the_overlay_in_the_documentation_serves_another_model(tmp_path: Path) -> None:
    [overlay] = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", DOCS, re.DOTALL)
    shutil.copytree(MANIFESTS, tmp_path / "carousel" / "deploy" / "kubernetes")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "kustomization.yaml").write_text(overlay)
    (tmp_path / "built.yaml").write_text(kustomize(tmp_path / "ours"))
    deployment = read(tmp_path / "built.yaml")["Deployment"]
    kubernetes_validate.validate(deployment, OLDEST, strict=True)
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts) == {"/models", "/tmp"}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounts.values())
    assert container["image"] == "registry.example.org/carousel:0.1.0"
    assert container["readinessProbe"] == CONTAINER["readinessProbe"]  # merged, not replaced


def test_the_metric_in_the_documentation_is_valid_for_the_autoscaler() -> None:
    [metric] = re.findall(r"```yaml\n(- type: Pods.*?)```", DOCS, re.DOTALL)
    autoscaler = OBJECTS["HorizontalPodAutoscaler"]
    spec = autoscaler["spec"] | {"metrics": yaml.safe_load(metric)}
    kubernetes_validate.validate(autoscaler | {"spec": spec}, OLDEST, strict=True)
    with run_server(FakeTranslator()) as it:
        assert f"\n{spec['metrics'][0]['pods']['metric']['name']} " in it.client.get("/metrics").text


def test_all_selectors_match_the_pods() -> None:
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"],
        OBJECTS["Service"]["spec"]["selector"],
        OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 5
    target = OBJECTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": OBJECTS["Deployment"]["metadata"]["name"]}


def test_ports_and_probes_agree_with_the_service() -> None:
    [port] = CONTAINER["ports"]
    assert port["containerPort"] == Settings().port
    assert OBJECTS["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert OBJECTS["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": port["name"]}]
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    with run_server(FakeTranslator()) as it:
        assert {it.client.get(probe["path"]).status_code for probe in probes.values()} == {200}
    # A server that drains, or is still loading its models, is alive.
    assert [probes[name]["path"] for name in ("liveness", "readiness")] == ["/health", "/ready"]


def test_the_grace_period_is_long_enough() -> None:
    pause = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] > pause + Settings().request_timeout + _LAST_RESPONSES_TIMEOUT


def test_the_pod_is_restricted() -> None:
    """Check the profile "restricted" of the pod security standards, and the read-only root file system."""
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False
    assert set(CONTAINER["resources"]) == {"requests", "limits"}
    assert all(set(amounts) == {"cpu", "memory", "ephemeral-storage"} for amounts in CONTAINER["resources"].values())


def test_services_of_the_namespace_cannot_change_the_settings() -> None:
    assert POD["enableServiceLinks"] is False
    assert not OBJECTS["Service"]["metadata"]["name"].startswith("nmt")
