package api

import (
	"net/http"
	"net/url"
	"strings"

	"latchkey/daemon/credential"
	"latchkey/daemon/fault"
)

// The places of a credential in canonical form, as GET /user names them.
const (
	inHeader = "header"
	inQuery  = "query"
)

// The query parameters that carry a credential. Their case matters, as it does to StackStorm.
const (
	queryToken = "x-auth-token"
	queryKey   = "st2-api-key"
)

// presented is the credential that a request carries.
type presented struct {
	text     string           // empty: none
	kinds    credential.Kinds // what is accepted in its place
	location string
}

// present returns the credential that decides: the first that is there, in the order of the headers X-Auth-Token,
// St2-Api-Key, X-API-Key and Authorization (Bearer, RFC 6750 section 2.1, or ApiKey). It decides even when it is bad. An
// empty value counts as absent, and so does an Authorization header of another scheme.
//
// A header that is given twice is an Invalid fault, since two readers of one request could take different ones.
func present(header http.Header) (presented, error) {
	authorization, err := single(header, "Authorization")
	if err != nil {
		return presented{}, err
	}
	for _, place := range [...]struct {
		header string
		kinds  credential.Kinds
	}{
		{"X-Auth-Token", credential.Session},
		{"St2-Api-Key", credential.KeyKinds},
		{"X-Api-Key", credential.AllKinds},
	} {
		text, err := single(header, place.header)
		if err != nil {
			return presented{}, err
		}
		if text != "" {
			return presented{text: text, kinds: place.kinds, location: inHeader}, nil
		}
	}
	if text := bearer(authorization); text != "" {
		return presented{text: text, kinds: credential.AllKinds, location: inHeader}, nil
	}
	return presented{}, nil
}

// presentInQuery is present for the parameters x-auth-token and st2-api-key of a raw query, which come after all headers.
//
// A name counts only as it is written here. One with percent-encoded letters is another parameter, so that what a proxy
// looks for and takes out, by its plain name, is all that there is.
func presentInQuery(query string) (presented, error) {
	if !strings.Contains(query, queryToken) && !strings.Contains(query, queryKey) {
		return presented{}, nil
	}
	values := map[string][]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != queryToken && name != queryKey {
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			return presented{}, fault.Invalidf("%s is not percent-encoded as a query is.", name)
		}
		values[name] = append(values[name], text)
	}
	for _, place := range [...]struct {
		name  string
		kinds credential.Kinds
	}{{queryToken, credential.Session}, {queryKey, credential.KeyKinds}} {
		given := values[place.name]
		if len(given) > 1 {
			return presented{}, fault.Invalidf("%s is given more than once.", place.name)
		}
		if len(given) == 1 && given[0] != "" {
			return presented{text: given[0], kinds: place.kinds, location: inQuery}, nil
		}
	}
	return presented{}, nil
}

// single returns the value of a header that may be given once; name is in canonical form.
func single(header http.Header, name string) (string, error) {
	switch values := header[name]; len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", fault.Invalidf("%s is given more than once.", name)
}

// bearer returns the credential of an Authorization header of the schemes Bearer and ApiKey, whose case does not matter.
func bearer(authorization string) string {
	scheme, text, _ := strings.Cut(authorization, " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "apikey") {
		return strings.TrimLeft(text, " ")
	}
	return ""
}
