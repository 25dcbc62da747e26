package client

import (
	"context"
	"net/http"
	"time"
)

// Info is what a server tells anybody.
type Info struct {
	Version string
	Uptime  time.Duration
}

// Info returns the server's version and how long it has been up (GET /info). No credential is shown.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var answer struct {
		Version string `json:"version"`
		Uptime  int64  `json:"uptime"` // seconds
	}
	if _, err := c.do(ctx, call{method: http.MethodGet, path: []string{"info"}, open: true}, &answer); err != nil {
		return Info{}, err
	}
	return Info{Version: sentence(answer.Version), Uptime: time.Duration(answer.Uptime) * time.Second}, nil
}
