package main

import (
	"flag"

	"github.com/nats-io/nats-server/v2/server"
)

// runNATS takes the flags of nats-server, and runs until it is ended.
func runNATS(args []string) error {
	flags := flag.NewFlagSet("nats", flag.ExitOnError)
	options, err := server.ConfigureOptions(flags, args, nil, flags.Usage, nil)
	if err != nil || options == nil {
		return err
	}
	running, err := server.NewServer(options)
	if err != nil {
		return err
	}
	running.ConfigureLogger()
	if err := server.Run(running); err != nil {
		return err
	}
	running.WaitForShutdown()
	return nil
}
