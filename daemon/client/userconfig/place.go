package userconfig

// DefaultServer is the address of the server when nothing names one.
const DefaultServer = "http://127.0.0.1:9100"

// Place is the server that a user means.
type Place struct {
	// URL is its address, unchecked, and From the words for where that comes from; empty when nothing names one.
	URL, From string
	// CACert is a PEM file with the certificates to trust instead of the system's; empty when there is none.
	CACert string
	// StackStorm is set when the address is from StackStorm's environment; then its credentials count, too.
	StackStorm bool
}

// Find returns the server: the one that is given (given may be empty; source are the words for where it is from), then
// LATCHKEY_URL, then that of the file, then ST2_AUTH_URL, then DefaultServer. Certificates to trust are LATCHKEY_CACERT, then
// those of the file, then, with ST2_AUTH_URL only, ST2_CACERT. getenv returns a variable's value.
func Find(given, source string, getenv func(string) string, f File) Place {
	p := Place{URL: DefaultServer}
	for _, candidate := range []struct{ url, from string }{
		{given, source}, {getenv("LATCHKEY_URL"), "LATCHKEY_URL"}, {f.URL, f.Path}, {getenv("ST2_AUTH_URL"), "ST2_AUTH_URL"},
	} {
		if candidate.url != "" {
			p.URL, p.From = candidate.url, candidate.from
			break
		}
	}
	p.StackStorm = p.From == "ST2_AUTH_URL"
	switch {
	case getenv("LATCHKEY_CACERT") != "":
		p.CACert = getenv("LATCHKEY_CACERT")
	case f.CACert != "":
		p.CACert = f.CACert
	case p.StackStorm:
		p.CACert = getenv("ST2_CACERT")
	}
	return p
}
