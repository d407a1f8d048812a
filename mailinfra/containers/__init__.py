"""How any container is made: its image, its rendered files in volumes of their own, its hardening."""
