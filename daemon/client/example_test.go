package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"latchkey/daemon/client"
	"latchkey/plugins/secret"
)

// door stands for a Latchkey server in the examples: it knows one service token, whose name is "ci" and whose role is "ops".
func door(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer lks_good" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	for _, name := range []string{"Groups", "Workspace", "Expires"} {
		w.Header().Set("X-Auth-"+name, "")
	}
	w.Header().Set("X-Auth-User", "ci")
	w.Header().Set("X-Auth-Kind", "service")
	w.Header().Set("X-Auth-Roles", "ops")
	w.Header().Set("X-Auth-Credential-Id", "58e3f3330c0517062a3fda43")
}

// A service lets those in who have the role ops, and knows who they are.
func ExampleClient_Require() {
	latchkey := httptest.NewServer(http.HandlerFunc(door)) // your latchkeyd
	defer latchkey.Close()

	auth, err := client.New(client.Options{URL: latchkey.URL, UserAgent: "jobs/1.0"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /jobs", auth.Require("ops")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := client.VisitorOf(r.Context())
		fmt.Fprintf(w, "a job for the %s %s", who.Kind, who.User)
	})))

	for _, token := range []string{"lks_good", "lks_stolen"} {
		request := httptest.NewRequest(http.MethodPost, "/jobs", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}
	// Output:
	// 200 a job for the service ci
	// 401 {"faultstring":"Unauthorized"}
}

// A program logs in and makes an API key.
func ExampleClient_LogIn() {
	ctx := context.Background()
	latchkey, err := client.New(client.Options{URL: "https://auth.example.com", CAFile: "/etc/ssl/example-ca.pem"})
	if err != nil {
		log.Fatal(err)
	}
	session, err := latchkey.LogIn(ctx, "alice", secret.New("from a file"), client.SessionRequest{})
	if err != nil {
		log.Fatal(err)
	}
	key, info, err := latchkey.With(client.SessionToken(session.Token)).CreateAPIKey(ctx, client.APIKeyRequest{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.ID, key.Reveal())
}
