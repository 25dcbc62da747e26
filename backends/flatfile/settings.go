package flatfile

import (
	"path/filepath"

	"latchkey/plugins"
)

// The settings' keys. file_path is StackStorm's name.
const (
	keyFilePath  = "file_path"
	keyGroupFile = "group_file"
)

// options are the backend's settings.
type options struct {
	FilePath       string `setting:"file_path"`
	GroupFile      string `setting:"group_file"`
	AllowPlaintext bool   `setting:"allow_plaintext"`
	AllowDES       bool   `setting:"allow_des"`
}

// decode reads and checks the settings. The error is a *plugins.SettingsError with every fault.
func decode(settings plugins.Settings) (options, error) {
	var o options
	if err := settings.Decode(&o); err != nil {
		return o, err
	}
	var faults []plugins.SettingFault
	switch {
	case o.FilePath == "":
		faults = append(faults, plugins.SettingFault{Key: keyFilePath, Message: "is required: the path of a file that htpasswd made"})
	case !filepath.IsAbs(o.FilePath):
		faults = append(faults, plugins.SettingFault{Key: keyFilePath, Message: "must be an absolute path"})
	}
	if o.GroupFile != "" && !filepath.IsAbs(o.GroupFile) {
		faults = append(faults, plugins.SettingFault{Key: keyGroupFile, Message: "must be an absolute path"})
	}
	if len(faults) > 0 {
		return o, &plugins.SettingsError{Faults: faults}
	}
	return o, nil
}
