"""The real dvc as a reader of pipelines: one process of its Python, asked for many repositories."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vfs.testing.sandbox import Sandbox

_SERVER = r"""
import json, os, shutil, sys
from dvc.dvcfile import ProjectFile
from dvc.repo import Repo
from dvc.stage.serialize import to_single_stage_lockfile, to_pipeline_file
from dvc.stage.cache import _get_cache_hash

def clean():
    for name in os.listdir("."):
        if name not in (".git", ".dvc"):
            shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)

def write(files):
    clean()
    for name, text in files.items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(text)

def out(one):
    kind = "plots" if one.plot else "metrics" if one.metric else "outs"
    extra = {k: v for k, v in one.annot.to_dict().items()}
    extra.update(one.plot if isinstance(one.plot, dict) else {})
    return [one.def_path, kind, one.use_cache, one.persist, one.remote, one.can_push, extra]

def stage(one):
    deps = [d.def_path for d in one.deps if not hasattr(d, "params")]
    params = [[d.def_path, d.params] for d in one.deps if hasattr(d, "params")]
    return dict(name=one.name, cmd=one.cmd, wdir=os.path.relpath(one.wdir), deps=deps, params=params,
                outs=[out(o) for o in one.outs], frozen=one.frozen, always=one.always_changed,
                desc=one.desc, meta=one.meta)

def pipeline(files, file):
    write(files)
    repo = Repo(".")
    project = ProjectFile(repo, os.path.abspath(file))
    project.contents
    project._lockfile.load()
    loader = project.stages
    return dict(stages=[stage(loader[name]) for name in loader], params=project.params, metrics=project.metrics,
                plots=project.plots, artifacts=project.artifacts)

def params(files, file, keys):
    from dvc.dependency.param import read_param_file
    write(files)
    return repr(read_param_file(Repo(".").fs, file, keys or None, flatten=True))

def edit(files, old, name, entry):
    from dvc.utils.serialize import modify_yaml
    from dvc.utils.collections import apply_diff
    write(files)
    with modify_yaml(old) as data:
        data["stages"] = data.get("stages", {})
        if name in data["stages"]:
            apply_diff(entry, data["stages"][name])
        else:
            data["stages"].update({name: entry})
    return open(old, encoding="utf-8", newline="").read()

def lock(files, file, entries):
    from dvc.utils.serialize import modify_yaml
    write(files)
    with modify_yaml(file) as data:
        if not data:
            data.update({"schema": "2.0"})
        data["stages"] = data.get("stages", {})
        for name, entry in entries.items():
            data["stages"].update({name: entry})
    return open(file, encoding="utf-8", newline="").read()

def hashes(entry):
    value = _get_cache_hash(json.loads(json.dumps(entry)))
    return [_get_cache_hash(json.loads(json.dumps(entry)), key=True), value]

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"answer": globals()[request.pop("do")](**request)}
        text = json.dumps(answer)
    except BaseException as error:
        text = json.dumps({"error": type(error).__name__ + ": " + str(error)})
    print(text, flush=True)
"""


# Files of variables and parameters in every format, for pipelines to use.
FILES = {
    "params.yaml": "p: 0\nlist: [a, true, 3]\nmap: {k: 1, l: true}\nyes: true\ns: text\nnest: {a: [1]}\n",
    "f.yaml": "f: 7\n",
    "g.json": '{"one": 1, "two": {"deep": "d"}, "three": 3}',
    "v.py": "A = 1\nclass Train:\n    lr: float = 0.1\n    def __init__(self):\n        self.self_x = 'q'\n",
    "t.toml": "c = [{d = 1}]\n[a]\nb = 'x'\n",
}


class DvcReader:
    """The running process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, do: str, **arguments: Any) -> Any:
        """What DVC says; None if it fails."""
        answer = self.tell(do, **arguments)
        return answer.get("answer")

    def tell(self, do: str, **arguments: Any) -> dict[str, Any]:
        """What DVC says, or why it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def dvc_reader(sandbox: Sandbox, dvc: Path) -> Iterator[DvcReader]:
    """A process in an empty repository of its own."""
    root = sandbox.root / "reader"
    root.mkdir()
    sandbox.run(["git", "init", "-q", "."], cwd=root)
    sandbox.run([str(dvc), "init", "-q"], cwd=root)
    python = dvc.parent / "python"
    with subprocess.Popen(
        [str(python), "-c", _SERVER],
        cwd=root,
        env=sandbox.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield DvcReader(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
