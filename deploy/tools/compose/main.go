// Reads a compose file as `docker compose config` does, by the same library, checks it against the specification's
// schema, and prints it as JSON. Usage: compose FILE [PROFILE...]
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: compose FILE [PROFILE...]")
		os.Exit(2)
	}
	text, err := read(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "compose: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	os.Stdout.Write(text)
}

func read(file string, profiles []string) ([]byte, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithProfiles(profiles))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}
