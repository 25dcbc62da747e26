package client

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// list returns all records of a list, in the server's order. A page is asked for when its first record is wanted, starting
// behind the last one of the page before, so that records that come and go meanwhile displace none. An error ends the list.
// How long a page is, is the server's choice, which it says in X-Limit; another caller may not ask for more.
func list[T any](ctx context.Context, c *Client, to call, cursor func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		query := maps.Clone(to.query)
		if query == nil {
			query = url.Values{}
		}
		first := ""
		for {
			to.query = query
			var page []T
			header, err := c.do(ctx, to, &page)
			if err != nil {
				yield(none, err)
				return
			}
			if len(page) == 0 {
				return
			}
			if at := cursor(page[0]); at == first {
				yield(none, c.unexpected("the list begins anew at each page"))
				return
			} else {
				first = at
			}
			for _, record := range page {
				if !yield(record, nil) {
					return
				}
			}
			if !isFull(header, len(page)) {
				return
			}
			query.Set("after", cursor(page[len(page)-1]))
		}
	}
}

// isFull reports whether a page has as many records as pages have, so that more may follow.
func isFull(header http.Header, records int) bool {
	limit, err := strconv.Atoi(header.Get("X-Limit"))
	return err == nil && limit > 0 && records >= limit
}
