"""Accounts in the form: the lists, one entry of each, and the rules between entries."""
