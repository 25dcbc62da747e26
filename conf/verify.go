package conf

import "time"

// verifySection is the section [verify].
func verifySection() section {
	return section{name: "verify", keys: []key{
		into("allow_basic", boolean, func(c *Config) *bool { return &c.Verify.AllowBasic }),
		into("basic_cache", duration(0, 10*time.Minute), func(c *Config) *time.Duration { return &c.Verify.BasicCache }),
	}}
}
