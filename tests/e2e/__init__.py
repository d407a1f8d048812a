"""The end-to-end tier: a stack of its own through the real engine, asked by real clients and peers."""
