// Command registries is what tests need of others around OCI registries: a registry with an API for referrers that is
// not the one of go-containerregistry, and signatures of notation's own library.
package main

import (
	"fmt"
	"os"
)

// programs run with their own arguments and return when they are done.
var programs = map[string]func(args []string) error{
	"serve": runServe,
	"sign":  runSign,
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: registries serve|sign [FLAGS]   (--help for its flags)")
		os.Exit(2)
	}
	if err := programs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "registries %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
