"""Histories that show what real repositories contain, one function each.

Every function builds with the real tools and returns a finished `RepositoryCase`; `BUILDERS`
lists them for parametrised tests. dvc3 is the current DVC, dvc2 the last of the old layout.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vfs.testing.real_repository import RealRepository, RepositoryCase
from vfs.testing.sandbox import Sandbox


class Tools(NamedTuple):
    """Where the two real DVCs are."""

    dvc3: Path
    dvc2: Path


ODD_NAMES = (
    "with space",
    " leading and trailing ",
    "new\nline",
    "tab\there",
    "quote'single",
    'quote"double',
    "-leading-dash",
    "--help",
    "hash#tag",
    "per%20cent",
    "back\\slash",
    "semi;colon&amp",
    "star*[a-z]?",
    "ünï-ço∂é",
    "decomposed-e\u0301",
    "emoji-😀-non-bmp",
    "yes",
    "1:20",
    "~",
    "null",
    "0x10",
    "a b/c d/e f",
    "x" * 255,
    "é" * 127 + "x",
    "CON",
    "trailing.",
    "sort/a",
    "sort-a",
    "sort.a",
    "sort a",
)


def build_names(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """Names that break careless code, renamed, removed and added over three commits."""
    repo = RealRepository(sandbox, base, tools.dvc3)
    for number, name in enumerate(ODD_NAMES):
        repo.write(f"odd/{name}", f"content {number}\n".encode() * (number + 1))
    singles = ["a file.bin", "ünï😀.bin", "it's.bin", "100%#1.bin", "yes"]
    for name in singles:
        repo.write(f"single/{name}", name.encode() * 100)
    repo.dvc("add", "-q", "odd", *[f"single/{name}" for name in singles])
    repo.commit("v1")

    for name in ODD_NAMES[::2]:
        source = repo.root / "odd" / name
        data = source.read_bytes()
        repo.remove(f"odd/{name}")
        repo.write(f"odd/renamed/{name}", data)
    repo.write(f"odd/{ODD_NAMES[1]}", b"changed")
    repo.dvc("add", "-q", "odd")
    repo.commit("v2")

    repo.remove("odd")
    repo.write("odd/only", b"one file left")
    repo.dvc("add", "-q", "odd")
    repo.dvc("remove", "-q", "single/yes.dvc")
    repo.commit("v3")
    return repo.finish("names")


def build_shapes(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """Empty files and directories, executables, nesting, several outs in a pointer, `wdir`."""
    repo = RealRepository(sandbox, base, tools.dvc3)
    repo.write("plain/in-git.txt", b"kept by git\n")
    repo.write("plain/tool.sh", b"#!/bin/sh\nexit 0\n", executable=True)
    repo.write("empty.bin", b"")
    repo.write("run.sh", b"#!/bin/sh\necho run\n", executable=True)
    for depth in range(12):
        repo.write("deep/" + "d/" * depth + "file", b"%d" % depth)
    (repo.root / "hollow" / "only" / "empty").mkdir(parents=True)
    for number in range(300):
        repo.write(f"many/{number % 7}/{number:05d}.txt", b"%d\n" % (number % 50))
    repo.write("big.bin", bytes(range(256)) * 4096 + b"tail")
    repo.dvc("add", "-q", "empty.bin", "run.sh", "deep", "hollow", "many", "big.bin")
    repo.write("several/one.bin", b"1" * 1000)
    repo.write("several/two/x", b"2")
    repo.write("several/three.bin", b"3" * 10, executable=True)
    repo.write(
        "several/all.dvc",
        b"outs:\n- path: one.bin\n- path: two\n- path: three.bin\n  desc: has a comment\n",
    )
    repo.write("elsewhere/far.bin", b"far away")
    repo.write("pointers/far.dvc", b"wdir: ../elsewhere\nouts:\n- path: far.bin\n")
    (repo.root / "elsewhere" / ".gitignore").write_text("/far.bin\n")
    (repo.root / "several" / ".gitignore").write_text("/one.bin\n/two\n/three.bin\n")
    repo.dvc("commit", "-q", "-f", "several/all.dvc", "pointers/far.dvc")
    repo.commit("v1")

    repo.write("run.sh", b"#!/bin/sh\necho run\n")  # same bytes, no longer executable
    repo.dvc("add", "-q", "run.sh")
    repo.remove("many")
    repo.write("many", b"a file where a directory was")
    repo.dvc("add", "-q", "many")
    repo.dvc("remove", "-q", "--outs", "big.bin.dvc")
    repo.write("big.bin/part", b"a directory where a file was")
    repo.dvc("add", "-q", "big.bin")
    repo.commit("v2")

    repo.write("deep/d/Case", b"upper")
    repo.write("deep/d/case", b"lower")
    repo.dvc("add", "-q", "deep")
    repo.dvc("move", "empty.bin", "plain/nothing.bin")
    repo.commit("v3")
    return repo.finish("shapes")


_PIPELINE = b"""\
vars:
- folder: made
stages:
  prepare:
    cmd: mkdir -p ${folder} && cp ../params.yaml ${folder}/copied && echo raw > ${folder}/raw
    wdir: work
    deps:
    - ../params.yaml
    outs:
    - ${folder}
  each:
    foreach:
    - alpha
    - beta
    do:
      cmd: printf '%s ' ${item} > each-${item}.txt && cat params.yaml >> each-${item}.txt
      deps:
      - params.yaml
      outs:
      - each-${item}.txt
  grid:
    matrix:
      size: [1, 2]
      name: [x]
    cmd: head -c ${item.size}000 /dev/zero > grid-${item.name}-${item.size}.bin
    outs:
    - grid-${item.name}-${item.size}.bin
  report:
    cmd: >-
      printf '{"score":%s}' "$(tail -c 2 params.yaml | head -c 1)" > metrics.json
      && echo keep >> kept.txt && mkdir -p plots && echo a,b > plots/p.csv
    deps:
    - params.yaml
    outs:
    - kept.txt:
        persist: true
    metrics:
    - metrics.json:
        cache: false
    plots:
    - plots
"""


def build_pipeline(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """Outputs of `dvc repro`: wdir, templates, foreach, matrix, uncached metrics, two runs."""
    repo = RealRepository(sandbox, base, tools.dvc3)
    (repo.root / "work").mkdir()
    repo.write("work/.keep", b"")
    repo.write("dvc.yaml", _PIPELINE)
    repo.write("params.yaml", b"seed: 1\n")
    repo.write("input.csv", b"a,b\n1,2\n" * 50)
    repo.dvc("add", "-q", "input.csv")
    repo.dvc("repro", "-q")
    repo.commit("v1")
    repo.write("params.yaml", b"seed: 2\n")
    repo.dvc("repro", "-q")
    repo.commit("v2")
    return repo.finish("pipeline")


_CRLF = b"first\r\nsecond\r\n" * 40


def build_legacy(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """DVC 2 data (md5-dos2unix, CRLF files), continued by DVC 3 in the same history."""
    repo = RealRepository(sandbox, base, tools.dvc2)
    repo.write("text.csv", _CRLF)
    repo.write("unix.csv", _CRLF.replace(b"\r\n", b"\n"))
    repo.write("data/crlf.txt", _CRLF)
    repo.write("data/long.txt", b"0123456789abcd\r\n" * 131_072)  # over one hashing step of 1 MiB
    repo.write("data/binary.bin", b"\0\1\2\r\n" * 500)
    repo.write("data/sub/run.sh", b"#!/bin/sh\r\n", executable=True)
    repo.write("tool.sh", b"#!/bin/sh\necho\n", executable=True)
    repo.dvc("add", "-q", "text.csv", "unix.csv", "data", "tool.sh")
    repo.write(
        "dvc.yaml",
        b"stages:\n  copy:\n    cmd: cp text.csv copy.csv\n    deps: [text.csv]\n    outs: [copy.csv]\n",
    )
    repo.dvc("repro", "-q")
    repo.commit("v1")
    repo.write("data/crlf.txt", _CRLF + b"more\r\n")
    repo.dvc("add", "-q", "data")
    repo.commit("v2")

    repo.dvc_program = tools.dvc3
    repo.write("modern.bin", b"written by DVC 3\r\n" * 9)
    repo.dvc("add", "-q", "modern.bin")
    repo.commit("v3")
    repo.write("data/new.txt", b"the directory moves to plain md5\r\n")
    repo.dvc("add", "-q", "data")
    repo.commit("v4")
    return repo.finish("legacy")


def build_single_stages(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """Single-stage files of DVC 0.x, which DVC 3 refuses and DVC 2 still reads."""
    repo = RealRepository(sandbox, base, tools.dvc2)
    repo.write("raw/a.txt", b"hello\n")
    repo.write("raw/table/x.csv", b"1,2\r\n")
    repo.dvc("add", "-q", "raw/a.txt", "raw/table")
    repo.write(
        "steps/copy.dvc",
        b"cmd: cp a.txt b.txt\nwdir: ../raw\ndeps:\n- path: a.txt\n"
        b"outs:\n- cache: true\n  metric: false\n  path: b.txt\n  persist: false\n",
    )
    repo.write(
        "Dvcfile",
        b"cmd: mkdir -p made && cp raw/b.txt made/c.txt && echo 1 > score\ndeps:\n- path: raw/b.txt\n"
        b"outs:\n- path: made\n- cache: false\n  metric: true\n  path: score\n",
    )
    repo.dvc("repro", "-q", "steps/copy.dvc")
    repo.dvc("repro", "-q", "Dvcfile")
    repo.commit("v1")
    repo.write("raw/a.txt", b"hello again\n")
    repo.dvc("add", "-q", "raw/a.txt")
    repo.dvc("repro", "-q", "steps/copy.dvc")
    repo.dvc("repro", "-q", "Dvcfile")
    repo.commit("v2")
    return repo.finish("single-stages")


def build_git(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """What Git alone can hold: links, modes, names that are not UTF-8, a submodule, LFS."""
    repo = RealRepository(sandbox, base, None)
    library = base / "library"
    sandbox.git(base, "init", "-q", library)
    (library / "inside.txt").write_bytes(b"content of the submodule\n")
    sandbox.git(library, "add", ".")
    sandbox.git(library, "commit", "-q", "-m", "library")

    repo.write(b"latin-\xe9\xff.txt", b"not utf-8\n")
    repo.write(b"control-\x01\x7f", b"control characters\n")
    repo.write("tool", b"#!/bin/sh\n", executable=True)
    repo.write("dir/file", b"1\n")
    root = os.fsencode(repo.root)
    for target, name in (
        (b"dir/file", b"link-to-file"),
        (b"dir", b"link-to-dir"),
        (b"../outside", b"dir/link-out"),
        (b"/etc/passwd", b"link-absolute"),
        (b"nowhere-\xff", b"link-dangling"),
        (b"link-loop", b"link-loop"),
    ):
        os.symlink(target, os.path.join(root, name))
    repo.git("submodule", "add", "-q", str(library), "library")
    repo.write(".gitattributes", b"*.lfs filter=lfs diff=lfs merge=lfs -text\n")
    repo.write("models/weights.lfs", bytes(range(256)) * 2048)
    repo.write("models/empty.lfs", b"")
    repo.write("models/run.lfs", b"#!/bin/sh\n# executable and large\n", executable=True)
    repo.commit("v1")

    repo.remove("dir")
    os.symlink(b"tool", os.path.join(root, b"dir"))  # a directory becomes a link
    repo.remove("link-to-dir")
    repo.write("link-to-dir/real", b"a link becomes a directory\n")
    repo.write("tool", b"#!/bin/sh\n")  # loses its bit
    repo.write("models/weights.lfs", b"second version of the weights" * 999)
    repo.commit("v2")
    repo.git("rm", "-q", "library")
    repo.git("mv", "tool", "Tool")
    repo.commit("v3")
    return repo.finish("git")


def _import_source(sandbox: Sandbox, base: Path, tools: Tools) -> RealRepository:
    """A repository with everything that `dvc import` treats in its own way."""
    source = RealRepository(sandbox, base / "source", tools.dvc3)
    source.write("data/a/1", b"one")
    source.write("data/a/sub/2", b"two")
    source.write("model.bin", b"model" * 1000)
    source.write("plain/readme.txt", b"in git\n")
    source.write("plain/more/x", b"x\n")
    source.write("mixed/tool", b"#!/bin/sh\n", executable=True)
    source.write("mixed/nested/deep/1", b"deep\n")
    source.write("mixed/nested/run", b"#!/bin/sh\necho\n", executable=True)
    source.write("mixed/one.bin", b"one\n")
    source.write("links/readme.txt", b"links\n")
    source.write("links/.dvcignore", b"*.tmp\nhidden/\n")
    source.write("links/x.tmp", b"what DVC ignores\n")
    source.write("links/hidden/y", b"what DVC ignores\n")
    os.symlink("readme.txt", source.root / "links" / "link")
    source.dvc("add", "-q", "data", "model.bin", "mixed/nested", "mixed/one.bin")
    source.commit("s1")
    source.write("data/a/3", b"three")
    source.write("model.bin", b"model two" * 1000)
    source.dvc("add", "-q", "data", "model.bin")
    source.commit("s2")
    return source


def build_imports(sandbox: Sandbox, base: Path, tools: Tools) -> RepositoryCase:
    """`dvc import` and `dvc import-url` of data, of Git files and of both mixed, also without a download."""
    source = _import_source(sandbox, base, tools)
    outside = base / "outside"
    outside.mkdir()
    (outside / "u1").write_bytes(b"from a url")

    url = str(source.root)
    repo = RealRepository(sandbox, base / "importer", tools.dvc3)
    repo.write("readme.txt", b"imports\n")
    repo.dvc("import", "-q", "--rev", "s1", "-o", "a", url, "data/a")
    repo.dvc("import", "-q", "-o", "model.bin", url, "model.bin")
    repo.dvc("import", "-q", "-o", "plain", url, "plain")
    repo.dvc("import", "-q", "-o", "note.txt", url, "plain/readme.txt")
    repo.dvc("import", "-q", "-o", "mixed", url, "mixed")
    repo.dvc("import", "-q", "-o", "tool", url, "mixed/tool")
    repo.dvc("import-url", "-q", str(outside), "outside")
    repo.commit("v1")
    repo.dvc("update", "-q", "--rev", "s2", "a.dvc")
    repo.commit("v2")
    for path in ("mixed", "links", "links/link", "mixed/tool", "model.bin"):
        repo.dvc(
            "import", "-q", "--no-download", "-o", "later-" + path.replace("/", "-"), url, path
        )
    # Not of the directory: of that `dvc pull` makes an empty one (DVC 3.67).
    repo.dvc("import-url", "-q", "--no-download", str(outside / "u1"), "later-u1")
    repo.commit("v3")
    case = repo.finish("imports")
    for leftover in ("cache", "tmp"):
        sandbox.run(["rm", "-rf", source.root / ".dvc" / leftover])
    return case


Builder = Callable[[Sandbox, Path, Tools], RepositoryCase]

BUILDERS: dict[str, Builder] = {
    "names": build_names,
    "shapes": build_shapes,
    "pipeline": build_pipeline,
    "legacy": build_legacy,
    "single-stages": build_single_stages,
    "git": build_git,
    "imports": build_imports,
}
