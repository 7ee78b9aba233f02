"""The example pipeline: its README is run as it stands there; what it made is then made again by a clone that has only Git and the remote."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from vfs.testing.clones import Clone, check_store
from vfs.testing.mounts import MountFactory
from vfs.testing.sandbox import Sandbox
from vfs.testing.walkthrough import Step, is_as_shown, run, steps

pytestmark = [pytest.mark.fuse, pytest.mark.dvc, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "examples" / "text-classification" / "README.md"
PYTHON = ROOT / ".tools" / "example" / "bin"
FIGURE = re.compile(r" *-?\d+(\.\d+|e-\d+)")  # of a metric: other processors round otherwise
STAGES = ["prepare", "featurise", "train", "evaluate"]


class Walked(NamedTuple):
    """What the commands of the README did.

    Attributes:
        directory: where they were run.
        done: commands, what is shown of them and what they printed.
    """

    directory: Path
    done: list[tuple[Step, str]]


@pytest.fixture(scope="module")
def walked(module_sandbox: Sandbox, module_mounts: MountFactory, dvc3: Path) -> Walked:
    """The README's commands, once for all tests here."""
    if not (PYTHON / "python").exists():
        pytest.fail("no scikit-learn; run `make .tools/stamps/example` once")
    directory = module_sandbox.root / "walk"
    directory.mkdir()
    (module_sandbox.root / "home" / "vfs").symlink_to(ROOT)
    programs = (str(Path(sys.executable).parent), str(dvc3.parent), os.environ["PATH"])
    shown = steps(README.read_text(encoding="utf-8"))
    environ = {**module_sandbox.environ, "PATH": ":".join(programs)}
    printed = run(shown, directory, environ, timeout=600)
    return Walked(directory, list(zip(shown, printed, strict=True)))


@pytest.fixture
def cleo(walked: Walked, dvc3: Path) -> Iterator[Clone]:
    """A clone by somebody with another home and another cache, who has scikit-learn."""
    sandbox = Sandbox.temporary()
    sandbox.environ["PATH"] = f"{PYTHON}:{sandbox.environ['PATH']}"
    root = walked.directory / "cleo"
    sandbox.git(walked.directory, "clone", "-q", "languages.git", root)
    yield Clone(sandbox, root, dvc3)
    shutil.rmtree(root)
    sandbox.close()


def test_the_readme_is_as_shown(walked: Walked) -> None:
    assert len(walked.done) > 30
    for step, printed in walked.done:
        shown = step.output
        if "metrics" in step.command:
            shown, printed = FIGURE.sub(" #", shown), FIGURE.sub(" #", printed)
        assert is_as_shown(shown, printed), f"$ {step.command}\n{printed}"


def test_the_main_readme_shows_a_part_of_it() -> None:
    _, _, section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Pipelines\n")
    example = section.partition("```console\n")[0]
    blocks = re.findall(r"^```\n(.*?)^```$", example, re.M | re.S)
    whole = README.read_text(encoding="utf-8").splitlines()
    assert len(blocks) == 2
    for line in "".join(blocks).splitlines():
        assert line in whole


def test_a_second_clone_has_nothing_to_run(cleo: Clone) -> None:
    cleo.vfs("pull")
    assert outcomes(cleo) == dict.fromkeys(STAGES, "unchanged")
    assert "up to date" in cleo.dvc("status")
    assert cleo.git("status", "--porcelain") == ""


@pytest.mark.soak
def test_a_second_clone_makes_the_same_bytes(cleo: Clone) -> None:
    """Nobody ever gave it what the stages made: only the data is fetched."""
    cleo.vfs("pull", "data")
    assert outcomes(cleo) == dict.fromkeys(STAGES, "unchanged")  # the remote has them
    assert outcomes(cleo, "--force") == dict.fromkeys(STAGES, "ran")
    assert cleo.git("status", "--porcelain") == ""
    assert "up to date" in cleo.dvc("status")
    assert check_store(cleo.cache) > 2400


@pytest.mark.soak
def test_what_was_lost_is_made_again(cleo: Clone) -> None:
    """Outs of a stage and all that would give them back are gone."""
    cleo.vfs("pull")
    lock = yaml.safe_load((cleo.root / "dvc.lock").read_bytes())
    (out,) = lock["stages"]["train"]["outs"]
    (cleo.root / out["path"]).unlink()
    digest = out["md5"]
    (cleo.cache / "files" / "md5" / digest[:2] / digest[2:]).unlink()
    shutil.rmtree(cleo.cache / "runs", ignore_errors=True)
    assert outcomes(cleo, "--in-place") == {  # a private view would not miss what the remote has
        "prepare": "unchanged",
        "featurise": "unchanged",
        "train": "ran",
        "evaluate": "unchanged",
    }
    assert cleo.git("status", "--porcelain") == ""
    assert "up to date" in cleo.dvc("status")


def outcomes(clone: Clone, *arguments: str) -> dict[str, str]:
    """What `vfs repro` did with each stage."""
    documents = map(json.loads, clone.vfs("repro", "--json", *arguments).splitlines())
    return {one["stage"]: one["outcome"] for one in documents if "stage" in one}
