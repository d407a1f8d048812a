"""What an operator runs beside Pulumi. Nothing of the program imports it."""
