package conf

import "github.com/agext/levenshtein"

// nearest returns the known word that is most like another, and nothing when none is much like it.
func nearest(word string, known []string) string {
	found, best := "", 0.5
	for _, candidate := range known {
		if likeness := levenshtein.Match(word, candidate, nil); likeness > best {
			found, best = candidate, likeness
		}
	}
	return found
}

// didYouMean returns the end of a sentence about an unknown word.
func didYouMean(word string, known []string) string {
	if found := nearest(word, known); found != "" {
		return "; did you mean " + found + "?"
	}
	return ""
}
