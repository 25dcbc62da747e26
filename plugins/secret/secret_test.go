package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"latchkey/plugins/secret"
)

// No way of printing a secret shows it. hazard 25, hazard 37
func TestTextIsNeverPrinted(t *testing.T) {
	const canary = "canary-3f9a"
	text := secret.New(canary)
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&printed, verb+"\n", text)
		fmt.Fprintf(&printed, verb+"\n", &text)
		fmt.Fprintf(&printed, verb+"\n", struct{ Password secret.Text }{text})
	}
	fmt.Fprintln(&printed, text, fmt.Errorf("bind: %v", text))
	encoded, err := json.Marshal(map[string]any{"password": text})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(encoded)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "password", text, "in", struct{ P secret.Text }{text})
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "password", text, "in", struct{ P secret.Text }{text})
	if strings.Contains(printed.String(), canary) || strings.Contains(printed.String(), fmt.Sprintf("%x", canary)) {
		t.Fatalf("a secret was printed:\n%s", printed.String())
	}
	if text.Reveal() != canary {
		t.Fatalf("Reveal() = %q", text.Reveal())
	}
}

// Two secrets are compared in a time that does not depend on where they differ (crypto/subtle). hazard 33
func TestEqual(t *testing.T) {
	if !secret.New("a").Equal(secret.New("a")) || secret.New("a").Equal(secret.New("b")) || secret.New("a").Equal(secret.New("aa")) {
		t.Fatal("Equal does not compare contents")
	}
}
