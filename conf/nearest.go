package conf

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// How much alike two words are, from 0 to 1: enough for a hint beside a fault, and so much that one is probably a slip for the
// other.
const (
	alike       = 0.5
	closeEnough = 0.75
	swapped     = 0.9 // two letters that changed places, which the library counts as two slips
)

// nearest returns the known word that is most like another, and nothing when none is at least as much like it as asked.
func nearest(word string, known []string, least float64) string {
	found, best := "", least
	for _, candidate := range known {
		likeness := levenshtein.Match(strings.ToLower(word), candidate, nil)
		if slices.Equal(letters(word), letters(candidate)) {
			likeness = swapped
		}
		if likeness >= best && (found == "" || likeness > best) {
			found, best = candidate, likeness
		}
	}
	return found
}

// letters returns a word's letters in order, so that words with letters swapped have the same.
func letters(word string) []rune { return slices.Sorted(slices.Values([]rune(strings.ToLower(word)))) }

// didYouMean returns the end of a sentence about an unknown word, which is empty when no known one is like it.
func didYouMean(word string, known []string) string {
	if found := nearest(word, known, alike); found != "" {
		return "; did you mean " + found + "?"
	}
	return ""
}
