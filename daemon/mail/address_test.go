package mail

import (
	"errors"
	"strings"
	"testing"
)

// Names in any script are taken; none begins a line, hides or turns what stands behind it. hazard 66
func TestCheckName(t *testing.T) {
	for _, name := range []string{"Alice", "Zoë Müller", "山田 太郎", `O'Brien "Bob" <b@c>`, strings.Repeat("a", 254), "a,b;c:d"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", strings.Repeat("a", 255), "Alice\r\nBcc: eve@example.com", "a\nb", "a\rb", "a\x00b", "a\tb", "\xff", " a", "a ", "a\u202eb", "a\u2028b",
		"a\u0085b", "a\u200bb",
	} {
		if err := CheckName(name); !errors.Is(err, ErrAddress) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want ErrAddress", name, err)
		}
	}
}

// An address is one mailbox with nothing around it.
func TestCheckAddress(t *testing.T) {
	for _, address := range []string{"alice@example.com", "a.b+c@mail.example.com", "o'brien@example.com", "root@localhost", "a@[127.0.0.1]"} {
		if err := CheckAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{
		"", "alice", "@example.com", "alice@", "Alice <alice@example.com>", "<alice@example.com>", "alice@example.com, eve@example.com",
		"alice@example.com\r\nBcc: eve@example.com", "alice@example.com\n", "alice@example.com>\r\nRCPT TO:<eve@example.com", "a b@example.com",
		`"a b"@example.com`, "älice@example.com", "alice@exämple.com", "alice@example.com (x)", "alice@example.com\x00", "a@@b", "a..b@example.com",
		strings.Repeat("a", 243) + "@example.com",
	} {
		if err := CheckAddress(address); !errors.Is(err, ErrAddress) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: %v, want ErrAddress", address, err)
		}
	}
}
