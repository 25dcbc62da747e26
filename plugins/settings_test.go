package plugins_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/plugins"
	"latchkey/plugins/secret"
)

type sample struct {
	Host     string            `setting:"host"`
	Port     int               `setting:"port"`
	TLS      bool              `setting:"use_tls"`
	Timeout  time.Duration     `setting:"network_timeout"`
	Groups   []string          `setting:"group_dns"`
	Options  map[string]string `setting:"client_options"`
	Password secret.Text       `setting:"bind_password"`
}

func decode(object string) (sample, error) {
	s := sample{Port: 389}
	err := plugins.NewSettings(secret.New(object)).Decode(&s)
	return s, err
}

// JSON types and the ini file's strings mean the same.
func TestDecode(t *testing.T) {
	want := sample{Host: "h", Port: 636, TLS: true, Timeout: 2 * time.Second, Groups: []string{"cn=a,dc=x", "cn=b"}, Password: secret.New("p")}
	for _, object := range []string{
		`{"host":"h","port":636,"use_tls":true,"network_timeout":2,"group_dns":["cn=a,dc=x","cn=b"],"bind_password":"p"}`,
		`{"host":"h","port":"636","use_tls":"True","network_timeout":"2s","group_dns":"cn=a,dc=x; cn=b","bind_password":"p"}`,
		`{"host":"h","port":" 636 ","use_tls":"on","network_timeout":"2","group_dns":"[\"cn=a,dc=x\",\"cn=b\"]","bind_password":"p"}`,
	} {
		got, err := decode(object)
		if err != nil || !got.Password.Equal(want.Password) {
			t.Fatalf("%s: %v", object, err)
		}
		got.Password = want.Password
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(secret.Text{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", object, diff)
		}
	}
	got, err := decode(`{"host":null,"port":"None","client_options":{"a":"b"}}`)
	if err != nil || got.Host != "" || got.Port != 389 || got.Options["a"] != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

// All faults at once, the nearest key, and no value. hazard 23, hazard 38
func TestDecodeFaults(t *testing.T) {
	_, err := decode(`{"hots":"canary","port":"canary","use_tls":"canary","network_timeout":"canary","group_dns":[1],"bind_password":7,"zzz":1}`)
	wrong, ok := errors.AsType[*plugins.SettingsError](err)
	if !ok || len(wrong.Faults) != 7 || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "did you mean host?") {
		t.Fatalf("error %v", err)
	}
	for _, object := range []string{"[]", "{", "null", `{} {}`, `"x"`, "canary"} {
		if _, err := decode(object); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", object, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"host":"h"}`, `{"port":1e9}`, `{"group_dns":"[\"a\""}`, `{"client_options":"{"}`, `{"use_tls":[]}`, "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, object string) { _, _ = decode(object) })
}
