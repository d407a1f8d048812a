"""The mysql provider as a process."""

from bootstrap.providers.mysql.accounts import Grant, User
from bootstrap.providers.mysql.connection import SETTINGS, Connection
from bootstrap.providers.mysql.database import Database
from bootstrap.providers.plugin import Plugin, serve

connection = Connection()
serve(
    Plugin([Database(connection), User(connection), Grant(connection)], connection.configure, SETTINGS),
    "3.3.3",
)
