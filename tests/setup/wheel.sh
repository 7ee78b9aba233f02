#!/usr/bin/env bash
# Proves the wheel: builds it, installs it alone into a fresh venv, runs the command from there
# and reads a file through a mount made with it.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
out=$root/.tools/wheel
rm -rf "$out"
mkdir -p "$out"
uv=$root/.venv/bin/uv
"$uv" build --quiet --wheel --out-dir "$out/dist" .
"$uv" venv --quiet --python .venv/bin/python "$out/venv"
"$uv" pip install --quiet --python "$out/venv/bin/python" \
  --constraint tests/setup/constraints.txt "$out"/dist/*.whl
vfs=$out/venv/bin/vfs

work=$(mktemp -d)
cleanup() {
  "$vfs" umount "$work/mnt" >/dev/null 2>&1 || fusermount3 -u -z -q "$work/mnt" || true
  rm -rf "$work"
}
trap cleanup EXIT
export HOME=$work/home XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state
export XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/config
mkdir -m 700 -p "$HOME" "$XDG_RUNTIME_DIR" "$work/repo" "$work/mnt"
cd "$work/repo"
git init -q -b main .
echo "read through a wheel" >hello.txt
git add hello.txt
git -c user.name=t -c user.email=t@example.org -c commit.gpgsign=false commit -q -m one

"$vfs" --help >/dev/null
"$vfs" mount --repo "$work/repo" "$work/mnt" >/dev/null
[ "$(cat "$work/mnt/hello.txt")" = "read through a wheel" ]
"$vfs" umount "$work/mnt" >/dev/null
if mountpoint -q "$work/mnt"; then
  echo "the mount is still there after vfs umount" >&2
  exit 1
fi
echo "wheel: $(basename "$out"/dist/*.whl) installs, mounts and unmounts"
