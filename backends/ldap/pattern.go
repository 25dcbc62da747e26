package ldap

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// The placeholders of patterns, as StackStorm names them.
const (
	placeUsername = "username"
	placeUserDN   = "user_dn"
	placeIDAttr   = "id_attr"
)

// pattern is a search filter with placeholders, such as "(&(objectClass=person)(uid={username}))". It is taken apart once, so
// that a value which looks like a placeholder is never expanded a second time.
type pattern struct{ parts []patternPart }

// patternPart is text that stands as it is, or the name of a placeholder.
type patternPart struct{ text, place string }

// newPattern reads a pattern in the syntax of Python's str.format, which StackStorm uses: a placeholder stands in braces, and
// a brace that is meant is doubled. A filter without its outer parentheses gets them. It is an error when the pattern has a
// placeholder that is not in allowed, none of those in required, one outside an assertion value (where escaping does not
// protect, RFC 4515), or when it is no filter.
func newPattern(text string, allowed, required []string) (*pattern, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "(") {
		text = "(" + text + ")"
	}
	parts, err := splitPattern(text)
	if err != nil {
		return nil, err
	}
	p := &pattern{parts: parts}
	before, named := "", []string(nil)
	for _, part := range parts {
		if part.place == "" {
			before += part.text
			continue
		}
		if !slices.Contains(allowed, part.place) {
			return nil, fmt.Errorf("knows no placeholder %q; it may use {%s}", part.place, strings.Join(allowed, "}, {"))
		}
		if item := before[strings.LastIndexByte(before, '(')+1:]; !strings.Contains(item, "=") || strings.Contains(item, ")") {
			return nil, fmt.Errorf("has {%s} where no value stands; a value stands behind the = of a comparison", part.place)
		}
		named = append(named, part.place)
	}
	if !slices.ContainsFunc(required, func(place string) bool { return slices.Contains(named, place) }) {
		return nil, fmt.Errorf("does not contain {%s}, so it would find the same for everybody", strings.Join(required, "} or {"))
	}
	// The sample is no hexadecimal digit, so that a backslash before a placeholder does not pass for an escape.
	sample := map[string]string{placeUsername: "x", placeUserDN: "x"}
	if _, err := ldap.CompileFilter(p.expand(sample)); err != nil {
		return nil, errors.New("is no search filter (RFC 4515), such as (uid={username}): check its parentheses")
	}
	return p, nil
}

// splitPattern takes a pattern apart.
func splitPattern(text string) ([]patternPart, error) {
	var parts []patternPart
	var literal strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '{' && c != '}' {
			literal.WriteByte(c)
			continue
		}
		if i+1 < len(text) && text[i+1] == c {
			literal.WriteByte(c)
			i++
			continue
		}
		length := strings.IndexByte(text[i:], '}')
		if c == '}' || length < 0 {
			return nil, errors.New("has a single brace; write {{ or }} for one that is meant")
		}
		parts = append(parts, patternPart{text: literal.String()}, patternPart{place: text[i+1 : i+length]})
		literal.Reset()
		i += length
	}
	return append(parts, patternPart{text: literal.String()}), nil
}

// expand returns the filter with the values in their places, escaped as RFC 4515 section 3 says.
func (p *pattern) expand(values map[string]string) string {
	var filter strings.Builder
	for _, part := range p.parts {
		if part.place == "" {
			filter.WriteString(part.text)
			continue
		}
		filter.WriteString(ldap.EscapeFilter(values[part.place]))
	}
	return filter.String()
}

// attributeOf returns the attribute that an account pattern compares with the whole of {username}, the first one where there
// are several; "" where there is none.
func attributeOf(accountPattern string) string {
	if !strings.HasPrefix(strings.TrimSpace(accountPattern), "(") {
		accountPattern = "(" + strings.TrimSpace(accountPattern) + ")"
	}
	match := regexp.MustCompile(`\(([A-Za-z][A-Za-z0-9-]*)=\{username\}\)`).FindStringSubmatch(accountPattern)
	if match == nil {
		return ""
	}
	return match[1]
}
