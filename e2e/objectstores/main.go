// Command objectstores plays object stores for tests: S3 and Google Cloud Storage, from memory.
package main

import (
	"fmt"
	"os"
)

// programs run with their own arguments and return when they are done.
var programs = map[string]func(args []string) error{
	"gcs": runGCS,
	"s3":  runS3,
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: objectstores s3|gcs [FLAGS]   (--help for its flags)")
		os.Exit(2)
	}
	if err := programs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "objectstores %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
