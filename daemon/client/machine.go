package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"latchkey/daemon/client/kept"
)

const (
	machineFile   = "/etc/machine-id"
	machineLabel  = "latchkey licence machine id 1\n"
	machineDigits = 16
	machineName   = "machine-id" // the file in the cache folder, where the machine has no id of its own
)

// machineID returns the id by which servers know this machine: the first 16 hex digits of a hash over a label of our own and the id
// in the file, since machine-id(5) asks not to show that one to the network. Where there is none, as in many containers, it is a
// random one that the folder keeps; without a folder it is another one each time. With an error that says why the folder keeps none
// there is an id all the same; it is empty only when there are no random bytes.
func machineID(file string, folder kept.Folder, random io.Reader) (string, error) {
	if own, err := os.ReadFile(file); err == nil {
		if id := strings.TrimSpace(string(own)); isHex(id, 32) {
			sum := sha256.Sum256([]byte(machineLabel + id))
			return hex.EncodeToString(sum[:])[:machineDigits], nil
		}
	}
	var broken error
	if folder.Path != "" {
		text, err := folder.Read(machineName)
		broken = err
		if id := strings.TrimSpace(string(text)); isHex(id, machineDigits) {
			return id, nil
		}
	}
	fresh := make([]byte, machineDigits/2)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	id := hex.EncodeToString(fresh)
	if folder.Path == "" || broken != nil {
		return id, broken
	}
	return id, folder.Write(machineName, []byte(id+"\n"))
}

// isHex reports whether a text is so many lower-case hex digits.
func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

// ciVariables are those by which build servers make themselves known.
func ciVariables() []string {
	return []string{
		"CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "TF_BUILD", "CIRCLECI", "TRAVIS", "TEAMCITY_VERSION",
		"BITBUCKET_BUILD_NUMBER", "CODEBUILD_BUILD_ID", "DRONE",
	}
}

// inCI reports whether the environment is that of a build server.
func inCI(getenv func(string) string) bool {
	for _, name := range ciVariables() {
		if value := getenv(name); value != "" && !isOff(value) {
			return true
		}
	}
	return false
}

// isOff reports whether a variable's value switches off: 0 or false.
func isOff(value string) bool { return value == "0" || strings.EqualFold(value, "false") }

// newSession returns a random UUID (RFC 9562 section 5.4).
func newSession(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", errors.New("there are no random bytes")
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
