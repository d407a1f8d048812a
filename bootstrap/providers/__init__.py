"""Local providers: docker, mysql, random and tls where Pulumi's own plugins cannot be had."""
