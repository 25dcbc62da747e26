package conf

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The functions here read one value each. Their errors complete the sentence "[section] key: …" and never show the value.

// off switches an optional thing off.
const off = "off"

// isNone reports whether a value means "not set", as in StackStorm.
func isNone(value string) bool { return value == "" || value == "None" }

// boolean reads the words that oslo.config takes, in any case.
func boolean(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("must be True or False")
}

// integer returns a function that reads a whole number between two bounds.
func integer(lowest, highest int) func(string) (int, error) {
	return func(value string) (int, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < lowest || n > highest {
			return 0, fmt.Errorf("must be a whole number from %d to %d", lowest, highest)
		}
		return n, nil
	}
}

// duration returns a function that reads a time between two bounds: a number of seconds, or numbers with units.
func duration(shortest, longest time.Duration) func(string) (time.Duration, error) {
	return func(value string) (time.Duration, error) {
		d, err := time.ParseDuration(value)
		if seconds, failed := strconv.ParseInt(value, 10, 64); failed == nil && seconds >= 0 && seconds <= math.MaxInt64/int64(time.Second) {
			d, err = time.Duration(seconds)*time.Second, nil
		}
		if err != nil || d < shortest || d > longest {
			return 0, fmt.Errorf("must be a time from %s to %s: a number of seconds, or with a unit, such as 15m",
				shortDuration(shortest), shortDuration(longest))
		}
		return d, nil
	}
}

// orZero returns a function that reads 0, for never or none, or what parse reads.
func orZero(parse func(string) (time.Duration, error)) func(string) (time.Duration, error) {
	return func(value string) (time.Duration, error) {
		if value == "0" {
			return 0, nil
		}
		d, err := parse(value)
		if err != nil {
			return 0, fmt.Errorf("%w; or 0", err)
		}
		return d, nil
	}
}

// shortDuration returns a time without the units that are zero: 24h, not 24h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "0s" {
		return "0"
	}
	return text
}

// text reads any text.
func text(value string) (string, error) { return value, nil }

// list returns the parts between commas and at the ends of lines.
func list(value string) []string {
	var parts []string
	for part := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ',' || c == '\n' }) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// hostName is the form of a host's name (RFC 1123, section 2.1; underscores are seen in the wild).
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)

// host reads a host's name or address, without a port.
func host(value string) (string, error) {
	if _, err := netip.ParseAddr(value); err == nil || hostName.MatchString(value) {
		return value, nil
	}
	return "", errors.New("must be a host's name or an address such as 0.0.0.0 or ::1; the port has a key of its own")
}

// webURL reads an http or https URL.
func webURL(value string) (string, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("must be a URL such as https://myhost.example.com/api/")
	}
	return value, nil
}

// address reads host:port, or "off".
func address(value string) (string, error) {
	if value == off {
		return value, nil
	}
	name, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = integer(0, 65535)(port)
	}
	if err == nil && name != "" {
		_, err = host(name)
	}
	if err != nil {
		return "", errors.New("must be HOST:PORT, such as 127.0.0.1:9180, or off")
	}
	return value, nil
}

// absolute reads a path that begins with a slash.
func absolute(value string) (string, error) {
	if !filepath.IsAbs(value) {
		return "", errors.New("must be a path that begins with /")
	}
	return filepath.Clean(value), nil
}

// orWord returns a function that reads one word, or what parse reads.
func orWord(word string, parse func(string) (string, error)) func(string) (string, error) {
	return func(value string) (string, error) {
		if value == word {
			return value, nil
		}
		parsed, err := parse(value)
		if err != nil {
			return "", fmt.Errorf("%w; or %s", err, word)
		}
		return parsed, nil
	}
}

// oneOf returns a function that reads one of some words.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(value string) (T, error) {
		names := make([]string, 0, len(words))
		for _, word := range words {
			if value == string(word) {
				return word, nil
			}
			names = append(names, string(word))
		}
		return "", errors.New("must be " + strings.Join(names, " or "))
	}
}

// loopback reports whether a host is this machine's own and nobody else can reach it.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
