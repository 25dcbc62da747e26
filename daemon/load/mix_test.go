package load

import (
	"slices"
	"testing"
)

// A round has each kind as often as its weight says, and spreads it evenly.
func TestMix(t *testing.T) {
	for _, test := range []struct {
		weights, round []int
	}{
		{[]int{7}, []int{0}},
		{[]int{50, 50}, []int{0, 1}},
		{[]int{3, 1}, []int{0, 0, 1, 0}},
		{[]int{1, 4}, []int{1, 1, 0, 1, 1}},
		{[]int{2, 1, 1}, []int{0, 1, 2, 0}},
	} {
		if got := newMix(test.weights).round; !slices.Equal(got, test.round) {
			t.Errorf("%v: %v, want %v", test.weights, got, test.round)
		}
	}
	m := newMix([]int{95, 5})
	last := int64(-1)
	for n := range int64(1000) {
		if m.kind(n) != 1 {
			continue
		}
		if last >= 0 && n-last != 20 {
			t.Errorf("a log-in at %d after one at %d", n, last)
		}
		last = n
	}
}

// Counting without looking at each call is the same as looking at each.
func TestMixCount(t *testing.T) {
	m := newMix([]int{5, 3, 1})
	for from := range int64(25) {
		for to := range int64(40) {
			want := [3]int64{}
			for n := from; n < to; n++ {
				want[m.kind(n)]++
			}
			for kind := range 3 {
				if got := m.count(kind, from, to); got != want[kind] {
					t.Fatalf("kind %d from %d to %d: %d, want %d", kind, from, to, got, want[kind])
				}
			}
		}
	}
}
