"""Certificates by ACME: who renews them, by itself, against a CA of the tests' own (Pebble)."""
