package plugins

import "latchkey/plugins/secret"

// Settings are a backend's settings: one JSON object. They come from StackStorm's `backend_kwargs`, where values have JSON
// types, or from an ini section `[backend.NAME]`, where every value is a string; Decode reads both. They hold secrets (a
// bind password), so they are kept in a type that cannot be printed.
type Settings struct{ object secret.Text }

// NewSettings returns the settings held in object, the text of a JSON object. The empty text means no settings.
func NewSettings(object secret.Text) Settings { return Settings{object: object} }

// Object returns the JSON text.
func (s Settings) Object() secret.Text { return s.object }
