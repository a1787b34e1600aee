/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* A stand-in for what loads and unloads modules: see standin.h. */

#include "machine.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

int
devsw_attach(const char *name, void *bdev, devmajor_t *bmajor,
    const struct cdevsw *cdev, devmajor_t *cmajor)
{
	if (strcmp(name, "edu") != 0)
		standin_panic("devsw_attach");
	if (fails())
		return EEXIST;
	hold(R_DEVSW);
	return 0;
}

void
devsw_detach(void *bdev, const struct cdevsw *cdev)
{
	if (is_held(R_COMPONENT) != 0)
		standin_panic("devsw_detach() with units left");
	drop(R_DEVSW);
}

bool
prop_dictionary_get_int(prop_dictionary_t d, const char *key, int *value)
{
	if (d == NULL || strcmp(key, "flags") != 0)
		return false;
	*value = d->flags;
	return true;
}

bool
prop_dictionary_get_uint64(prop_dictionary_t d, const char *key,
    uint64_t *value)
{
	if (d == NULL || strcmp(key, "dma_mask") != 0 || d->dma_mask == 0)
		return false;
	*value = d->dma_mask;
	return true;
}

int
config_init_component(struct cfdriver *const *drivers, const void *attachs,
    struct cfdata *cf)
{
	if (fails())
		return ENOMEM;
	(void)edu_do_attach(cf[0].cf_flags);
	hold(R_COMPONENT);
	return 0;
}

int
config_fini_component(struct cfdriver *const *drivers, const void *attachs,
    struct cfdata *cf)
{
	int error;

	error = edu_do_detach(0);
	if (error == 0)
		drop(R_COMPONENT);
	return error;
}
