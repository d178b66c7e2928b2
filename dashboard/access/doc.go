// Package access knows who may see what: API keys, users with passwords, and the sessions of users who signed in.
//
// Nothing that lets anybody in is stored. Of a key and of a session's token the store has the SHA-256, which is
// enough for 160 random bits and more; of a password it has an argon2id hash. The documents are:
//
//	kind        id                          document
//	key         SHA-256 of the key, hex     Key
//	user        name                        User: name and password hash
//	session     SHA-256 of the token, hex   Session: user, when it ends, SHA-256 of the password's hash
//	guest       site's number/name          Guest: what a user who does not see all sites may do with one
//	invitation  SHA-256 of the token, hex   Invitation: the guest who may choose a password with it, and until when
//	share       SHA-256 of the token, hex   Share: the site that whoever has the link may look at
//
// Reading asks the documents that are held in memory, so a key works on another process of the installation as soon
// as that has read the documents again.
package access
