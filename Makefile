# Latchkey. The two commands for a newcomer are `make run` and `make test`; `make help` lists the others.

GO        ?= go
PREFIX    ?= /usr
DESTDIR   ?=
BENCH     ?= .
SYSCONFDIR?= /etc
UNITDIR   ?= $(PREFIX)/lib/systemd/system
LIBEXEC   ?= $(PREFIX)/libexec/latchkey/backends

# The linters are pinned here and are no dependency of the product.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     = mvdan.cc/gofumpt@v0.12.0
STATIC   = latchkeyd latchkey latchkey-backend-flat-file latchkey-backend-ldap
HAVE_PAM = $(shell printf '\#include <security/pam_appl.h>\n' | $${CC:-gcc} -E - >/dev/null 2>&1 && echo yes)

.PHONY: help build run test bench lint format generate install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The daemon refuses executables and folders that others could write, so they are built with a plain umask.
build: ## Build everything into bin/; the PAM backend only where its C header is
	@umask 022 && mkdir -p bin
	umask 022 && CGO_ENABLED=0 $(GO) build -trimpath -o bin/ $(addprefix ./cmd/,$(STATIC))
ifeq ($(HAVE_PAM),yes)
	umask 022 && CGO_ENABLED=1 $(GO) build -trimpath -o bin/ ./cmd/latchkey-backend-pam
else
	@echo "The PAM backend is not built: it needs a C compiler and security/pam_appl.h (apt-get install gcc libpam0g-dev)." >&2
endif

run: build ## Build, then serve on loopback with a temporary store and one user; Ctrl-C leaves nothing behind
	@exec bin/latchkeyd dev

test: ## Install what the tests need (as root), then run all of them
	.ci/install-packages
	$(GO) test -race -timeout 30m ./...

# Those of cmd/latchkeyd start whole daemons and take minutes; `make bench BENCH=Digest` chooses by name.
bench: build ## Run the benchmarks of all packages; BENCH=REGEXP chooses
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 2h ./...

lint: ## go vet, staticcheck, gofumpt
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@unformatted=$$($(GO) run $(GOFUMPT) -l .); if [ -n "$$unformatted" ]; then echo "make format would change: $$unformatted" >&2; exit 1; fi

format: ## Format the code
	$(GO) run $(GOFUMPT) -w .

generate: ## Make the plugin protocol's code again (needs protobuf-compiler)
	$(GO) generate ./plugins/proto

install: ## Install what build made, below DESTDIR and PREFIX; a configuration that is there stays
	install -d -m 755 $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d \
	  $(DESTDIR)$(PREFIX)/lib/tmpfiles.d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/share/doc/latchkey $(DESTDIR)$(SYSCONFDIR)/pam.d
	install -d -m 750 $(DESTDIR)$(SYSCONFDIR)/latchkey
	install -m 755 bin/latchkeyd bin/latchkey $(DESTDIR)$(PREFIX)/bin
	install -m 755 bin/latchkey-backend-* $(DESTDIR)$(LIBEXEC)
	install -m 644 systemd/latchkeyd.service systemd/latchkeyd.socket systemd/latchkeyd-admin.socket $(DESTDIR)$(UNITDIR)
	install -m 644 systemd/latchkey.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/latchkey.conf
	install -m 644 systemd/latchkey.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/latchkey.conf
	install -m 644 systemd/latchkeyd.service.d/pam.conf $(DESTDIR)$(PREFIX)/share/doc/latchkey/pam.conf
	install -m 644 conf/latchkey.conf.reference $(DESTDIR)$(PREFIX)/share/doc/latchkey/latchkey.conf.reference
	test -e $(DESTDIR)$(SYSCONFDIR)/latchkey/latchkey.conf || \
	  install -m 640 conf/latchkey.conf.sample $(DESTDIR)$(SYSCONFDIR)/latchkey/latchkey.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/pam.d/latchkey || install -m 644 systemd/latchkey.pam $(DESTDIR)$(SYSCONFDIR)/pam.d/latchkey
	bin/latchkeyd man $(DESTDIR)$(PREFIX)/share/man/man8
	bin/latchkey man $(DESTDIR)$(PREFIX)/share/man/man1
	bin/latchkey completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/latchkey
	bin/latchkey completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_latchkey
	bin/latchkey completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/latchkey.fish

clean: ## Remove what build made
	rm -rf bin
