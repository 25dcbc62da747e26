package api

import (
	"net/http"
	"time"
)

// getInfo tells anybody which version runs and for how many seconds.
func (h *Handler) getInfo(x *exchange) error {
	x.json(http.StatusOK, struct {
		Version string `json:"version"`
		Uptime  int64  `json:"uptime"`
	}{h.version, int64(h.now().Sub(h.started) / time.Second)})
	return nil
}
