"""Where no private view is possible: the reason, and what to do."""

import os
from pathlib import Path

import pytest

from tests.sandbox.conftest import World, as_root, as_user
from vfs.errors import Unsupported
from vfs.sandbox import refusals
from vfs.sandbox.view import supported


def in_namespace(setup: str, *words: object) -> list[str]:
    """A shell in a mount namespace of its own, which prepares it and then runs what follows."""
    return ["unshare", "-m", "sh", "-euc", f'{setup}; "$@"', *map(str, words)]


def test_here_it_works(tmp_path: Path) -> None:
    assert supported(str(tmp_path)) is None
    assert os.listdir(tmp_path) == []


@as_root
def test_user_namespaces_are_forbidden(world: World) -> None:
    """In a user namespace that may have none below it, by somebody without the right to mount."""
    limit = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --bounding-set=-sys_admin --"
    done = world.run("true", before=["unshare", "-Ur", "sh", "-euc", f'{limit} "$@"', "sh"])
    assert done.error == (
        "no private view: this user may not have a mount namespace (user.max_user_namespaces is 0)"
    )
    assert done.hint == "sudo sysctl user.max_user_namespaces=10000, or run with --in-place"
    assert not world.scratch.exists()


@as_root
def test_a_scratch_on_an_overlay(world: World) -> None:
    """As in a container."""
    place = world.sandbox.root / "place"
    for name in ("l", "u", "w", "m"):
        (place / name).mkdir(parents=True)
    done = world.run(
        "true",
        scratch=str(place / "m" / "scratch"),
        before=in_namespace(
            'mount -t overlay none -o "lowerdir=$0/l,upperdir=$0/u,workdir=$0/w" "$0/m"', place
        ),
    )
    assert done.error == (
        f"no private view: {place}/m/scratch is on overlay, where an overlay cannot write"
    )
    assert "ext4, xfs, btrfs or tmpfs" in done.hint


@as_root
def test_a_scratch_on_fuse(world: World) -> None:
    place = world.sandbox.root / "place"
    for name in ("l", "m"):
        (place / name).mkdir(parents=True)
    done = world.run(
        "true",
        scratch=str(place / "m" / "scratch"),
        before=in_namespace('trap \'umount "$0/m"\' EXIT; bindfs "$0/l" "$0/m"', place),
    )
    assert "scratch is on fuse, where an overlay cannot write" in done.error


@as_root
def test_a_scratch_without_extended_attributes(world: World) -> None:
    place = world.sandbox.root / "place"
    place.mkdir()
    done = world.run(
        "true",
        scratch=str(place / "scratch"),
        before=in_namespace('mount -t ramfs none "$0"', place),
    )
    assert "has no extended attributes for users" in done.error


@as_user
def test_a_mount_in_the_tree_of_an_ordinary_user(world: World) -> None:
    (world.tree / "mnt").mkdir()
    done = world.run("true", before=in_namespace('mount -t tmpfs none "$0/mnt"', world.tree))
    assert f"{world.tree}/mnt is a mount in the working tree" in done.error
    assert done.hint == "unmount it, or mount it elsewhere, or run with --in-place"


def test_a_tree_that_is_gone(world: World) -> None:
    done = world.run("true", below=[str(world.sandbox.root / "nowhere")])
    assert done.error == (
        f"no private view: layers {world.sandbox.root}/nowhere: No such file or directory"
    )


@pytest.mark.parametrize(
    ("step", "number", "message", "hint"),
    [
        ("namespace", 1, "(Operation not permitted)", "in a container: start it with --cap-add"),
        ("namespace", 28, "there are too many namespaces", "sudo sysctl user.max_user_namespaces"),
        ("overlay", 19, "this kernel has no overlayfs", "sudo modprobe overlay"),
        ("overlay", 22, "(on ", "dmesg"),
        ("through", 2, "through /x: No such file", "or run with --in-place"),
    ],
)
def test_every_reason_has_a_hint(
    tmp_path: Path, step: str, number: int, message: str, hint: str
) -> None:
    place = os.fsencode(tmp_path)
    found = refusals.refused(step, number, b"/x", place, place)
    assert isinstance(found, Unsupported)
    assert message in found.message
    assert hint in (found.hint or "")
    assert "--in-place" in (found.hint or "")
