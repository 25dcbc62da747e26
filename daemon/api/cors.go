package api

import (
	"net/http"
	"slices"
)

// The headers of an answer that a page of another origin may read, and those of a request that it may send.
const (
	corsExposed = "X-API-URL, X-Limit, X-Request-ID, X-Total-Count"
	corsAllowed = "Authorization, Content-Type, St2-Api-Key, X-API-Key, X-Auth-Token, X-Request-ID"
	corsMethods = "GET, HEAD, POST, PUT, DELETE"
	corsMaxAge  = "600" // seconds
)

// cors adds the headers that let pages of the listed origins call the daemon (Fetch standard, section 3.3), and reports
// whether the request was a preflight that it has answered.
//
// Origins are compared byte for byte. "null", which any sandboxed page can send, and "*" are never allowed, whatever the
// list says.
func cors(w http.ResponseWriter, r *http.Request, origins []string) (answered bool) {
	if len(origins) == 0 {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" || origin == "*" || !slices.Contains(origins, origin) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
	header.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", corsMethods)
	header.Set("Access-Control-Allow-Headers", corsAllowed)
	header.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}
