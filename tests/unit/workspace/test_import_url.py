"""`dvc import-url` from S3, as the real DVC writes it and pulls it in a fresh clone."""

from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import tree_of
from vfs.testing.real_repository import RealRepository
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.trees import explain, not_data
from vfs.types import Kind, Severity

OBJECTS = {"one": b"one", "d/two": b"two", "d/k/crlf": b"a\r\nb", "d/empty": b""}


@pytest.mark.dvc
@pytest.mark.s3
def test_from_s3(sandbox: Sandbox, dvc3: Path, rgw: S3Server, opened: Open) -> None:
    client = rgw.client()
    buckets = {"kept": rgw.new_bucket(versioned=True), "plain": rgw.new_bucket()}
    repo = RealRepository(sandbox, sandbox.root / "importer", dvc3)
    for name, bucket in buckets.items():
        for key, data in OBJECTS.items():
            client.put_object(Bucket=bucket, Key=f"src/{key}", Body=data)
        repo.dvc("remote", "add", "-q", name, f"s3://{bucket}/src")
        for option, value in rgw.options.items():
            repo.dvc("remote", "modify", "-q", name, option, value)
    repo.dvc("remote", "modify", "-q", "kept", "version_aware", "true")
    for path in ("one", "d"):
        kept, plain = f"remote://kept/{path}", f"remote://plain/{path}"
        repo.dvc("import-url", "-q", "--version-aware", kept, f"aware-{path}")
        repo.dvc("import-url", "-q", "--no-download", kept, f"aware-later-{path}")
        repo.dvc("import-url", "-q", "--no-download", plain, f"later-{path}")
    repo.commit("v1")
    case = repo.finish("s3")

    # The versions that were imported stay; the other bucket has something else for whoever comes later.
    client.put_object(Bucket=buckets["kept"], Key="src/one", Body=b"eno")
    client.put_object(Bucket=buckets["kept"], Key="src/d/two", Body=b"owt")
    workspace = opened(case.root)
    snapshot = workspace.snapshot("v1")
    assert snapshot.problems == ()
    actual = {p: n for p, n in tree_of(workspace, snapshot).items() if not not_data(p)}
    assert explain(case.revisions["v1"], actual) == ""
    workspace.close()

    client.put_object(Bucket=buckets["plain"], Key="src/d/two", Body=b"owt")
    cold = opened(case.root)
    assert cold.snapshot("v1").problems == (), "what was listed once is listed again"


@pytest.mark.dvc
@pytest.mark.s3
def test_a_directory_at_a_url_that_has_changed(
    sandbox: Sandbox, dvc3: Path, rgw: S3Server, opened: Open
) -> None:
    client, bucket = rgw.client(), rgw.new_bucket(versioned=True)
    for key, data in OBJECTS.items():
        client.put_object(Bucket=bucket, Key=f"src/{key}", Body=data)
    repo = RealRepository(sandbox, sandbox.root / "importer", dvc3)
    for name in ("kept", "plain"):
        repo.dvc("remote", "add", "-q", name, f"s3://{bucket}/src")
        for option, value in rgw.options.items():
            repo.dvc("remote", "modify", "-q", name, option, value)
    repo.dvc("remote", "modify", "-q", "kept", "version_aware", "true")
    repo.dvc("import-url", "-q", "--no-download", "remote://plain/d", "later")
    repo.dvc("import-url", "-q", "--version-aware", "remote://kept/d", "aware")
    pointer = repo.root / "aware.dvc"
    etag = '"' + client.head_object(Bucket=bucket, Key="src/d/two")["ETag"].strip('"') + '"'
    pointer.write_text(pointer.read_text().replace(f"etag: {etag[1:-1]}", "etag: in-two-parts-2"))
    repo.commit("v1")
    for leftover in ("cache", "tmp"):
        sandbox.run(["rm", "-rf", repo.root / ".dvc" / leftover])
    client.put_object(Bucket=bucket, Key="src/d/two", Body=b"owt")
    snapshot = opened(repo.root).snapshot("v1")
    found = {p.path: (p.code, p.severity) for p in snapshot.problems}
    assert found == {
        b"later": ("data-unavailable", Severity.BROKEN),
        b"aware": ("unproven-versions", Severity.NOTE),
    }
    entry = snapshot.root.lookup(b"later")
    assert entry is not None
    assert entry.kind is Kind.BROKEN
    assert [path for path, _ in snapshot.walk(b"aware") if _.kind is Kind.FILE] == [
        b"aware/empty",
        b"aware/k/crlf",
        b"aware/two",
    ]
