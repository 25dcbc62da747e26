// Command example-tool is a tool that is activated by Latchkey, in one file. Try it with
//
//	export LATCHKEY_URL=https://auth.example.com
//	latchkey auth set-token
//	go run ./docs/example-tool
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"latchkey/daemon/client"
)

func main() {
	licence := client.ActivateOrExit(context.Background(), client.ActivateOptions{Product: "example", Version: "1.2.3"})
	fmt.Println("Everybody may do this.")
	if licence.Has("snapshots") {
		fmt.Println("This needs the feature snapshots.")
	}
	text, err := json.MarshalIndent(licence.Info(time.Now()), "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}
