package api

// Contract is openapi.json.
var Contract = contract

// Patterns returns the patterns of all routes but the door.
func Patterns() []string {
	var patterns []string
	for _, row := range (&Handler{}).routes() {
		patterns = append(patterns, row.pattern)
	}
	return patterns
}
