package api

import (
	"net/http"
	"testing"

	"latchkey/daemon/credential"
)

// headers makes a header of pairs, without making one value of several.
func headers(pairs ...string) http.Header {
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		header.Add(pairs[i], pairs[i+1])
	}
	return header
}

func TestPresent(t *testing.T) {
	for _, c := range []struct {
		about    string
		header   http.Header
		text     string
		kinds    credential.Kinds
		sentence string
	}{
		{about: "nothing", header: headers()},
		{about: "token", header: headers("X-Auth-Token", "t"), text: "t", kinds: credential.Session},
		{about: "StackStorm's key", header: headers("St2-Api-Key", "k"), text: "k", kinds: credential.KeyKinds},
		{about: "key", header: headers("X-API-Key", "k"), text: "k", kinds: credential.AllKinds},
		{about: "bearer", header: headers("Authorization", "bearer  t"), text: "t", kinds: credential.AllKinds},
		{about: "ApiKey", header: headers("Authorization", "ApiKey k"), text: "k", kinds: credential.AllKinds},
		{about: "token before key", header: headers("St2-Api-Key", "k", "X-Auth-Token", "t"), text: "t", kinds: credential.Session},
		{about: "key before the other key", header: headers("X-API-Key", "x", "St2-Api-Key", "k"), text: "k", kinds: credential.KeyKinds},
		{about: "key before bearer", header: headers("Authorization", "Bearer b", "X-API-Key", "x"), text: "x", kinds: credential.AllKinds},
		{about: "an empty one counts as absent", header: headers("X-Auth-Token", "", "St2-Api-Key", "k"), text: "k", kinds: credential.KeyKinds},
		{about: "an empty bearer, too", header: headers("Authorization", "Bearer ")},
		{about: "and one without a space", header: headers("Authorization", "Bearer")},
		{about: "Basic is not for here", header: headers("Authorization", "Basic Ym9iOng=")},
		// hazard 11
		{about: "two Authorization headers", header: headers("Authorization", "Bearer a", "Authorization", "Bearer b"), sentence: "Authorization is given more than once."},
		{
			about:  "two Authorization headers beside a token",
			header: headers("X-Auth-Token", "t", "Authorization", "Basic Ym9iOng=", "Authorization", "Bearer b"), sentence: "Authorization is given more than once.",
		},
		{about: "two tokens", header: headers("X-Auth-Token", "a", "X-Auth-Token", "b"), sentence: "X-Auth-Token is given more than once."},
	} {
		got, err := present(c.header)
		sentence := ""
		if err != nil {
			sentence = err.Error()
		}
		if got.text != c.text || got.kinds != c.kinds || sentence != c.sentence {
			t.Errorf("%s: got %+v, %q", c.about, got, sentence)
		}
		if (got.text != "") != (got.location == inHeader) {
			t.Errorf("%s: location %q", c.about, got.location)
		}
	}
}

func TestPresentInQuery(t *testing.T) {
	for _, c := range []struct {
		query, text string
		kinds       credential.Kinds
		sentence    string
	}{
		{query: ""},
		{query: "limit=5"},
		{query: "x-auth-token=t", text: "t", kinds: credential.Session},
		{query: "st2-api-key=k&limit=5", text: "k", kinds: credential.KeyKinds},
		{query: "st2-api-key=k&x-auth-token=t", text: "t", kinds: credential.Session},
		{query: "x-auth-token=&st2-api-key=k", text: "k", kinds: credential.KeyKinds},
		{query: "x-auth-token=a%2Bb", text: "a+b", kinds: credential.Session},
		{query: "X-Auth-Token=t"},
		{query: "not-x-auth-token=t"},
		{query: "x%2dauth-token=t"},
		{query: "x%2dauth-token=t&x-auth-token=u", text: "u", kinds: credential.Session},
		{query: "%73t2-api-key=k&y=st2-api-key"},
		{query: "x-auth-token=a%2Bb", text: "a+b", kinds: credential.Session},
		{query: "x-auth-token=%zz", sentence: "x-auth-token is not percent-encoded as a query is."},
		{query: "a=%zz&x-auth-token=t", text: "t", kinds: credential.Session},
		{query: "x-auth-token=a&x-auth-token=b", sentence: "x-auth-token is given more than once."},
	} {
		got, err := presentInQuery(c.query)
		sentence := ""
		if err != nil {
			sentence = err.Error()
		}
		if got.text != c.text || got.kinds != c.kinds || sentence != c.sentence {
			t.Errorf("%q: got %+v, %q", c.query, got, sentence)
		}
		if (got.text != "") != (got.location == inQuery) {
			t.Errorf("%q: location %q", c.query, got.location)
		}
	}
}

func FuzzPresent(f *testing.F) {
	f.Add("t", "k", "x", "Bearer b", "x-auth-token=q")
	f.Add("", "", "", "ApiKey  ", "st2-api-key=%00")
	f.Add("", "", "", "Bearer\tx", "x-auth-token=a;st2-api-key=b")
	f.Fuzz(func(t *testing.T, token, key, other, authorization, query string) {
		got, err := present(headers("X-Auth-Token", token, "St2-Api-Key", key, "X-API-Key", other, "Authorization", authorization))
		if err != nil {
			t.Fatal(err)
		}
		for _, first := range []string{token, key, other} {
			if first != "" {
				if got.text != first {
					t.Fatalf("%q is first and %q decides", first, got.text)
				}
				break
			}
		}
		if got, err := presentInQuery(query); err == nil && (got.text == "") != (got.kinds == 0) {
			t.Fatalf("%+v", got)
		}
	})
}
