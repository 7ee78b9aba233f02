"""The log of a repository, or of one path.

Rule: newest first by commit time, as `git log` shows it. With a path, history is simplified as
`git log -- path` does: a commit that left the path as one of its parents had it is not shown,
and only that parent is followed.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count

import pygit2

from vfs.git.objects import CommitInfo, TreeItem

Find = Callable[[bytes, bytes], TreeItem | None]


def log(
    repository: pygit2.Repository, start: str, path: bytes | None, limit: int, find: Find
) -> Iterator[CommitInfo]:
    """At most `limit` commits reachable from the commit `start` (hex)."""
    order = count()
    first = repository[start].peel(pygit2.Commit)
    heap = [(-first.commit_time, next(order), first)]
    seen = {first.id}
    while heap and limit > 0:
        _, _, commit = heapq.heappop(heap)
        shown, parents = _simplify(commit, path, find)
        if shown:
            limit -= 1
            yield _describe(commit)
        for parent in parents:
            if parent.id not in seen:
                seen.add(parent.id)
                heapq.heappush(heap, (-parent.commit_time, next(order), parent))


def every(repository: pygit2.Repository, starts: Iterable[str]) -> Iterator[str]:
    """All commits (hex) that are reachable from some, newest first as far as their dates tell."""
    order = count()
    heap: list[tuple[int, int, pygit2.Commit]] = []
    seen = set()
    waiting = [repository[start].peel(pygit2.Commit) for start in starts]
    while waiting or heap:
        for commit in waiting:
            if commit.id not in seen:
                seen.add(commit.id)
                heapq.heappush(heap, (-commit.commit_time, next(order), commit))
        if not heap:
            return
        _, _, commit = heapq.heappop(heap)
        yield str(commit.id)
        waiting = _parents(commit)


def _simplify(
    commit: pygit2.Commit, path: bytes | None, find: Find
) -> tuple[bool, list[pygit2.Commit]]:
    """Whether to show the commit, and which parents to follow."""
    parents = _parents(commit)
    if path is None:
        return True, parents
    item = _content(find(commit.tree_id.raw, path))
    if not parents:
        return item is not None, []
    for parent in parents:
        if _content(find(parent.tree_id.raw, path)) == item:
            return False, [parent]
    return True, parents


def _content(item: TreeItem | None) -> tuple[int, bytes] | None:
    return None if item is None else (item.mode, item.oid)


def _parents(commit: pygit2.Commit) -> list[pygit2.Commit]:
    """The parents that are here (a shallow clone's boundary has none)."""
    try:
        return list(commit.parents)
    except (pygit2.GitError, KeyError):
        return []


def _describe(commit: pygit2.Commit) -> CommitInfo:
    author = commit.author
    message = commit.raw_message.decode("utf-8", "replace").lstrip("\n")
    return CommitInfo(
        str(commit.id),
        commit.tree_id.raw,
        commit.commit_time,
        f"{author.raw_name.decode('utf-8', 'replace')} <{author.raw_email.decode('utf-8', 'replace')}>",
        message.split("\n", 1)[0],
        tuple(str(parent) for parent in commit.parent_ids),
    )
