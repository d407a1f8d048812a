"""The random provider as a process."""

from bootstrap.providers.plugin import Plugin, serve
from bootstrap.providers.random.password import RandomPassword

serve(Plugin([RandomPassword()]), "4.21.4")
