package flatfile

import (
	"fmt"
	"strings"
)

// What one unit of each scheme costs, in nanoseconds of one core, measured on a server of 2024. Within a scheme the work of
// two hashes is compared exactly whatever the machine; between schemes the figures are as good as the machines are alike.
const (
	bcryptUnit = 56_000 // cost 0; each further step of cost doubles it
	sha512Unit = 280    // one round
	sha256Unit = 110    // one round
	apr1Work   = 120_000
	desWork    = 43_000
	digestWork = 100
)

// work returns about how much checking a password against the hash costs, in nanoseconds.
func (h hash) work() int64 {
	switch h.scheme {
	case schemeBcrypt:
		return bcryptUnit << h.cost
	case schemeSHA512:
		return sha512Unit * int64(h.cost)
	case schemeSHA256:
		return sha256Unit * int64(h.cost)
	case schemeAPR1:
		return apr1Work
	case schemeDES:
		return desWork
	default:
		return digestWork
	}
}

// decoys returns hashes of a scheme that nobody's password has and that cost work together, to the nearest that the scheme
// can do from below. Checking a password against them is how a refusal is made to take as long as another one.
func decoys(scheme scheme, work int64) []hash {
	var texts []string
	switch scheme {
	case schemeBcrypt:
		// A number of rounds is written in powers of two, which is what bcrypt can do: 2^10 - 2^8 = 2^9 + 2^8.
		units := work / bcryptUnit
		for cost := maxBcryptCost; cost >= minBcryptCost; cost-- {
			for ; units >= 1<<cost; units -= 1 << cost {
				texts = append(texts, fmt.Sprintf("$2y$%02d$%s", cost, strings.Repeat(".", 53)))
			}
		}
	case schemeSHA512:
		if rounds := min(work/sha512Unit, maxRounds); rounds >= minRounds {
			texts = append(texts, fmt.Sprintf("$6$rounds=%d$latchkey$%s", rounds, strings.Repeat(".", 86)))
		}
	case schemeSHA256:
		if rounds := min(work/sha256Unit, maxRounds); rounds >= minRounds {
			texts = append(texts, fmt.Sprintf("$5$rounds=%d$latchkey$%s", rounds, strings.Repeat(".", 43)))
		}
	case schemeAPR1:
		if work > apr1Work/2 {
			texts = append(texts, "$apr1$latchkey$"+strings.Repeat(".", 22))
		}
	case schemeDES:
		if work > desWork/2 {
			texts = append(texts, strings.Repeat(".", 13))
		}
	default: // a digest or a comparison takes less time than can be told apart
	}
	parser := newParser(policy{des: true})
	made := make([]hash, 0, len(texts))
	for _, text := range texts {
		if decoy, err := parser.parse(text); err == nil {
			made = append(made, decoy)
		}
	}
	return made
}
