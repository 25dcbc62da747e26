package api

import (
	"math"
	"net/http"
	"net/url"
	"strconv"

	"latchkey/daemon/fault"
	"latchkey/daemon/store"
)

const defaultLimit = 50

// page is which part of a list is asked for.
type page struct {
	limit  int // at most so many; -1: all
	offset int
	after  store.ID // starts behind this id
}

// pageOf reads limit, offset and after. Without a limit it is 50, or largest where that is less; beyond largest, and -1 for
// all, is for an admin. The sentences are StackStorm's, where it has one.
func pageOf(query url.Values, admin bool, largest int) (page, error) {
	p := page{limit: min(defaultLimit, largest)}
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return page{}, fault.Invalidf("limit is not an integer.")
		case limit == 0:
			return page{}, fault.Invalidf(`Limit, "0" specified, must be a positive number or -1 for full result set.`)
		case limit < -1:
			return page{}, fault.Invalidf(`Limit, "%d" specified, must be a positive number.`, limit)
		case limit == -1 && !admin:
			return page{}, fault.Forbiddenf("Administrator access required to be able to specify limit=-1 and retrieve all the records")
		case limit > largest && !admin:
			return page{}, fault.Forbiddenf(`Limit "%d" specified, maximum value is "%d"`, limit, largest)
		}
		p.limit = limit
	}
	if text := query.Get("offset"); text != "" {
		offset, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil || offset < 0:
			return page{}, fault.Invalidf("offset is not a number of records.")
		case offset > math.MaxInt32:
			return page{}, fault.Invalidf(`Offset "%d" specified is more than 32 bit int`, offset)
		}
		p.offset = int(offset)
	}
	if text := query.Get("after"); text != "" {
		if !store.ValidID(text) {
			return page{}, fault.Invalidf("after is not an id.")
		}
		p.after = store.ID(text)
	}
	return p, nil
}

// most returns the limit as the store counts it: 0 for all.
func (p page) most() int { return max(0, p.limit) }

// describe says in an answer's headers how many records there are and how many were asked for.
func (p page) describe(header http.Header, total int) {
	header.Set("X-Total-Count", strconv.Itoa(total))
	header.Set("X-Limit", strconv.Itoa(p.limit))
}

// list answers with a page of records, each as show has it.
func list[Record, Body any](x *exchange, asked page, found []Record, total int, show func(*Record) Body) error {
	bodies := make([]Body, 0, len(found))
	for i := range found {
		bodies = append(bodies, show(&found[i]))
	}
	asked.describe(x.Header(), total)
	x.private()
	x.json(http.StatusOK, bodies)
	return nil
}
