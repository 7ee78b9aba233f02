"""Azure Blob Storage remotes; azure-identity is imported only for credentials that need it."""

from vfs.remotes.azure.driver import AzureRemote

__all__ = ["AzureRemote"]
