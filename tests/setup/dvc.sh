#!/usr/bin/env bash
# Installs the real DVC into a venv of its own: dvc3 (the current one) or dvc2 (the last that
# writes the old md5-dos2unix layout and reads the single-stage files of 0.x). They need
# conflicting libraries, so they live neither in .venv nor together. Versions are pinned in
# dvc3.txt and dvc2.txt, which are complete lists.
set -eu
cd "$(dirname "$0")/../.."
which=${1:?usage: dvc.sh dvc3|dvc2}
target=.tools/$which
uv=.venv/bin/uv
if [ ! -x "$target/bin/python" ]; then
  rm -rf "$target"
  "$uv" venv --quiet --python "$(tests/setup/python.sh)" "$target"
fi
"$uv" pip install --quiet --python "$target/bin/python" --requirement "tests/setup/$which.txt"
"$target/bin/dvc" --version >/dev/null
