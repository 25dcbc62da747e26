package conf

import (
	"strings"

	"github.com/agext/levenshtein"
)

// How much alike two words must be, from 0 to 1: alike enough to be worth a hint beside a fault, and so much alike that one
// is probably a slip for the other.
const (
	alike       = 0.5
	closeEnough = 0.75
)

// nearest returns the known word that is most like another, and nothing when none is at least as much like it as asked.
func nearest(word string, known []string, least float64) string {
	found, best := "", least
	for _, candidate := range known {
		if likeness := levenshtein.Match(strings.ToLower(word), candidate, nil); likeness >= best && (found == "" || likeness > best) {
			found, best = candidate, likeness
		}
	}
	return found
}

// didYouMean returns the end of a sentence about an unknown word, which is empty when no known one is like it.
func didYouMean(word string, known []string) string {
	if found := nearest(word, known, alike); found != "" {
		return "; did you mean " + found + "?"
	}
	return ""
}
