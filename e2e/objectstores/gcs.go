package main

import (
	"flag"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// runGCS serves a store with the buckets that are named, until the process is told to stop.
func runGCS(args []string) error {
	flags := flag.NewFlagSet("gcs", flag.ExitOnError)
	listen := listenFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, Writer: discard{}})
	if err != nil {
		return err
	}
	for _, bucket := range listen.names() {
		server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	}
	return listen.serve(server.HTTPHandler(), server.HTTPHandler())
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
