package login

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxName is the longest name, in bytes of its canonical form; MaxPassword the longest password, in bytes.
const (
	MaxName     = 256
	MaxPassword = 1024
)

// The ways in which a name has no canonical form. They are for the audit record.
var (
	errNameEmpty   = errors.New("name is empty")
	errNameTooLong = errors.New("name is longer than 256 bytes")
	errNameNotUTF8 = errors.New("name is not UTF-8")
	errNameControl = errors.New("name holds a control or format character, a line separator or a colon")
	errNameSpace   = errors.New("name begins or ends with a space")
)

// Canonical returns the one form of a name that is counted, asked, recorded and stored: Unicode normalisation form C.
//
// It refuses and never repairs: a name that is empty, not UTF-8, longer than MaxName bytes, that holds a colon (RFC 7617
// section 2), a control or invisible format character, or that begins or ends with a space, has no canonical form. Case is
// kept, because a htpasswd file and a Unix host tell "bob" from "Bob"; where a directory does not, the backend answers with
// the directory's spelling.
func Canonical(name string) (string, error) {
	switch {
	case name == "":
		return "", errNameEmpty
	case len(name) > 4*MaxName:
		return "", errNameTooLong
	case !utf8.ValidString(name):
		return "", errNameNotUTF8
	}
	name = norm.NFC.String(name)
	if len(name) > MaxName {
		return "", errNameTooLong
	}
	for _, r := range name {
		if r == ':' || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) {
			return "", errNameControl
		}
	}
	if strings.TrimSpace(name) != name {
		return "", errNameSpace
	}
	return name, nil
}

// counterKey returns the key under which tries for a name are counted. It is coarser than any directory's own matching, so
// that spellings which one directory takes for the same account share one counter: compatibility forms, case, and spaces
// anywhere are folded away. It takes what has no canonical form, too: such tries count as well.
func counterKey(name string) string {
	if len(name) > 4*MaxName {
		name = name[:4*MaxName]
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	name = cases.Fold().String(norm.NFKC.String(name))
	name = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	if len(name) > MaxName {
		name = name[:MaxName]
	}
	return "name:" + norm.NFKC.String(name)
}
