package userconfig

import "testing"

// The first that names a server decides, and StackStorm's certificates count with StackStorm's address only.
func TestFind(t *testing.T) {
	for _, test := range []struct {
		name        string
		given       string
		environment map[string]string
		file        File
		want        Place
	}{
		{"nothing", "", nil, File{}, Place{URL: DefaultServer}},
		{
			"given", "https://g",
			map[string]string{"LATCHKEY_URL": "https://l", "LATCHKEY_CACERT": "l.pem"},
			File{URL: "https://f", CACert: "f.pem", Path: "f"},
			Place{URL: "https://g", From: "here", CACert: "l.pem"},
		},
		{"variable", "", map[string]string{"LATCHKEY_URL": "https://l"}, File{URL: "https://f", CACert: "f.pem", Path: "f"}, Place{URL: "https://l", From: "LATCHKEY_URL", CACert: "f.pem"}},
		{"file", "", map[string]string{"ST2_AUTH_URL": "https://s", "ST2_CACERT": "s.pem"}, File{URL: "https://f", Path: "f"}, Place{URL: "https://f", From: "f"}},
		{"StackStorm", "", map[string]string{"ST2_AUTH_URL": "https://s", "ST2_CACERT": "s.pem"}, File{}, Place{URL: "https://s", From: "ST2_AUTH_URL", CACert: "s.pem", StackStorm: true}},
	} {
		getenv := func(name string) string { return test.environment[name] }
		if got := Find(test.given, "here", getenv, test.file); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
