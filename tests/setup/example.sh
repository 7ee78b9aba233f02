#!/usr/bin/env bash
# What examples/text-classification needs: scikit-learn in a venv of its own (example.txt is the complete list), and in
# .tools/messages the packages whose translations are its data, as they are published (messages.txt has their hashes).
set -eu
cd "$(dirname "$0")/../.."
target=.tools/example
if [ ! -x "$target/bin/python" ]; then
  rm -rf "$target"
  .venv/bin/uv venv --quiet --python "$(tests/setup/python.sh)" "$target"
fi
.venv/bin/uv pip install --quiet --python "$target/bin/python" --requirement tests/setup/example.txt
.venv/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
  --dest .tools/messages --requirement tests/setup/messages.txt
