/* backend: what a kind of directory has to be able to do.
 *
 * To add one: write its five verbs, name them in a struct backend, and give it a
 * place in directory.c's table. Threads: all verbs but open and close may be
 * called from any at once.
 */
#ifndef DIRECTORY_BACKEND_H
#define DIRECTORY_BACKEND_H

#include "config/config.h"
#include "directory/directory.h"
#include "directory/found.h"

struct backend {
	bool cached; /* asking costs so much that answers are worth remembering */
	/* config is outlived by *state only in what it borrows: name. NO: it cannot
	 * work as configured. */
	enum answer (*open)(const struct config_directory *config, void **state, struct error *err);
	/* YES: *found is all that the directory has, perhaps nothing; a reference for
	 * the caller. Else CANT_TELL. address parses. */
	enum answer (*find)(void *state, struct slice address, const struct timespec *deadline,
		struct found **found, struct error *err);
	enum answer (*probe)(void *state, const struct timespec *deadline, struct error *err);
	void (*close)(void *state);
};

extern const struct backend files_backend;
extern const struct backend ldap_backend;

/* LDAP's alone: is there an entry for this filter? %l and %s are filled in. */
enum answer ldap_login_matches(void *state, const char *filter, struct slice login, struct slice address,
	const struct timespec *deadline, struct error *err);
/* ... and directory_entries(), in this directory. */
enum answer ldap_entries(void *state, const struct directory_search *search, struct entries **entries, struct error *err);

#endif
