# Thin names for `python3 -m bootstrap`, which brings what a machine lacks and says what it did.
#   make up              make up STACK=second              make destroy PURGE=1              eval "$(make env)"
PYTHON ?= python3
# A command says itself what is wrong, and make would add "*** Error 1" to it. Asked a question (-q), make hands
# on the status 1 of lines that begin with + and says nothing. Not with -n, which would run such lines. And an
# interrupt is the command's to answer, not the shell's.
ifeq (,$(findstring n,$(firstword -$(MAKEFLAGS))))
MAKEFLAGS += --question
RUN := +
endif
MAKEFLAGS += --no-print-directory
unexport MAKEFLAGS
COMMANDS := up preview status upgrade destroy env dns dns-check test test-interruptions check bench docs lock stop

.DEFAULT_GOAL := help
.PHONY: help $(COMMANDS)

$(COMMANDS):
	$(RUN)@trap : INT; $(PYTHON) -m bootstrap $@ --stack "$(STACK)" --purge "$(PURGE)" --takeover "$(TAKEOVER)" --diff "$(DIFF)" --yes "$(YES)" --long "$(LONG)" --resolver "$(RESOLVER)" || exit 1

help: ## Every command with what it does.
	$(RUN)@$(PYTHON) -m bootstrap --help
