// go-git as a program: what `git clone`, `git fetch` and `git push` do, for the tests to run.
//
//	go-git clone URL FOLDER [DEPTH]
//	go-git fetch|push FOLDER [REFSPEC...]
//
// The token's secret is in SECRET.
package main

import (
	"fmt"
	"os"
	"strconv"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
)

var credentials = &http.BasicAuth{Username: "x", Password: os.Getenv("SECRET")}

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil && err != git.NoErrAlreadyUpToDate {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(deed string, arguments []string) error {
	if deed == "clone" {
		return clone(arguments)
	}
	repo, err := git.PlainOpen(arguments[0])
	if err != nil {
		return err
	}
	refspecs := []config.RefSpec{}
	for _, refspec := range arguments[1:] {
		refspecs = append(refspecs, config.RefSpec(refspec))
	}
	if deed == "fetch" {
		return repo.Fetch(&git.FetchOptions{Auth: credentials, RefSpecs: refspecs, Tags: git.AllTags})
	}
	return repo.Push(&git.PushOptions{Auth: credentials, RefSpecs: refspecs})
}

func clone(arguments []string) error {
	options := git.CloneOptions{URL: arguments[0], Auth: credentials, Tags: git.AllTags}
	if len(arguments) > 2 {
		depth, err := strconv.Atoi(arguments[2])
		if err != nil {
			return err
		}
		options.Depth = depth
	}
	_, err := git.PlainClone(arguments[1], false, &options)
	return err
}
