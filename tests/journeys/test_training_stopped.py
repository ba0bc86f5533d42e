"""A training that is stopped half-way leaves everything as it was."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from manent.cli.init import create_project
from support.processes import MANENT, manent

PIPELINE = """
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
"""
POLICIES = "policies:\n- name: RulePolicy\n"
SLOW = Path(__file__).with_name("slow.py")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_old_model_stays(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C (and worse) in the middle of a training: the old model is untouched, nothing else is there, it serves."""
    create_project(tmp_path)
    (tmp_path / "config.yml").write_text(PIPELINE + POLICIES)
    assert manent("train", "--fixed-model-name", "only", cwd=tmp_path).returncode == 0
    model = tmp_path / "models/only.tar.gz"
    before = (model.read_bytes(), model.stat().st_mtime_ns)
    shutil.copy(SLOW, tmp_path)
    (tmp_path / "config.yml").write_text(PIPELINE + "- name: slow.Slow\n" + POLICIES)
    command = [*MANENT, "train", "--fixed-model-name", "only"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as training:
        deadline = time.monotonic() + 90
        while not (tmp_path / "at-work").exists():
            assert training.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        training.send_signal(how)
        said = training.communicate(timeout=60)[1]

    assert training.returncode == (130 if how is signal.SIGINT else -how)
    assert ("Stopped." in said) == (how is signal.SIGINT)
    assert (model.read_bytes(), model.stat().st_mtime_ns) == before
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["only.tar.gz"]
    assert manent("test", "core", "--stories", "tests", cwd=tmp_path).returncode == 0
