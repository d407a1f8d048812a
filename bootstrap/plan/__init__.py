"""The plan of an update in people's words, from the engine's own preview (`pulumi preview --json`).

Owns the words. Does not own what is planned: that is the engine's, and nothing here asks anybody else.
"""
