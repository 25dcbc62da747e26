# Latchkey. The two commands for a newcomer are `make run` and `make test`; `make help` lists the others.

GO        ?= go
PREFIX    ?= /usr
DESTDIR   ?=
SYSCONFDIR?= /etc
UNITDIR   ?= $(PREFIX)/lib/systemd/system
LIBEXEC   ?= $(PREFIX)/libexec/latchkey/backends

# The linters are pinned here and are no dependency of the product.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     = mvdan.cc/gofumpt@v0.12.0
# The generators of the plugin protocol; protoc itself is Debian's protobuf-compiler.
PROTOC_GEN_GO      = google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PROTOC_GEN_GO_GRPC = google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

STATIC   = latchkeyd latchkey latchkey-backend-flat-file latchkey-backend-ldap
HAVE_PAM = $(shell printf '\#include <security/pam_appl.h>\n' | $${CC:-gcc} -E - >/dev/null 2>&1 && echo yes)

.PHONY: help build run test bench lint format generate install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build everything into bin/; the PAM backend only where its C header is
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ $(addprefix ./cmd/,$(STATIC))
ifeq ($(HAVE_PAM),yes)
	CGO_ENABLED=1 $(GO) build -trimpath -o bin/ ./cmd/latchkey-backend-pam
else
	@echo "The PAM backend is not built: it needs a C compiler and security/pam_appl.h (apt-get install gcc libpam0g-dev)." >&2
endif

run: build ## Build, then serve on loopback with a temporary store and one user; Ctrl-C leaves nothing behind
	@exec bin/latchkeyd dev

test: ## Install what the tests need (as root), then run all of them
	.ci/install-packages
	$(GO) test -race -timeout 30m ./...

bench: build ## Measure, as ratios in one run
	$(GO) test -run '^$$' -bench . -benchmem ./cmd/latchkeyd

lint: ## go vet, staticcheck, gofumpt
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@unformatted=$$($(GO) run $(GOFUMPT) -l .); if [ -n "$$unformatted" ]; then echo "make format would change: $$unformatted" >&2; exit 1; fi

format: ## Format the code
	$(GO) run $(GOFUMPT) -w .

clean: ## Remove what build made
	rm -rf bin
