package ldap

import (
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

func TestPattern(t *testing.T) {
	values := map[string]string{placeUsername: "a)(b=*\\\x00é{user_dn}", placeUserDN: "cn=a\\,b (x*),dc=example"}
	const name, dn = `a\29\28b=\2a\5c\00\c3\a9{user_dn}`, `cn=a\5c,b \28x\2a\29,dc=example`
	for text, want := range map[string]string{
		"uid={username}":                         "(uid=" + name + ")",
		" (uid={username}) ":                     "(uid=" + name + ")",
		"(|(a={{{username}}})(b={{}}))":          "(|(a={" + name + "})(b={}))",
		"(member={user_dn})":                     "(member=" + dn + ")",
		"(m:1.2.840.113556.1.4.1941:={user_dn})": "(m:1.2.840.113556.1.4.1941:=" + dn + ")",
		"(&(a={username})(b={user_dn}x))":        "(&(a=" + name + ")(b=" + dn + "x))",
	} {
		p, err := newPattern(text, []string{placeUserDN, placeUsername}, []string{placeUserDN, placeUsername})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := p.expand(values); got != want {
			t.Errorf("%q = %s\nwant %s", text, got, want)
		}
	}
}

// A name stays one assertion value, whatever it holds: the filter has the shape that it has for a harmless name, and the value
// in it is the name. The same holds for a distinguished name from the directory. hazard 3
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{
		"alice", "*", "(", ")", `\`, `\2a`, `\`, "a)(uid=*", "a)(|(uid=*", "*)(objectClass=*", "{user_dn}", "{{username}}", "\x00", "é", "\xff", "a=b",
		"cn=Smith\\, John (x),ou=a*b,dc=example", "cn=#abc,dc=x", "", " ", "&", "!(a=b)", "a:=b", "%28",
	} {
		f.Add(seed, seed)
	}
	account, err := newPattern("(&(objectClass=person)(|(uid={username})(mail={username}))(!(l={username}x)))", []string{placeUsername}, []string{placeUsername})
	if err != nil {
		f.Fatal(err)
	}
	group, err := newPattern(defaultGroup, []string{placeUserDN, placeUsername}, []string{placeUserDN})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, dn string) {
		for _, p := range []*pattern{account, group} {
			harmless := values(t, p.expand(map[string]string{placeUsername: "n", placeUserDN: "d"}))
			got := values(t, p.expand(map[string]string{placeUsername: name, placeUserDN: dn}))
			if len(got) != len(harmless) {
				t.Fatalf("name %q, dn %q: %q", name, dn, got)
			}
			for i, value := range harmless {
				want := map[string]string{"n": name, "d": dn, "nx": name + "x"}
				expected, mine := want[value]
				if !mine {
					expected = value
				}
				if got[i] != expected {
					t.Fatalf("name %q, dn %q: value %q, want %q", name, dn, got[i], expected)
				}
			}
		}
	})
}

// values returns the shape of a filter and its values, in order: a tag for each node and the text of each leaf.
func values(t *testing.T, filter string) []string {
	t.Helper()
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		t.Fatalf("%q: %v", filter, err)
	}
	var found []string
	var walk func(*ber.Packet)
	walk = func(p *ber.Packet) {
		if len(p.Children) == 0 {
			found = append(found, p.Data.String())
			return
		}
		found = append(found, string(rune('0'+p.Tag)))
		for _, child := range p.Children {
			walk(child)
		}
	}
	walk(packet)
	return found
}

// Whatever an administrator writes as a pattern is refused or becomes a filter in which the name is a value. hazard 2, hazard 3
func FuzzNewPattern(f *testing.F) {
	for _, seed := range []string{
		"uid={username}", "(uid={username})", "(&(a=b)(uid={username}))", "({username}=a)", "(a:{username}:=b)", "{username}", "(uid={username}", "{", "}", "{{", "}}{",
		"(uid={username}))(", "(uid=*{username}*)", "(uid~={username})", "(uid>={username})", "(!(uid={username}))", `(uid=\{username})`, `(uid=\2{username})`, "(a=(b={username}))", "(=0){username}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := newPattern(text, []string{placeUsername}, []string{placeUsername})
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		shape := strings.Join(kinds(t, p.expand(map[string]string{placeUsername: "n"})), " ")
		for _, name := range []string{"a)(uid=*", "*", `\`, "b)", "(c"} {
			if got := strings.Join(kinds(t, p.expand(map[string]string{placeUsername: name})), " "); got != shape {
				t.Fatalf("%q with %q: shape %s, want %s", text, name, got, shape)
			}
		}
	})
}

// kinds returns the tags of a filter's nodes.
func kinds(t *testing.T, filter string) []string {
	t.Helper()
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		t.Fatalf("%q: %v", filter, err)
	}
	var found []string
	var walk func(*ber.Packet)
	walk = func(p *ber.Packet) {
		found = append(found, string(rune('0'+p.Tag)))
		for _, child := range p.Children {
			walk(child)
		}
	}
	walk(packet)
	return found
}
