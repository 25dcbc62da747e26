package pam

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"latchkey/plugins"
)

// The settings' keys. service is StackStorm's name.
const (
	keyService    = "service"
	keyConfDir    = "confdir"
	keyMinRefusal = "min_refusal"
)

const (
	defaultService    = "latchkey"
	defaultMinRefusal = 300 * time.Millisecond
	// longestMinRefusal keeps a slip of the keyboard from making every refusal pass the daemon's deadline.
	longestMinRefusal = 5 * time.Second
)

// options are the backend's settings.
type options struct {
	Service    string        `setting:"service"`
	ConfDir    string        `setting:"confdir"`
	MinRefusal time.Duration `setting:"min_refusal"`
}

// decode reads and checks the settings and fills in the defaults. The error is a *plugins.SettingsError with every fault.
func decode(settings plugins.Settings) (options, error) {
	o := options{Service: defaultService, MinRefusal: defaultMinRefusal}
	if err := settings.Decode(&o); err != nil {
		return o, err
	}
	var faults []plugins.SettingFault
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(o.Service) {
		faults = append(faults, plugins.SettingFault{Key: keyService, Message: "must be the name of a file in /etc/pam.d: letters, digits, dots, dashes and underscores"})
	}
	// pam_start(3) takes service names in lower case.
	o.Service = strings.ToLower(o.Service)
	if o.ConfDir != "" && !filepath.IsAbs(o.ConfDir) {
		faults = append(faults, plugins.SettingFault{Key: keyConfDir, Message: "must be an absolute path"})
	}
	if o.MinRefusal > longestMinRefusal {
		faults = append(faults, plugins.SettingFault{Key: keyMinRefusal, Message: "must be at most 5 seconds"})
	}
	if len(faults) == 0 {
		if _, err := o.serviceFile(); err != nil {
			faults = append(faults, plugins.SettingFault{Key: keyService, Message: err.Error()})
		}
	}
	if len(faults) > 0 {
		return o, &plugins.SettingsError{Faults: faults}
	}
	return o, nil
}

// serviceFile returns the path of the service's file. Without one PAM would quietly take the service "other", which refuses
// everybody.
func (o options) serviceFile() (string, error) {
	folders := []string{"/etc/pam.d", "/usr/lib/pam.d"}
	if o.ConfDir != "" {
		folders = []string{o.ConfDir}
	}
	for _, folder := range folders {
		path := filepath.Join(folder, o.Service)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", &missingServiceError{filepath.Join(folders[0], o.Service)}
}

// missingServiceError says that there is no file for the service.
type missingServiceError struct{ path string }

// Error names the file and what to do.
func (e *missingServiceError) Error() string {
	return "there is no PAM service file " + e.path + "; Latchkey's systemd/latchkey.pam is one for local accounts"
}
