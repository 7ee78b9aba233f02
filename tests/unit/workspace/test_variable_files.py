"""Stages that `vars` generate, where a pointer records the file of `vars`: they are known wherever that can be had, and missed aloud where not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from vfs.errors import FormatError
from vfs.sharing.used import Scope, used
from vfs.testing.clones import Clone, handmade_clone
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.tracking.targets import Target
from vfs.workspace.here import survey_here
from vfs.workspace.surveyed import Survey
from vfs.workspace.workspace import WORKTREE

NAMES = b"names: [a, b]\n"
PIPELINE = b"""
vars: [%s]
stages:
  up:
    matrix: {n: "${names}"}
    cmd: touch ${item.n}.txt
    outs: ["${item.n}.txt"]
  one:
    cmd: touch ${names[0]}.bin
    outs: ["${names[0]}.bin"]
"""
OUTS = {b"a.txt", b"b.txt", b"a.bin"}


def _lock(repository: HandmadeRepository) -> bytes:
    stages = [b"schema: '2.0'\nstages:\n"]
    for stage, out in (("up@a", "a.txt"), ("up@b", "b.txt"), ("one", "a.bin")):
        data = out.encode()
        item = f"{{path: {out}, hash: md5, md5: {repository.put(data)}, size: {len(data)}}}"
        stages.append(f"  {stage}: {{cmd: touch {out}, outs: [{item}]}}\n".encode())
    return b"".join(stages)


def _in_file(repository: HandmadeRepository) -> dict[str, bytes]:
    blobs = {"conf.yaml.dvc": pointer("conf.yaml", repository.put(NAMES), len(NAMES))}
    return blobs | {"dvc.yaml": PIPELINE % b"conf.yaml"}


def _without_size(repository: HandmadeRepository) -> dict[str, bytes]:
    text = f"outs:\n- {{md5: {repository.put(NAMES)}, hash: md5, path: conf.yaml}}\n"
    return {"conf.yaml.dvc": text.encode(), "dvc.yaml": PIPELINE % b"conf.yaml"}


def _in_directory(repository: HandmadeRepository) -> dict[str, bytes]:
    oid, size, count = repository.put_directory({"x/conf.yaml": NAMES, "y": b"y"})
    blobs = {"conf.dvc": pointer("conf", oid, size, count)}
    return blobs | {"dvc.yaml": PIPELINE % b"conf/x/conf.yaml"}


def _commit(
    repository: HandmadeRepository,
    make: Callable[[HandmadeRepository], dict[str, bytes]] = _in_file,
) -> None:
    blobs = make(repository) | {".gitignore": b"/conf.yaml\n/.dvc/cache\n/.dvc/tmp\n"}
    repository.commit_raw(
        {**blobs, ".dvc/config": repository.config(), "dvc.lock": _lock(repository)}
    )


def _outs(survey: Survey) -> set[bytes]:
    return {claim.out.path for claim in survey.claims.served if claim.stage}


@pytest.fixture
def clone(repository: HandmadeRepository) -> Clone:
    """Nothing was pulled in it."""
    _commit(repository)
    return handmade_clone(repository, "clone", cached=False)


@pytest.mark.parametrize("make", [_in_file, _without_size, _in_directory])
def test_what_is_recorded_is_read_from_the_remote_and_kept(
    repository: HandmadeRepository,
    opened: Open,
    make: Callable[[HandmadeRepository], dict[str, bytes]],
) -> None:
    _commit(repository, make)
    clone = handmade_clone(repository, "clone", cached=False)
    survey = opened(clone.root).survey("HEAD")
    assert _outs(survey) == OUTS
    assert survey.claims.problems == []
    repository.lose_remote()
    assert _outs(opened(clone.root).survey(WORKTREE)) == OUTS
    assert survey_here(clone.root).claims.problems, "of what only remotes have it asks nobody"


@pytest.mark.parametrize("make", [_in_file, _in_directory])
def test_what_is_recorded_is_read_from_the_cache(
    repository: HandmadeRepository, make: Callable[[HandmadeRepository], dict[str, bytes]]
) -> None:
    _commit(repository, make)
    clone = handmade_clone(repository, "clone", cached=True)
    survey = survey_here(clone.root)
    assert _outs(survey) == OUTS
    assert survey.claims.problems == []


def test_what_lies_there_and_git_ignores_counts(clone: Clone, opened: Open) -> None:
    clone.write("conf.yaml", b"names: [b]\n")
    for survey in (survey_here(clone.root), opened(clone.root).survey(WORKTREE)):
        assert _outs(survey) == {b"b.txt"}
    clone.write("conf.yaml", NAMES)
    assert _outs(opened(clone.root).survey(WORKTREE)) == OUTS
    (clone.root / "conf.yaml").unlink()
    (clone.root / "conf.yaml").symlink_to(clone.root / "elsewhere")
    assert _outs(opened(clone.root).survey(WORKTREE)) == OUTS  # as a link into the cache


def test_what_lies_there_is_not_taken_for_what_a_commit_has(clone: Clone, opened: Open) -> None:
    clone.write("conf.yaml", b"names: [b]\n")
    found = opened(clone.root).surveys([WORKTREE, "HEAD"])
    assert [_outs(survey) for _, survey in found] == [{b"b.txt"}, OUTS]


def test_commits_that_differ_in_their_variables_alone_both_count(
    repository: HandmadeRepository, opened: Open
) -> None:
    blobs = {"dvc.yaml": PIPELINE % b"conf.yaml", "dvc.lock": _lock(repository)}
    old = repository.commit_raw(blobs | {"conf.yaml": NAMES})
    repository.commit_raw(blobs | {"conf.yaml": b"names: [b]\n"})
    found = opened(repository.root).surveys(["main", old])
    assert [_outs(survey) for _, survey in found] == [{b"b.txt"}, OUTS]


@pytest.mark.parametrize("remote", [True, False], ids=["lost", "no remote"])
def test_what_cannot_be_had_is_told_and_heals(
    repository: HandmadeRepository, clone: Clone, opened: Open, remote: bool
) -> None:
    lost = object_path(repository.remote, md5(NAMES))
    lost.unlink() if remote else repository.lose_remote()
    (problem, other) = opened(clone.root).survey("HEAD").claims.problems
    assert problem.message.startswith("dvc.yaml: stages.up: the variable file 'conf.yaml' is not")
    assert other.message.startswith("dvc.yaml: stages.one: the variable file 'conf.yaml' is not")
    assert "'conf.yaml.dvc' records cannot be had: " in problem.message
    assert problem.hint.startswith("`vfs pull conf.yaml`")
    assert problem.heals
    assert problem.code == FormatError.code
    assert opened(clone.root).snapshot("HEAD").may_heal
    repository.put(NAMES)
    assert _outs(opened(clone.root).survey("HEAD")) == OUTS


def test_only_what_may_be_left_out_fails_a_verb(
    repository: HandmadeRepository, clone: Clone, opened: Open
) -> None:
    object_path(repository.remote, md5(NAMES)).unlink()

    def hidden(root: Path, scope: Scope, *targets: str) -> int:
        named = [Target(text, text.encode()) for text in targets]
        return len(used(opened(root), scope, named, lambda *_: None).hidden)

    assert hidden(clone.root, Scope()) == hidden(clone.root, Scope(("HEAD",))) == 2
    assert hidden(clone.root, Scope(), "conf.yaml") == 0, "the file itself can be pulled"
    assert hidden(repository.root, Scope(commits=True)) == 0, "history cannot be mended"


def test_verbs_do_what_they_can_and_fail(repository: HandmadeRepository, clone: Clone) -> None:
    lost = object_path(repository.remote, md5(NAMES))
    lost.unlink()
    assert "hint: `vfs pull conf.yaml` brings it" in clone.vfs("repro", code=9)
    for verb in (["fetch"], ["push"], ["gc", "--workspace"], ["status"]):
        code = {"gc": 9, "status": 9}.get(verb[0], 16)
        assert "stages.up: the variable file 'conf.yaml' is not here" in clone.vfs(*verb, code=code)
    repository.put(NAMES)
    clone.vfs("pull")
    assert (clone.root / "b.txt").read_bytes() == b"b.txt"
    kept = clone.vfs("gc", "--workspace", "--older-than", "0")
    assert "0 objects removed" in kept
    clone.vfs("status", "-q")
