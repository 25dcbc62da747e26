package slapdtest

// What is the same in every server that Start starts.
const (
	Suffix = "dc=example,dc=com"
	People = "ou=people," + Suffix
	Groups = "ou=groups," + Suffix

	// The service account may read everything but passwords. Its password holds what configuration files stumble over.
	ServiceDN       = "cn=latchkey,ou=services," + Suffix
	ServicePassword = `s#e;r$v%i"c'e \=`

	// The administrator may do everything; Server.Apply works as him.
	RootDN       = "cn=root," + Suffix
	RootPassword = "root-password"

	// Alice is a member of st2users, developers and wheel; Bob of st2users; Carol of no group.
	AlicePassword = "alice: pässword"
	BobPassword   = "bob-password"
	CarolPassword = "carol-password"
)

// Directory is the LDIF of the entries that every server starts with.
const Directory = `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: ou=services,dc=example,dc=com
objectClass: organizationalUnit
ou: services

dn: cn=latchkey,ou=services,dc=example,dc=com
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: latchkey
userPassword: ` + ServicePassword + `

dn: uid=alice,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: alice
cn: Alice Able
sn: Able
displayName: Alice A.
mail: alice@example.com
userPassword: ` + AlicePassword + `

dn: uid=bob,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: bob
cn: Bob Baker
sn: Baker
mail: bob@example.com
userPassword: ` + BobPassword + `

dn: uid=carol,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: carol
cn: Carol Cook
sn: Cook
userPassword: ` + CarolPassword + `

dn: cn=st2users,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: st2users
member: uid=alice,ou=people,dc=example,dc=com
member: uid=bob,ou=people,dc=example,dc=com

dn: cn=developers,ou=groups,dc=example,dc=com
objectClass: groupOfUniqueNames
cn: developers
uniqueMember: uid=alice,ou=people,dc=example,dc=com

dn: cn=wheel,ou=groups,dc=example,dc=com
objectClass: posixGroup
cn: wheel
gidNumber: 4
memberUid: alice

`
