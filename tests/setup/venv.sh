#!/usr/bin/env bash
# Builds .venv: vfs (editable) and its development tools, at the versions in constraints.txt.
# uv resolves in seconds where old pips need minutes; it is installed into the venv itself.
set -eu
cd "$(dirname "$0")/../.."
here=tests/setup
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
  rm -rf .venv
  "$("$here/python.sh")" -m venv .venv
fi
if [ ! -x .venv/bin/uv ]; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
fi
.venv/bin/uv pip install --quiet --python .venv/bin/python \
  --constraint "$here/constraints.txt" --editable . --group dev
