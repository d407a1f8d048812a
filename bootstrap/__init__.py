"""Bootstrap: takes a bare machine to where `pulumi up` works, and offers the commands behind make.

Looks for each need in turn, takes what is there, brings what is missing and says in one line which.
The product (mailinfra/) knows nothing of it. Standard library only: it runs before anything is installed.
"""
