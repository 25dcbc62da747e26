package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"latchkey/daemon/store"
	"latchkey/daemon/store/boltstore"
)

// childPath in the environment makes the test binary a process that is there to be killed: childFirst is the number of the
// first token that it makes.
const (
	childPath  = "BOLTSTORE_TEST_PATH"
	childFirst = "BOLTSTORE_TEST_FIRST"
)

// childWriters is how many writers the child has, and childRange how many tokens each of them may make.
const (
	childWriters = 8
	childRange   = 100_000
)

func TestMain(m *testing.M) {
	path, ok := os.LookupEnv(childPath)
	if !ok {
		os.Exit(m.Run())
	}
	var err error
	if measure, ok := os.LookupEnv(childMeasures); ok {
		err = runScaleChild(path, measure)
	} else {
		var first int
		if first, err = strconv.Atoi(os.Getenv(childFirst)); err == nil {
			err = runChild(path, first)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// runChild opens the store, and writes until it is killed. It says "opening" before it opens the store, and after each write
// that has returned the word for it and the token's number.
func runChild(path string, first int) error {
	fmt.Println("opening 0")
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return err
	}
	fmt.Println("opened 0")
	failures := make([]error, childWriters)
	var writers sync.WaitGroup
	for w := range childWriters {
		writers.Go(func() {
			for n := first + w*childRange; failures[w] == nil && n < first+(w+1)*childRange; n++ {
				failures[w] = writeToken(s, n)
			}
		})
	}
	writers.Wait()
	return fmt.Errorf("nobody has killed this process: %w", errors.Join(failures...))
}

// writeToken makes a token, and deletes one of three and disables another.
func writeToken(s *boltstore.Store, n int) error {
	ctx, c := context.Background(), token(n)
	if err := s.CreateCredential(ctx, c); err != nil {
		return err
	}
	fmt.Println("created", n)
	switch n % 3 {
	case 0:
		if _, err := s.DeleteCredential(ctx, c.ID, nil); err != nil {
			return err
		}
		fmt.Println("deleted", n)
	case 1:
		_, err := s.UpdateCredential(ctx, c.ID, func(c *store.Credential) error { c.Disabled = true; return nil })
		if err != nil {
			return err
		}
		fmt.Println("disabled", n)
	}
	return nil
}

// child is a running child process.
type child struct {
	command *exec.Cmd
	said    *bufio.Scanner
}

// startChild starts one; it is killed at the end of the test at the latest.
func startChild(t *testing.T, path string, first int) *child {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childPath+"="+path, childFirst+"="+strconv.Itoa(first))
	command.Stderr = t.Output()
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{command: command, said: bufio.NewScanner(output)}
	t.Cleanup(c.kill)
	return c
}

// kill ends the process as kill -9 does, without a word to it.
func (c *child) kill() {
	_ = c.command.Process.Kill() // it may be dead already
	_ = c.command.Wait()
}

// next returns what the child says next; false when it is dead and all was read.
func (c *child) next(t *testing.T) (word string, n int, ok bool) {
	t.Helper()
	if !c.said.Scan() {
		return "", 0, false
	}
	word, number, _ := strings.Cut(c.said.Text(), " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("the child says %q", c.said.Text())
	}
	return word, n, true
}
