// Command peers is what notification-controller speaks to in production and registries of packages offer: the NATS
// server, the OpenTelemetry collector, and Google's own fake of Pub/Sub behind Pub/Sub's REST paths; and who they are
// and whom they trust.
package main

import (
	"fmt"
	"os"
)

// programs run with their own arguments and return when they are done.
var programs = map[string]func(args []string) error{
	"nats":         runNATS,
	"collector":    runCollector,
	"pubsub":       runPubSub,
	"identities":   writeIdentities,
	"certificates": writeCertificates,
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peers nats|collector|pubsub|identities|certificates [FLAGS]   (--help for its flags)")
		os.Exit(2)
	}
	if err := programs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "peers %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
