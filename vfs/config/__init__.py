"""Settings of this machine and repository; the only reader of the environment."""
