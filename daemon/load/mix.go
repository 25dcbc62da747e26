package load

import "slices"

// maxWeight is the largest weight of a kind; it bounds the table that a mix is laid out in.
const maxWeight = 1000

// mix says of which kind the nth call is. It repeats itself, with the kinds of one round spread evenly over it: a run of log-ins
// one behind the other would be another load than as many log-ins among the checks.
type mix struct {
	round []int // indexes of kinds
}

// newMix lays out one round. Each step every kind gains its weight, the one that has most is taken and pays the sum of all
// weights.
func newMix(weights []int) mix {
	divisor, sum := 0, 0
	for _, weight := range weights {
		divisor = commonDivisor(divisor, weight)
	}
	for _, weight := range weights {
		sum += weight / divisor
	}
	round, gained := make([]int, sum), make([]int, len(weights))
	for i := range round {
		for kind, weight := range weights {
			gained[kind] += weight / divisor
		}
		most := slices.Index(gained, slices.Max(gained))
		gained[most] -= sum
		round[i] = most
	}
	return mix{round: round}
}

// commonDivisor returns the greatest common divisor.
func commonDivisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// kind returns of which kind the nth call is.
func (m mix) kind(n int64) int { return m.round[n%int64(len(m.round))] }

// count returns how many of the calls from, from+1, … to-1 are of a kind.
func (m mix) count(kind int, from, to int64) int64 {
	if to <= from {
		return 0
	}
	return m.countBelow(kind, to) - m.countBelow(kind, from)
}

// countBelow returns how many of the first n calls are of a kind.
func (m mix) countBelow(kind int, n int64) int64 {
	length := int64(len(m.round))
	count := int64(0)
	for i, of := range m.round {
		if of != kind {
			continue
		}
		count += n / length
		if int64(i) < n%length {
			count++
		}
	}
	return count
}
