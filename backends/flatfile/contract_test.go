package flatfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"latchkey/backends/flatfile"
	"latchkey/plugins/plugintest"
)

// The backend keeps the contract, in process and as a child process.
func TestContract(t *testing.T) {
	folder := t.TempDir()
	users, groups := filepath.Join(folder, "htpasswd"), filepath.Join(folder, "groups")
	for path, content := range map[string]string{
		// The password is "opensesame"; htpasswd -B -C 4 made the hash.
		users:  "alice:$2y$04$Pzdspz98kWEzXoKjkS6PB.86gpL1EHSW3kV8Q6ybSI6YOaZSCPeuG\nbob:*\n",
		groups: "ops: alice bob\nwheel: alice\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plugintest.Run(t, plugintest.Fixture{
		Factory: flatfile.New, Backend: "flat_file", Package: "latchkey/cmd/latchkey-backend-flat-file",
		Settings: fmt.Sprintf(`{"file_path": %q, "group_file": %q}`, users, groups),
		User:     "alice", Password: "opensesame", Name: "alice", Groups: []string{"ops", "wheel"},
		Unknown: "mallory",
	})
}
