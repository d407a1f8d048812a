"""What Pulumi makes: one module for each noun, and mailserver.py, the only place where they meet."""
