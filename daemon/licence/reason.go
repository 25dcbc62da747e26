package licence

import (
	"fmt"

	"latchkey/daemon/fault"
)

// Reason is why an activation was refused: a word for programs, which docs/licence.md lists.
type Reason string

// The reasons.
const (
	UnknownToken          Reason = "unknown_token"
	TokenExpired          Reason = "token_expired"
	MemberRemoved         Reason = "member_removed"
	AccountDisabled       Reason = "account_disabled"
	NoLicenceAssigned     Reason = "no_licence_assigned"
	NoSubscription        Reason = "no_subscription"
	SubscriptionExpired   Reason = "subscription_expired"
	SubscriptionPending   Reason = "subscription_not_started"
	TrialExpired          Reason = "trial_expired"
	DeveloperTokenInCI    Reason = "developer_token_in_ci"
	LegacyKeySunset       Reason = "legacy_key_sunset"
	LegacyKeyDowntime     Reason = "legacy_key_downtime"
	LegacyKeysNotAccepted Reason = "legacy_keys_not_accepted"
)

// sentences say what to do about each reason.
func sentences() map[Reason]string {
	return map[Reason]string{
		UnknownToken: "The token is not known: it was mistyped, rotated or deleted, or it is no developer or CI token. " +
			"Set LATCHKEY_AUTH_TOKEN to a token that is good now.",
		TokenExpired:        "The CI token has expired. Create a new one and set LATCHKEY_AUTH_TOKEN to it.",
		MemberRemoved:       "You were removed from the workspace. Ask one of its admins to invite you again.",
		AccountDisabled:     "Your account is disabled. Ask an administrator to enable it.",
		NoLicenceAssigned:   "No licence is assigned to you. Ask an admin of the workspace to assign you a seat.",
		NoSubscription:      "The workspace has no subscription. Ask one of its admins to get one.",
		SubscriptionExpired: "The subscription has expired. Ask an admin of the workspace to renew it.",
		SubscriptionPending: "The subscription has not started yet. Try again when it has.",
		TrialExpired:        "The trial is over. Ask an admin of the workspace to get a subscription.",
		DeveloperTokenInCI: "A developer token cannot be used in CI. Set LATCHKEY_AUTH_TOKEN to a CI token, " +
			"which a member with the permission ci_tokens.manage creates.",
		LegacyKeySunset:       "Legacy keys are not accepted any more.",
		LegacyKeyDowntime:     "Legacy keys are not accepted at the moment.",
		LegacyKeysNotAccepted: "Legacy keys are not accepted here.",
	}
}

// refuse returns the fault for a reason: Forbidden, with the reason for programs and a sentence for people, to which more is added.
func refuse(reason Reason, more ...string) *fault.Error {
	sentence := sentences()[reason]
	for _, part := range more {
		if part != "" {
			sentence += " " + part
		}
	}
	return &fault.Error{Kind: fault.Forbidden, Reason: string(reason), Code: string(reason), Public: sentence}
}

// move says how to leave legacy keys behind; guide is the configured hint, or empty.
func move(guide string) string {
	text := "Set LATCHKEY_AUTH_TOKEN to your developer token, or in CI to a CI token, and ask an admin of the workspace for a seat."
	if guide != "" {
		text += fmt.Sprintf(" More: %s", guide)
	}
	return text
}
