"""Benchmarks: what `make bench` prints. Never a test: a figure that depends on the machine proves nothing."""
