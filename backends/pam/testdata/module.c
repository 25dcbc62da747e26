/*
 * A PAM module for tests, which behaves as its arguments say, in their order:
 *
 *   ask=off, ask=on   prompt, with echo off or on; it fails with the code of the prompt
 *   password=TEXT     the last answer must be TEXT, otherwise PAM_AUTH_ERR
 *   say=TEXT          tell the user something
 *   user=NAME         set PAM_USER
 *   wait=PATH         return when the file PATH exists
 *   crash             write to address 0
 *   return=CODE       return a code at once
 *
 * Both phases do the same; which of them a stack uses is in its file.
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int behave(pam_handle_t *handle, int argc, const char **argv)
{
	char *answer = NULL;
	int code;

	for (int i = 0; i < argc; i++) {
		const char *argument = argv[i];
		const char *value = strchr(argument, '=');

		value = value != NULL ? value + 1 : "";
		if (strncmp(argument, "ask=", 4) == 0) {
			int style = strcmp(value, "on") == 0 ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF;
			code = pam_prompt(handle, style, &answer, "Prompt of a test: ");
			if (code != PAM_SUCCESS)
				return code;
		} else if (strncmp(argument, "password=", 9) == 0) {
			if (answer == NULL || strcmp(answer, value) != 0)
				return PAM_AUTH_ERR;
		} else if (strncmp(argument, "say=", 4) == 0) {
			pam_info(handle, "%s %s", value, answer != NULL ? answer : "");
		} else if (strncmp(argument, "user=", 5) == 0) {
			pam_set_item(handle, PAM_USER, value);
		} else if (strncmp(argument, "wait=", 5) == 0) {
			while (access(value, F_OK) != 0)
				usleep(2000);
		} else if (strcmp(argument, "crash") == 0) {
			*(volatile int *)0 = 1;
		} else if (strncmp(argument, "return=", 7) == 0) {
			return atoi(value);
		}
	}
	return PAM_SUCCESS;
}

int pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)flags;
	return behave(handle, argc, argv);
}

int pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)handle, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

int pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int argc, const char **argv)
{
	(void)flags;
	return behave(handle, argc, argv);
}
