/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* In place of what config(1) makes of edu.ioconf. */
struct cfdriver edu_cd = { "edu", 1 };

static struct cfdriver *const cfdriver_ioconf_edu[] = { &edu_cd, NULL };
static const void *const cfattach_ioconf_edu = &edu_ca;
static struct cfdata cfdata_ioconf_edu[] = { { "edu", 0 } };
