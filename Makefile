# Thin names for `python3 -m bootstrap`, which brings what a machine lacks and says what it did.
#   make up              make up STACK=second              make destroy PURGE=1              eval "$(make env)"
PYTHON ?= python3
MAKEFLAGS += --no-print-directory
COMMANDS := up preview destroy env test check bench docs lock stop

.DEFAULT_GOAL := help
.PHONY: help $(COMMANDS)

$(COMMANDS):
	@$(PYTHON) -m bootstrap $@ --stack "$(STACK)" --purge "$(PURGE)"

help: ## Every command with what it does.
	@$(PYTHON) -m bootstrap --help
