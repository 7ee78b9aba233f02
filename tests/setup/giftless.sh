#!/usr/bin/env bash
# Installs Giftless, a Git LFS server, into a venv of its own: it needs old versions of Flask and marshmallow, and
# declares no dependencies. giftless.txt is the complete list.
set -eu
cd "$(dirname "$0")/../.."
target=.tools/giftless
if [ ! -x "$target/bin/python" ]; then
  rm -rf "$target"
  .venv/bin/uv venv --quiet --python "$(tests/setup/python.sh)" "$target"
fi
.venv/bin/uv pip install --quiet --python "$target/bin/python" --requirement tests/setup/giftless.txt
