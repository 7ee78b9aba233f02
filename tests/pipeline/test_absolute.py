"""Paths of stages that are written absolute: recorded as DVC does, relative where they lie in the repository."""

from pathlib import Path

from tests.pipeline.conftest import Work

STAGES = """\
  one: {{cmd: 'cat ../a > o', wdir: w, deps: ['{top}/w/../a'], params: ['{top}/p.yaml': [k]], outs: ['{top}/w/o']}}
  two: {{cmd: 'cat w/o > t', deps: ['{top}/w/o', ./a], outs: [t]}}
"""


def test_absolute_paths_are_recorded_as_dvc_does(work: Work, dvc3: Path) -> None:
    for path, text in (("a", "a\n"), ("p.yaml", "k: 1\n"), ("w/.keep", "")):
        work.write(path, text)
    work.pipeline(STAGES.format(top=work.root))
    work.vfs("repro")
    lock = work.read("dvc.lock")
    assert str(work.root) not in lock
    work.sandbox.run([dvc3, "repro", "-f", "-q"], cwd=work.root)
    assert work.read("dvc.lock") == lock
    assert "nothing to run" in work.vfs("status")


def test_an_absolute_out_elsewhere_is_refused(work: Work) -> None:
    work.pipeline(f"  one: {{cmd: 'true', outs: ['{work.root}-beside/o']}}\n")
    assert "lies outside of the repository" in work.vfs("repro", code=9)
    assert "lies outside of the repository" in work.vfs("status")
