#!/bin/sh
# Makes a repository with two tagged versions of a small dataset in the current directory and pushes the data to S3.
# Takes up what an earlier run did not finish; does nothing if it is there already. Needs: git, vfs and its Python, S3_ENDPOINT, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
set -eu

if git config --local --get example.pushed >/dev/null 2>&1; then
  echo "the dataset is there already"
  exit 0
fi

export GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@example.org
export GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@example.org

python - <<'PYTHON'
import os
import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1")
try:
    s3.create_bucket(Bucket=os.environ["S3_BUCKET"])
except ClientError as error:
    if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
        raise
PYTHON

# version TAG COUNT: writes COUNT samples, those that are there already included, and tags the result.
version() {
  if git rev-parse --quiet --verify "$1" >/dev/null; then
    return
  fi
  python - "$2" <<'PYTHON'
import random
import sys
from pathlib import Path

Path("data").mkdir(exist_ok=True)
for number in range(int(sys.argv[1])):
    path = Path("data", f"{number:04d}.bin")
    if not path.exists():
        path.write_bytes(random.Random(number).randbytes(20_000 + number))
PYTHON
  vfs add data
  git add --all
  git commit --quiet --allow-empty --message "dataset $1"
  git tag "$1"
}

git init --quiet --initial-branch=main .
[ -e .dvc/config ] || vfs init
[ -e .vfs/config.yaml ] || vfs remote add --packed --default demo "s3://$S3_BUCKET/demo" "endpointurl=$S3_ENDPOINT"
version v1 200
version v2 250
vfs push --rev v1 --rev v2
git config example.pushed true
# What a training sees comes from S3, not from here.
rm -rf data .dvc/cache .vfs/store
echo "v1 and v2 are pushed"
