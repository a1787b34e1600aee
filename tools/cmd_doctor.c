/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * From the outside in: the machine, the device, what the kernel does with it,
 * who has it.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "printable.h"

/* Something is wrong. */
#define EXIT_WRONG	1

void
found(struct finding *f, enum state state, const char *fmt, ...)
{
	va_list ap;

	f->state = state;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

void
because(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
}

void
mend(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->command, sizeof(f->command), fmt, ap);
	va_end(ap);
}

int
doctor_config(const struct patient *p, struct finding *f, unsigned offset,
    uint32_t *value)
{

	if (edu_config_read(p->edu, offset, value) == 0)
		return 0;
	if (errno == ENODEV)
		found(f, WRONG, "%s", edu_errmsg(p->edu));
	else
		found(f, UNKNOWN, "%s", edu_errmsg(p->edu));
	return -1;
}

static void
report(struct tool *t, const struct check *check, const struct finding *f)
{
	static const char * const words[] = {
		[OK] = "ok", [NOTE] = "note", [WRONG] = "wrong",
		[UNKNOWN] = "unknown"
	};
	struct json *j = &t->doc;
	char line[sizeof(*f)];

	(void)snprintf(line, sizeof(line), "%s%s%s%s%s", f->text,
	    f->why[0] != '\0' ? ": " : "", f->why,
	    f->command[0] != '\0' ? "; mend: " : "", f->command);
	say(t, "%-8s%-14s%s\n", words[f->state], check->name, line);
	json_object(j, NULL);
	json_string(j, "check", check->name);
	json_string(j, "state", words[f->state]);
	json_string(j, "text", f->text);
	if (f->why[0] != '\0')
		json_string(j, "why", f->why);
	if (f->command[0] != '\0')
		json_string(j, "command", f->command);
	json_end(j);
}

/* A message may quote what came from outside. */
static unsigned
look(const struct patient *p, const struct check *check)
{
	char plain[sizeof(((struct finding *)0)->text)];
	struct finding f;
	unsigned wrong = 0;

	for (; check->name != NULL; check++) {
		memset(&f, 0, sizeof(f));
		check->look(p, &f);
		(void)edu_printable(f.text, plain, sizeof(plain));
		(void)memcpy(f.text, plain, sizeof(plain));
		wrong += f.state == WRONG;
		report(p->t, check, &f);
	}
	return wrong;
}

/* Who may not see the bus may have been given the device. */
static void
open_patient(struct tool *t, struct patient *p)
{

	memset(p, 0, sizeof(*p));
	p->t = t;
	doctor_find_mask(p);
	t->edu = edu_open(t->device, EDU_OPEN_READONLY | EDU_OPEN_CONFIG);
	if (t->edu == NULL && (errno == EACCES || errno == EPERM)) {
		t->edu = edu_open(t->device, EDU_OPEN_READONLY);
		p->is_node = t->edu != NULL;
	}
	p->edu = t->edu;
	if (p->edu == NULL) {
		p->errnum = errno;
		(void)snprintf(p->why, sizeof(p->why), "%s",
		    edu_errmsg(NULL));
		return;
	}
	p->name = edu_name(p->edu);
	(void)snprintf(p->driver, sizeof(p->driver), "%s",
	    edu_kernel_side(p->edu));
}

/* Those of an edu; one of qtest: has no kernel, and nobody else. */
static unsigned
look_closer(struct patient *p, int is_qtest)
{
	unsigned wrong;

	if (!is_qtest)
		doctor_find_undo(p);
	wrong = look(p, doctor_device);
	return is_qtest ? wrong : wrong + look(p, doctor_kernel) +
	    look(p, doctor_claim);
}

int
cmd_doctor(struct tool *t, const struct args *a)
{
	int is_qtest = device_is_qtest(t->device);
	struct patient p;
	unsigned wrong;
	int is_edu;

	(void)a;
	open_patient(t, &p);
	if (p.edu != NULL)
		json_string(&t->doc, "device", p.name);
	json_array(&t->doc, "findings");
	wrong = look(&p, doctor_presence);
	is_edu = wrong == 0;
	if (!is_qtest)
		wrong += look(&p, doctor_system);
	if (is_edu)
		wrong += look_closer(&p, is_qtest);
	json_end(&t->doc);
	return wrong != 0 ? EXIT_WRONG : 0;
}
