package main

import (
	"fmt"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"latchkey/plugins/plugintest"
)

// The example is held to the contract like every backend.
func TestContract(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("Right-Pass1"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Run(t, plugintest.Fixture{
		Factory: New, Backend: "example", Package: "latchkey/docs/example-backend",
		Settings: fmt.Sprintf(`{"accounts": {"alice": %q}}`, hash),
		User:     "alice", Password: "Right-Pass1", Name: "alice", Unknown: "nobody",
	})
}
