"""Pointers of every era, and the two kinds of import."""

from collections.abc import Callable

import pytest

from tests.unit.formats.pointers import MD5, digest, only, parse
from vfs.formats.pointer import (
    Era,
    FileEntry,
    ImportSource,
    Out,
    Place,
    UrlSource,
    parse_pointer,
)
from vfs.types import Algorithm

CORPUS = [
    ("dvc-0.x-cnn/Dvcfile", Era.DVC0, []),
    ("dvc-0.x-cnn/data/train.zip.dvc", Era.DVC0, ["data/train.zip"]),
    ("dvc-0.x-cnn/model.h5.dvc", Era.DVC0, ["data/model.h5", "data/history.p"]),
    ("dvc-0.x-cnn/plot_loss.jpeg.dvc", Era.DVC0, ["data/plot_loss.jpeg", "data/plot_acc.jpeg"]),
    ("dvc-0.x-cnn/process.dvc", Era.DVC0, ["data/cats_and_dogs_small/"]),
    ("dvc-0.x-cnn/train.dvc", Era.DVC0, ["data/train/"]),
    ("dvc-0.x-tutorial/Dvcfile", Era.DVC0, []),
    ("dvc-0.x-tutorial/data/train.zip.dvc", Era.DVC0, ["data/train.zip"]),
    ("dvc-0.x-tutorial/model.h5.dvc", Era.DVC0, ["data/model.h5", "data/history.p"]),
    ("dvc-0.x-tutorial/plot_loss.jpeg.dvc", Era.DVC0, ["data/plot_loss.jpeg", "data/plot_acc.jpeg"]),
    ("dvc-0.x-tutorial/process.dvc", Era.DVC0, ["data/cats_and_dogs_small/"]),
    ("dvc-0.x-tutorial/train.dvc", Era.DVC0, ["data/train/"]),
    ("example-get-started/data/data.xml.dvc", Era.DVC3, ["data/data.xml"]),
    *(
        (f"lk-demo-experiment/data/ml-{name}.zip.dvc", Era.DVC3, [f"data/ml-{name}.zip"])
        for name in ("100k", "latest-small", "1m", "10m", "20m", "25m", "32m")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("file", "era", "outs"), CORPUS)
def test_corpus(corpus: Callable[[str], bytes], file: str, era: Era, outs: list[str]) -> None:
    path = file.split("/", 1)[1].encode()
    pointer = parse_pointer(corpus(file), path)
    assert pointer.era is era
    assert [o.path.decode() + "/" * o.is_tree for o in pointer.outs] == outs
    assert pointer.problems == ()
    legacy = not file.endswith(("data.xml.dvc", "ml-32m.zip.dvc"))
    for out in pointer.outs:
        assert out.digest is not None
        assert out.digest.algorithm is (Algorithm.MD5_DOS2UNIX if legacy else Algorithm.MD5)
        assert out.cached
    assert (pointer.command is not None) == (
        era is Era.DVC0 and "train.zip" not in file and "Dvcfile" not in file
    )


def test_corpus_covers_every_pointer() -> None:
    from tests.unit.formats.conftest import CORPUS as directory

    files = {*directory.rglob("*.dvc"), *directory.rglob("Dvcfile")}
    found = {str(file.relative_to(directory)) for file in files if file.is_file()}
    assert found == {file for file, _, _ in CORPUS}


def test_dvc3_file_executable_and_directory() -> None:
    assert only(
        f"outs:\n- md5: {MD5}\n  size: 6\n  hash: md5\n  path: a.txt\n", b"d/a.txt.dvc"
    ) == Out(b"d/a.txt", digest(MD5), size=6)
    assert only(
        f"outs:\n- {{md5: {MD5}, size: 15, isexec: true, hash: md5, path: run.sh}}"
    ).executable
    assert only(f"outs:\n- {{md5: {MD5}.dir, size: 10, nfiles: 5, hash: md5, path: data}}") == Out(
        b"data", digest(MD5), is_tree=True, size=10, nfiles=5
    )


def test_dvc2_and_old_single_stage() -> None:
    text = f"outs:\n- md5: {MD5}\n  size: 12\n  path: crlf.txt\n"
    assert parse(text).era is Era.DVC2
    assert only(text).digest == digest(MD5, Algorithm.MD5_DOS2UNIX)
    old = f"""
cmd: cp a.txt b.txt
deps:
- md5: {MD5}
  path: a.txt
md5: 1b59aa1f99b185cddbce8eccc10c86bb
outs:
- cache: true
  md5: {MD5}
  metric: false
  path: b.txt
  persist: false
- cache: false
  md5: {MD5}
  metric: {{type: json, xpath: AUC}}
  path: m.json
  tags: {{v1: {{md5: {MD5}}}}}
wdir: ..
locked: true
"""
    pointer = parse(old, b"a/b/train.dvc")
    assert pointer.era is Era.DVC0
    assert pointer.command == "cp a.txt b.txt"
    assert pointer.frozen
    assert pointer.source is None
    assert [(out.path, out.cached) for out in pointer.outs] == [
        (b"a/b.txt", True),
        (b"a/m.json", False),
    ]
    assert parse(f"md5: {MD5}\nouts:\n- {{md5: {MD5}, path: x}}").era is Era.DVC1
    assert parse("").outs == ()


def test_flags() -> None:
    out = only(
        f"outs:\n- {{md5: {MD5}, hash: md5, path: x, cache: false, persist: true, remote: Store, push: false,"
        " desc: d, type: t, labels: [a], meta: {any: [1]}}"
    )
    assert (out.cached, out.persist, out.remote, out.push) == (False, True, "store", False)


def test_wdir_and_climbing_paths() -> None:
    text = (
        f"wdir: ../other\nouts:\n- {{path: ../far/f, md5: {MD5}}}\n- {{path: ./n//m/, md5: {MD5}}}"
    )
    pointer = parse(text, b"a/deep/any-name.dvc")
    assert [out.path for out in pointer.outs] == [b"a/far/f", b"a/other/n/m"]
    assert (
        parse(f"outs: [{{path: f, md5: {MD5}}}]", b"\xff\xfe/x.dvc").outs[0].path == b"\xff\xfe/f"
    )


@pytest.mark.parametrize(
    ("written", "hexadecimal"),
    [
        (MD5.upper(), MD5),
        ("12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("'12345678901234567890123456789012'", "12345678901234567890123456789012"),
        ("00000000000000000000000000000012", "00000000000000000000000000000012"),
        ("1234567890123456789012345678e012", "1234567890123456789012345678e012"),
    ],
)
def test_hashes_survive_yaml(written: str, hexadecimal: str) -> None:
    assert only(f"outs: [{{md5: {written}, hash: md5, path: yes}}]") == Out(
        b"yes", digest(hexadecimal)
    )


def test_folded_path() -> None:
    long = "x" * 90
    assert only(f"outs:\n- md5: {MD5}\n  path: \n    {long}\n").path == long.encode()


def test_import() -> None:
    text = f"""
md5: dab0c150acf5d8c02c492760c3cf0aed
frozen: true
deps:
- path: data/a
  repo:
    url: ../g1
    rev: master
    rev_lock: 190ea21598c7ec8a14569a2982673109a5141098
    config: {{core: {{remote: r}}}}
    remote: other
outs:
- md5: {MD5}.dir
  size: 9
  nfiles: 3
  hash: md5
  path: da
"""
    pointer = parse(text)
    assert pointer.source == ImportSource(
        "../g1", "data/a", "master", "190ea21598c7ec8a14569a2982673109a5141098",
        {"core": {"remote": "r"}}, "other",
    )  # fmt: skip
    assert pointer.frozen
    assert pointer.era is Era.DVC3


def test_import_without_download_has_no_digest() -> None:
    text = (
        "deps: [{path: b/1, repo: {url: ../g1, rev_lock: '1901'}}]\nouts: [{hash: md5, path: b1}]"
    )
    pointer = parse(text)
    assert pointer.outs == (Out(b"b1", None),)
    assert pointer.source == ImportSource("../g1", "b/1", None, "1901")


def test_import_url(corpus: Callable[[str], bytes]) -> None:
    pointer = parse_pointer(
        corpus("lk-demo-experiment/data/ml-100k.zip.dvc"), b"data/ml-100k.zip.dvc"
    )
    assert pointer.source == UrlSource(
        "http://files.grouplens.org/datasets/movielens/ml-100k.zip",
        size=4924029,
        place=Place(None, '"4b227d-598cfd31b571f"'),
    )
    text = f"""
deps:
- path: s3://b/d
  size: 4
  nfiles: 1
  hash: md5
  files: [{{size: 4, version_id: V1, etag: E1, relpath: x}}]
outs: [{{hash: md5, path: d, files: [{{relpath: x, md5: {MD5}, size: 4}}]}}]
"""
    assert parse(text).source == UrlSource(
        "s3://b/d", None, is_tree=True, size=4,
        files=(FileEntry(b"x", None, 4, False, Place(None, "E1", "V1")),),
    )  # fmt: skip
    other = parse(
        "deps: [{path: ../g1, md5: " + MD5 + ".dir, hash: md5}]\nouts: [{path: u}]"
    ).source
    assert other == UrlSource("../g1", digest(MD5), is_tree=True)


def test_bad_source_is_a_problem_and_the_outs_stay() -> None:
    pointer = parse("deps: [{repo: {rev: x}, path: a}]\nouts: [{path: u}]", b"d/u.dvc")
    assert [out.path for out in pointer.outs] == [b"d/u"]
    assert pointer.source is None
    assert pointer.problems[0].path == b"d/u.dvc"
    assert "deps[0].repo.url: expected a string, found nothing" in pointer.problems[0].message


def test_cloud_versioned_directory_and_file() -> None:
    text = f"""
outs:
- hash: md5
  path: d
  files:
  - relpath: x
    md5: b026324c6904b2a9cb4b88d6d61c81d1
    size: 2
    isexec: true
    cloud:
      VV:
        etag: b026324c6904b2a9cb4b88d6d61c81d1
        version_id: 232c2a36-76c9-4072-b8a3-6a84c778d0df
  - relpath: a/b
    md5: {MD5}
    size: 6
- md5: {MD5}
  size: 6
  hash: md5
  path: single
  cloud: {{vv: {{etag: e, version_id: '7'}}}}
"""
    directory, single = parse(text).outs
    assert directory == Out(
        b"d", None, is_tree=True,
        files=(
            FileEntry(b"a/b", digest(MD5), 6, False, None),
            FileEntry(
                b"x", digest("b026324c6904b2a9cb4b88d6d61c81d1"), 2, True,
                Place("vv", "b026324c6904b2a9cb4b88d6d61c81d1", "232c2a36-76c9-4072-b8a3-6a84c778d0df"),
            ),
        ),
    )  # fmt: skip
    assert single == Out(b"single", digest(MD5), size=6, place=Place("vv", "e", "7"))


def test_blanked_and_legacy_file_lists() -> None:
    assert only("outs: [{hash: md5, path: d, files: []}]") == Out(
        b"d", None, is_tree=True, files=()
    )
    files = only(f"outs: [{{path: d, files: [{{relpath: x, md5: {MD5}}}]}}]").files
    assert files is not None
    assert files[0].digest == digest(MD5, Algorithm.MD5_DOS2UNIX)
