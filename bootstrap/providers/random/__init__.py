"""The random provider: passwords, on the standard library."""
