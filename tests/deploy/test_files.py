"""The files of `deploy/` are valid: Dockerfile, Compose file, Kubernetes objects, systemd unit.

`make test-slow` installs the checking programs. Without one of them, its test is skipped.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from manent.project.settings.credentials import read_credentials
from manent.project.settings.endpoints import read_endpoints
from support.programs import program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("single", "production")

pytestmark = pytest.mark.slow


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, capture_output=True, check=False, text=True)


def test_dockerfile_has_no_findings() -> None:
    """The linter for Dockerfiles reports nothing."""
    done = run(program("hadolint", "make test-slow installs it"), "--no-color", str(DEPLOY / "Dockerfile"))

    assert (done.returncode, done.stdout) == (0, "")


def test_everything_the_dockerfile_copies_is_in_its_context() -> None:
    """.dockerignore lets through each path that the Dockerfile copies from the repository."""
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    text = (DEPLOY / "Dockerfile").read_text().replace("${REQUIREMENTS}", "requirements/server.txt")
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)

    assert copied
    for path in copied:
        assert any(Path(path.replace("*", "x")).match(pattern) for pattern in let_through), path


def compose() -> dict[str, Any]:
    """Return the Compose file with the variables that an operator sets."""
    text = (DEPLOY / "compose.yml").read_text()
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "secret", text)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_compose_file_is_valid() -> None:
    """A parser of the Compose specification accepts it, also with the networks and volumes that it names."""
    spec = pytest.importorskip("compose_spec", reason="needs compose-spec (make test-slow installs it)")
    parsed = spec.PyCompose.from_yaml(yaml.safe_dump(compose(), sort_keys=False))
    parsed.validate()

    assert set(parsed.service_names()) == {"manent-1", "manent-2", "actions", "db", "proxy", "train"}
    with pytest.raises(ValueError, match="imag"):
        spec.PyCompose.from_yaml("services: {a: {imag: manent}}")


def test_compose_mounts_files_that_exist() -> None:
    """Each mounted file is in `deploy/`, and the settings files among them are valid."""
    mounts = {
        mount.partition(":")[0]
        for service in compose()["services"].values()
        for mount in service.get("volumes", ())
        if mount.startswith("./")
    }

    assert mounts == {"./compose/bot", "./compose/endpoints.yml", "./compose/haproxy.cfg"}
    assert all((DEPLOY / mount).is_file() for mount in mounts - {"./compose/bot"})


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("endpoints.yml")), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_endpoints_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Manent reads the endpoints without an error or a warning."""
    monkeypatch.setenv("DB_PASSWORD", "secret")

    assert read_endpoints(path).warnings == ()


def test_credentials_are_valid() -> None:
    """Manent reads the credentials, and only the browser that began a conversation can read it."""
    found = read_credentials(DEPLOY / "kubernetes/base/credentials.yml")

    assert set(found) == {"rest", "socketio"}
    assert found["socketio"]["session_identity"] == "minted"


def test_compose_haproxy_accepts_its_configuration() -> None:
    """HAProxy reads the configuration of the Compose file. The names of the containers resolve only inside of it."""
    done = run(program("haproxy", "apt install haproxy"), "-c", "-f", str(DEPLOY / "compose/haproxy.cfg"))

    assert done.returncode == 0, done.stdout + done.stderr


def rendered(overlay: str, folder: Path) -> Path:
    """Render an overlay with kubectl, with secrets as an operator writes them."""
    shutil.copytree(DEPLOY / "kubernetes", folder / "kubernetes")
    target = folder / "kubernetes/overlays" / overlay
    (target / "secrets.env").write_text("auth-token=t\ndb-password=p\n")
    done = run(program("kubectl", "https://kubernetes.io/docs/tasks/tools/"), "kustomize", str(target))
    assert done.returncode == 0, done.stderr
    (folder / "rendered.yaml").write_text(done.stdout)
    return folder / "rendered.yaml"


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_objects_are_valid(overlay: str, version: str, tmp_path: Path) -> None:
    """The rendered objects match the strict schemas of an old and a new version of Kubernetes."""
    validate = program("kubernetes-validate", "make test-slow installs it")
    done = run(validate, "--strict", "--kubernetes-version", version, str(rendered(overlay, tmp_path)))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout + done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_objects_belong_together(overlay: str, tmp_path: Path) -> None:
    """Selectors find the pods, volumes and secrets exist, and all pods comply with the profile `restricted`."""
    objects = list(yaml.safe_load_all(rendered(overlay, tmp_path).read_text()))
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    pods = {each["metadata"]["name"]: each["spec"]["template"] for each in objects if each["kind"] == "Deployment"}
    labels = [pod["metadata"]["labels"].items() for pod in pods.values()]

    for each in objects:
        spec = each.get("spec", {})
        selectors = [spec.get("selector"), spec.get("podSelector")]
        for selector in selectors:
            wanted = (selector or {}).get("matchLabels", selector or {}).items()
            assert any(wanted <= pod for pod in labels), each["metadata"]["name"]
    for pod in pods.values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"] + spec.get("initContainers", []):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            wanted = {variable["valueFrom"]["secretKeyRef"]["name"] for variable in container.get("env", ())}
            assert all(("Secret", name) in names for name in wanted)
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in names


def test_systemd_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    """The unit is accepted by systemd, which rates its exposure as 2.0 or lower of 10."""
    analyze = program("systemd-analyze", "apt install systemd")
    text = (DEPLOY / "systemd/manent@.service").read_text()
    unit = tmp_path / "manent@.service"
    unit.write_text(text.replace("/opt/manent/bin/manent", "/bin/sh").replace("/srv/bot", "/tmp"))  # noqa: S108
    verified = run(analyze, "verify", "--man=no", str(tmp_path / "manent@5005.service"))
    rated = run(analyze, "security", "--offline=true", "--threshold=20", str(unit))

    assert (verified.returncode, verified.stderr) == (0, "")
    assert rated.returncode == 0, rated.stdout
