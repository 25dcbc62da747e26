package conf

import "time"

// throttleSection is the section [throttle].
func throttleSection() section {
	day := duration(time.Second, 24*time.Hour)
	return section{name: "throttle", keys: []key{
		into("failures", integer(1, 1000), func(c *Config) *int { return &c.Throttle.Failures }),
		into("window", day, func(c *Config) *time.Duration { return &c.Throttle.Window }),
		into("lock", day, func(c *Config) *time.Duration { return &c.Throttle.Lock }),
		into("source_rate", integer(0, 1_000_000), func(c *Config) *int { return &c.Throttle.SourceRate }),
		into("source_burst", integer(0, 1_000_000), func(c *Config) *int { return &c.Throttle.SourceBurst }),
		into("queue", integer(0, 65536), func(c *Config) *int { return &c.Throttle.Queue }),
	}}
}
