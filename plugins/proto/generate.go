// Package proto is the protocol between latchkeyd and a backend, generated from backend.proto, whose comments describe it.
// Package plugins is the only one that should use it.
package proto

//go:generate sh generate.sh
