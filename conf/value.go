package conf

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The functions here read one value each. Their errors complete the sentence "[section] key: …" and never show the value.

// isNone reports whether a value means "not set", as in StackStorm.
func isNone(value string) bool { return value == "" || value == "None" }

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

// duration returns a function that reads a time between two bounds: a number of seconds, or a number with a unit.
func duration(shortest, longest time.Duration) func(string) (time.Duration, error) {
	return func(value string) (time.Duration, error) {
		d, err := time.ParseDuration(value)
		if seconds, failed := strconv.ParseInt(value, 10, 64); failed == nil && seconds < 1<<33 {
			d, err = time.Duration(seconds)*time.Second, nil
		}
		if err != nil || d < shortest || d > longest {
			return 0, fmt.Errorf("must be a time from %v to %v: a number of seconds, or a number with a unit such as 15m", shortest, longest)
		}
		return d, nil
	}
}

func text(value string) (string, error) { return value, nil }

// list returns the parts between commas.
func list(value string) []string {
	var parts []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// webURL reads an http or https URL.
func webURL(value string) (string, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", errors.New("must be a URL such as https://host/api/")
	}
	return value, nil
}

// address reads host:port, or "off".
func address(value string) (string, error) {
	if value == "off" {
		return value, nil
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = integer(0, 65535)(port)
	}
	if err != nil {
		return "", errors.New("must be host:port, such as 127.0.0.1:9180, or off")
	}
	return value, nil
}

// loopback reports whether a host is this machine's own and nobody else can reach it.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// oneOf returns a function that reads one of some words.
func oneOf(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		for _, word := range words {
			if value == word {
				return value, nil
			}
		}
		return "", fmt.Errorf("must be %s%s", strings.Join(words, " or "), didYouMean(value, words))
	}
}
