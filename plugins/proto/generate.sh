#!/bin/sh
# Makes backend.pb.go and backend_grpc.pb.go of backend.proto. protoc is Debian's protobuf-compiler; the two generators are the
# versions that go.mod names or, for the second, the one pinned here.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
GOBIN=$tools go install google.golang.org/protobuf/cmd/protoc-gen-go
GOBIN=$tools go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
PATH=$tools:$PATH protoc --go_out="${1:-.}" --go_opt=paths=source_relative --go-grpc_out="${1:-.}" --go-grpc_opt=paths=source_relative backend.proto
