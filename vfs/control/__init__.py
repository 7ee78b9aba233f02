"""The control socket of a mount: protocol, client, server."""
