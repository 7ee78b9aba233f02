"""S3 remotes; the home of boto3, which is imported at the first request."""

from vfs.remotes.s3.driver import S3Remote

__all__ = ["S3Remote"]
