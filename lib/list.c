/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct edu_list {
	struct edu_bus_name *names;
	size_t		count;
};

/*
 * Who may not use PCI may have been given devices alone.  Where not, what PCI
 * said is the better message.
 */
static int
find(struct edu_list *list, struct edu_error *err)
{
	struct edu_first_error first;

	if (edu_bus_pciaccess_list(&list->names, &list->count, err) == 0)
		return 0;
	edu_error_save(&first, err);
	if ((errno == EACCES || errno == EPERM) && edu_system.list != NULL &&
	    edu_system.list(&list->names, &list->count, err) == 0)
		return 0;
	return edu_error_restore(&first, err);
}

static int
find_functions(struct edu_list *list, struct edu_error *err)
{

	return edu_bus_pciaccess_all(&list->names, &list->count, err);
}

static struct edu_list *
new_list(int (*search)(struct edu_list *, struct edu_error *))
{
	struct edu_error err = { "", "out of memory" };
	struct edu_list *list;
	int errnum;

	list = calloc(1, sizeof(*list));
	if (list != NULL && search(list, &err) == 0)
		return list;
	errnum = errno;
	edu_error_publish(&err);
	free(list);
	errno = errnum;
	return NULL;
}

EDU_PUBLIC struct edu_list *
edu_list_new(void)
{

	return new_list(find);
}

EDU_PUBLIC struct edu_list *
edu_list_functions(void)
{

	return new_list(find_functions);
}

EDU_PUBLIC size_t
edu_list_count(const struct edu_list *list)
{

	return list->count;
}

EDU_PUBLIC const char *
edu_list_name(const struct edu_list *list, size_t i)
{

	return i < list->count ? list->names[i].text : NULL;
}

EDU_PUBLIC void
edu_list_free(struct edu_list *list)
{
	int errnum = errno;

	if (list == NULL)
		return;
	free(list->names);
	free(list);
	errno = errnum;
}
