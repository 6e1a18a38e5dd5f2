"""Workflows, action, templates and image: pinned, least rights, no text of others in scripts, and their own steps run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from tests.docs.commands import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [*WORKFLOWS, ROOT / "action.yml"]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda p: p.name)
def test_every_action_is_pinned_by_commit_and_says_its_version(path):
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for use in used:
        assert use == "./" or re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use), use


@pytest.mark.parametrize("path", ACTIONS, ids=lambda p: p.name)
def test_no_expression_is_pasted_into_a_script(path):
    tree = yaml.safe_load(path.read_text())
    lists = [job["steps"] for job in tree["jobs"].values()] if "jobs" in tree else [tree["runs"]["steps"]]
    scripts = [step["run"] for steps in lists for step in steps if "run" in step]
    assert scripts or path.name == "scanning.yml"
    assert not any("${{" in script for script in scripts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflows_have_no_rights_but_those_of_their_jobs(path):
    tree = yaml.safe_load(path.read_text())
    assert tree["permissions"] == {}
    for job in tree["jobs"].values():
        assert job["permissions"] and job["timeout-minutes"]
        assert "write-all" not in str(job["permissions"])


def test_the_right_to_publish_stands_beside_no_build():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    assert [name for name, job in jobs.items() if "id-token" in job["permissions"]] == ["publish"]
    assert not any("checkout" in str(step.get("uses", "")) for step in jobs["publish"]["steps"])


def test_the_scan_step_of_the_action(shell, tmp_path):
    script = ROOT / "tools" / "action_scan.sh"
    done = shell(f"TARGET=examples/acme-asr GITHUB_OUTPUT=out GITHUB_STEP_SUMMARY=summary bash {script} mlsbom docs")
    assert done.returncode == 0, done.stderr
    assert "exit-code=1" in (tmp_path / "out").read_text()
    assert {p.name for p in (tmp_path / "docs").iterdir()} == {"scan.json", "sbom.cdx.json", "mlsbom.sarif", "comment.md", "report.html"}
    assert (tmp_path / ".mlsbom-action" / "mlsbom.sarif").is_file() and "failed" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize("target", ["nothing/there", "--version", "$(touch owned)", "a; touch owned"])
def test_the_scan_step_takes_targets_as_text(shell, tmp_path, target):
    done = shell(f"TARGET={target!r} GITHUB_OUTPUT=out bash {ROOT / 'tools' / 'action_scan.sh'} mlsbom docs".replace('"', "'"))
    assert done.returncode == 0 and "exit-code=2" in (tmp_path / "out").read_text(), done.stderr
    assert not (tmp_path / "owned").exists()


def test_the_hooks_call_commands_that_exist():
    from mlsbom.cli import COMMANDS

    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {h["entry"].split()[1] for h in hooks} <= set(COMMANDS)
    assert re.search(hooks[0]["files"], "a/model.pkl") and not re.search(hooks[0]["files"], "a/model.pkl.md")


def test_the_gitlab_template_is_one():
    job = yaml.safe_load((ROOT / ".gitlab" / "mlsbom.gitlab-ci.yml").read_text())["mlsbom"]
    assert job["allow_failure"] == {"exit_codes": [3]} and "mlsbom scan" in job["script"][1]


def test_the_image_by_its_steps():
    done = subprocess.run([sys.executable, ROOT / "tools" / "check_dockerfile.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_builds_the_wheel_is_locked():
    subprocess.run([sys.executable, ROOT / "tools" / "build_lock.py", "--check"], check=True)
