// Package flatfile is the backend flat_file: users and password hashes in a file that Apache's htpasswd makes, groups in a
// file in the form of Apache's mod_authz_groupfile. It takes the place of StackStorm's backend of the same name.
//
// The file is one user a line, `name:hash`; what follows a second colon is left out, lines that begin with "#" and empty
// ones are skipped. Names are compared byte by byte in Unicode normalisation form C, so upper and lower case are told apart,
// and a user's identity is his name as it stands in the file.
//
// The schemes, and what becomes of a line that has one:
//
//	scheme                 made by                          looks like         accepted
//	bcrypt                 htpasswd -B                      $2y$ $2a$ $2b$     yes, cost 4 to 16; weak below 10; passwords up to 72 bytes
//	SHA-512-crypt          htpasswd -5, openssl passwd -6   $6$                yes, up to 1,000,000 rounds
//	SHA-256-crypt          htpasswd -2, openssl passwd -5   $5$                yes, up to 1,000,000 rounds
//	apr1 (MD5)             htpasswd -m, openssl passwd -apr1 $apr1$            yes, weak
//	salted SHA-1           slappasswd -h {SSHA}             {SSHA}             yes, weak
//	SHA-1                  htpasswd -s                      {SHA}              yes, weak
//	DES crypt              htpasswd -d                      13 characters      with allow_des only, weak; passwords up to 8 bytes
//	plain text             htpasswd -p                      anything, {PLAIN}  with allow_plaintext only, weak; nothing that looks like a hash
//	empty, "!", "*"        usermod -L, an editor                               no
//	anything else          (yescrypt, argon2, $1$, $2x$, {SSHA512} …)          no
//
// A weak hash lets its user in and is reported by the user's name. A line that is not accepted is reported by its number,
// and its user is refused; so is one who stands in the file twice. The log never shows a hash.
//
// What always holds: a hash string is never taken for a password; a line that was accepted can be checked without a panic;
// a password that is longer than its scheme looks at is refused; every refusal costs the work of the file's strongest hash,
// whether the user is unknown, cannot log in or has typed a wrong password, so that the time does not tell which names
// exist; a changed file is in force within settle of its last change, and one that cannot be used leaves the one before it
// in force.
//
// It makes no hashes and writes no file; htpasswd does. It does not limit how often or how many at once may try; the daemon
// does. A log-in that has begun is not ended by its context in the middle of a hash, which takes five seconds at most.
package flatfile
