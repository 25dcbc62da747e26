package client

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"latchkey/daemon/client/kept"
	"latchkey/daemon/machine"
)

// machineName is the file in the cache folder, where the machine has no id of its own.
const machineName = "machine-id"

// machineID returns the id by which servers know this machine, as machine.ID has it of the file. Where there is none, as in many containers, it is a
// random one that the folder keeps; without a folder it is another one each time. With an error that says why the folder keeps none
// there is an id all the same; it is empty only when there are no random bytes.
func machineID(file string, folder kept.Folder, random io.Reader) (string, error) {
	if id := machine.ID(file); id != "" {
		return id, nil
	}
	var broken error
	if folder.Path != "" {
		text, err := folder.Read(machineName)
		broken = err
		if id := strings.TrimSpace(string(text)); machine.IsHex(id, machine.Digits) {
			return id, nil
		}
	}
	fresh := make([]byte, machine.Digits/2)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	id := hex.EncodeToString(fresh)
	if folder.Path == "" || broken != nil {
		return id, broken
	}
	return id, folder.Write(machineName, []byte(id+"\n"))
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
