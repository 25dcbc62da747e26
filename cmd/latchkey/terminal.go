package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"latchkey/plugins/secret"
)

// errNoTerminal means that nobody can be asked.
var errNoTerminal = errors.New("there is no terminal to ask on")

func termIsTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// askSecret asks for a line on the terminal without showing what is typed. When ctx ends it puts the terminal back as it was
// and returns the context's error. errNoTerminal when there is none, whatever standard input is.
func askSecret(ctx context.Context, question string) (secret.Text, error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return secret.Text{}, errNoTerminal
	}
	descriptor := int(terminal.Fd())
	before, err := term.GetState(descriptor)
	if err != nil {
		return secret.Text{}, errors.Join(errNoTerminal, terminal.Close())
	}
	fmt.Fprintf(terminal, "%s: ", printable(question))
	type reply struct {
		text []byte
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		text, err := term.ReadPassword(descriptor)
		replies <- reply{text, err}
	}()
	select {
	case <-ctx.Done():
		// The reader stays behind in read(2), which nothing but the end of the process ends; so the file stays open, too.
		err := term.Restore(descriptor, before)
		fmt.Fprintln(terminal)
		return secret.Text{}, errors.Join(ctx.Err(), err)
	case got := <-replies:
		fmt.Fprintln(terminal)
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return secret.Text{}, errors.Join(fmt.Errorf("the terminal: %w", got.err), terminal.Close())
		}
		return secret.New(string(got.text)), terminal.Close()
	}
}

// confirm asks whether to go on, when standard input is a terminal; only "yes" will do. Without a terminal it refuses.
func (a *app) confirm(question string) error {
	if !isTerminal(a.stdin) {
		return usageError{errors.New("nobody is there to confirm it; give --yes")}
	}
	fmt.Fprintf(a.stderr, "%s Type yes to go on: ", printable(question))
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("standard input: %w", err)
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("not confirmed; nothing was done")
	}
	return nil
}
