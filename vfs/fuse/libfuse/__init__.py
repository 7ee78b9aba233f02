"""The pyfuse3 transport: requests that libfuse receives."""
