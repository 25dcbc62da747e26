package api

import (
	_ "embed"
	"net/http"
)

// contract is the contract in machine-readable form (OpenAPI 3.1). It is written by hand; the tests hold every request and
// answer of the suite to it.
//
//go:embed openapi.json
var contract []byte

// getContract shows anybody the contract.
func (h *Handler) getContract(x *exchange) error {
	x.body(http.StatusOK, contract)
	return nil
}
