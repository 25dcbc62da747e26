package ldap

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clientOption is one of python-ldap's options that has a meaning here. Names and numbers are those of ldap.h (ldap_set_option(3)).
type clientOption struct {
	number int
	name   string
	// apply takes the value over; its error says what is wrong with it, without the option's name.
	apply func(s *settings, c *config, value optionValue) error
}

// clientOptions returns the options that are understood.
func clientOptions() []clientOption {
	ignored := func(*settings, *config, optionValue) error { return nil }
	return []clientOption{
		{0x0002, "OPT_DEREF", func(_ *settings, c *config, v optionValue) error { return v.integer(&c.deref, 0, 3) }},
		{0x0003, "OPT_SIZELIMIT", func(_ *settings, c *config, v optionValue) error { return v.integer(&c.sizeLimit, 0, 1<<31-1) }},
		{0x0004, "OPT_TIMELIMIT", func(_ *settings, c *config, v optionValue) error { return v.integer(&c.timeLimit, 0, 1<<31-1) }},
		{0x0008, "OPT_REFERRALS", setReferrals},
		{0x0009, "OPT_RESTART", ignored},
		{0x0011, "OPT_PROTOCOL_VERSION", func(_ *settings, _ *config, v optionValue) error { return v.integer(new(int), 3, 3) }},
		{0x5001, "OPT_DEBUG_LEVEL", ignored},
		{0x5002, "OPT_TIMEOUT", setTimeout},
		{0x5005, "OPT_NETWORK_TIMEOUT", setTimeout},
		{0x6002, "OPT_X_TLS_CACERTFILE", setCACertFile},
		{0x6004, "OPT_X_TLS_CERTFILE", ignored}, // read together with the next one
		{0x6005, "OPT_X_TLS_KEYFILE", ignored},
		{0x6006, "OPT_X_TLS_REQUIRE_CERT", setRequireCert},
		{0x6007, "OPT_X_TLS_PROTOCOL_MIN", setProtocolMin},
		{0x600f, "OPT_X_TLS_NEWCTX", ignored},
		{0x6300, "OPT_X_KEEPALIVE_IDLE", setKeepAlive(func(k *net.KeepAliveConfig, n int) { k.Idle = time.Duration(n) * time.Second })},
		{0x6301, "OPT_X_KEEPALIVE_PROBES", setKeepAlive(func(k *net.KeepAliveConfig, n int) { k.Count = n })},
		{0x6302, "OPT_X_KEEPALIVE_INTERVAL", setKeepAlive(func(k *net.KeepAliveConfig, n int) { k.Interval = time.Duration(n) * time.Second })},
	}
}

// readClientOptions takes client_options over. An option that is not understood is refused: it may have been what made the
// connection safe.
func (s *settings) readClientOptions(c *config, list *faultList) {
	known := clientOptions()
	given := map[string]optionValue{}
	for _, key := range slices.Sorted(maps.Keys(s.ClientOptions)) {
		option, ok := findClientOption(known, key)
		if !ok {
			list.add("client_options", "%s", unknownOption(known, key))
			continue
		}
		if _, twice := given[option.name]; twice {
			list.add("client_options", "%s is given by name and by number", option.name)
			continue
		}
		given[option.name] = optionValue{s.ClientOptions[key]}
	}
	for _, option := range known {
		if value, ok := given[option.name]; ok {
			if err := option.apply(s, c, value); err != nil {
				list.add("client_options", "%s %v", option.name, err)
			}
		}
	}
	certificate, hasCertificate := given["OPT_X_TLS_CERTFILE"]
	key, hasKey := given["OPT_X_TLS_KEYFILE"]
	if hasCertificate || hasKey {
		pair, err := tls.LoadX509KeyPair(certificate.text(), key.text())
		if err != nil {
			list.add("client_options", "OPT_X_TLS_CERTFILE and OPT_X_TLS_KEYFILE must be the files of a certificate and its key: %v", fileTrouble(err))
			return
		}
		c.tlsConfig().Certificates = []tls.Certificate{pair}
	}
}

// findClientOption finds an option by its name, with or without "ldap.", or by its number.
func findClientOption(known []clientOption, key string) (clientOption, bool) {
	number, err := strconv.Atoi(key)
	name := strings.TrimPrefix(strings.TrimPrefix(strings.ToUpper(key), "LDAP."), "LDAP_")
	for _, option := range known {
		if option.name == name || err == nil && option.number == number {
			return option, true
		}
	}
	return clientOption{}, false
}

func unknownOption(known []clientOption, key string) string {
	names := make([]string, 0, len(known))
	for _, option := range known {
		names = append(names, fmt.Sprintf("%s (%d)", option.name, option.number))
	}
	return fmt.Sprintf("%q is not understood here; known are %s", key, strings.Join(names, ", "))
}

func setReferrals(_ *settings, c *config, value optionValue) error {
	follow := 0
	err := value.integer(&follow, 0, 1)
	c.chase = follow == 1
	return err
}

// setTimeout takes python-ldap's two timeouts, for the connection and for each answer, as the one that we have. Where there
// are several, the shortest counts.
func setTimeout(_ *settings, c *config, value optionValue) error {
	seconds, err := strconv.ParseFloat(value.text(), 64)
	if err != nil || !(seconds > 0 && seconds < 1<<31) { // written so that NaN does not pass
		return errors.New("must be a number of seconds above 0")
	}
	c.timeout = min(c.timeout, time.Duration(seconds*float64(time.Second)))
	return nil
}

func setCACertFile(s *settings, _ *config, value optionValue) error {
	if s.CACert != "" && s.CACert != value.text() {
		return errors.New("names another file than cacert")
	}
	s.CACert = value.text()
	return nil
}

// setRequireCert lets nobody switch the certificate check off in passing. The values are those of ldap.h: 0 NEVER, 1 HARD,
// 2 DEMAND, 3 ALLOW, 4 TRY.
func setRequireCert(s *settings, _ *config, value optionValue) error {
	if slices.Contains([]string{"1", "2"}, value.text()) || s.InsecureSkipVerify {
		return nil
	}
	return errors.New("must be 2 (OPT_X_TLS_DEMAND): the others do not verify the server's certificate; write insecure_skip_verify = yes if that is meant")
}

// setProtocolMin takes the oldest TLS version, as major*256+minor: 771 is TLS 1.2, 772 is TLS 1.3.
func setProtocolMin(_ *settings, c *config, value optionValue) error {
	version := 0
	if err := value.integer(&version, tls.VersionTLS12, tls.VersionTLS13); err != nil {
		return errors.New("must be 771 (TLS 1.2) or 772 (TLS 1.3)")
	}
	c.tlsConfig().MinVersion = uint16(version)
	return nil
}

func setKeepAlive(set func(*net.KeepAliveConfig, int)) func(*settings, *config, optionValue) error {
	return func(_ *settings, c *config, value optionValue) error {
		number := 0
		if err := value.integer(&number, 0, 1<<15); err != nil {
			return err
		}
		c.dialer.keepAlive.Enable = true
		set(&c.dialer.keepAlive, number)
		return nil
	}
}

// tlsConfig returns the TLS configuration that is being made.
func (c *config) tlsConfig() *tls.Config {
	if c.dialer.tls == nil {
		c.dialer.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c.dialer.tls
}

// optionValue is a value of client_options: a JSON number, string or bool.
type optionValue struct{ value any }

// text returns the value as text; a bool is 1 or 0, as in Python.
func (v optionValue) text() string {
	switch value := v.value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		if value {
			return "1"
		}
		return "0"
	}
	return ""
}

// integer reads a whole number within bounds.
func (v optionValue) integer(into *int, low, high int) error {
	number, err := strconv.Atoi(v.text())
	if err != nil || number < low || number > high {
		if low == high {
			return fmt.Errorf("must be %d", low)
		}
		return fmt.Errorf("must be a whole number from %d to %d", low, high)
	}
	*into = number
	return nil
}
