package pam

import (
	"fmt"

	"github.com/msteinert/pam/v2"

	"latchkey/plugins/secret"
)

// tty is the terminal that modules such as pam_access and pam_time are told of; the name of a program, as sshd and cron do.
const tty = "latchkey"

// transcript is what happened in one transaction. Its errors are pam.Error values.
type transcript struct {
	conversation *conversation
	// authenticate and account are what the two phases returned; account is not looked at unless the first succeeded.
	authenticate, account error
	// user is PAM_USER after pam_authenticate succeeded: modules may change it.
	user string
}

// transact runs both phases of a service's stack. The error is about the transaction itself: it could not be begun. It must
// be called on a locked thread.
func transact(o options, name string, password secret.Text) (*transcript, error) {
	t := &transcript{conversation: &conversation{password: password}}
	transaction, err := begin(o, name, t.conversation)
	if err != nil {
		return nil, fmt.Errorf("pam_start of service %s: %w", o.Service, err)
	}
	defer func() { _ = transaction.End() }() // it fails for a handle that is none only
	if err := transaction.SetItem(pam.Tty, tty); err != nil {
		return nil, fmt.Errorf("pam_set_item(PAM_TTY): %w", err)
	}
	if t.authenticate = transaction.Authenticate(pam.DisallowNullAuthtok); t.authenticate != nil {
		return t, nil
	}
	if t.user, err = transaction.GetItem(pam.User); err != nil {
		return nil, fmt.Errorf("pam_get_item(PAM_USER): %w", err)
	}
	t.account = transaction.AcctMgmt(pam.DisallowNullAuthtok)
	return t, nil
}

// begin starts a transaction, with the service files of another folder where one is set.
func begin(o options, name string, c *conversation) (*pam.Transaction, error) {
	if o.ConfDir != "" {
		return pam.StartConfDir(o.Service, name, c, o.ConfDir)
	}
	return pam.Start(o.Service, name, c)
}
