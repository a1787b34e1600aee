/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * edu(4): ten thousand interrupts raised at random times, while readers come
 * and go and BAR0 is sized.  None is lost and none is reported twice.
 *
 * A bit is raised only when it is not in flight, and is in flight until
 * somebody has read it.  So a bit that is read without being in flight was
 * reported twice, and one that stays in flight was lost.  Twice is right
 * where BAR0 is sized by one processor while another acknowledges.
 */

#include <sys/event.h>

#include <pthread.h>
#include <stdatomic.h>

#include "h_edu.h"

/* 100,000 in "make soak". */
#define ROUNDS		(soak(2000) < 10000 ? 10000 : soak(2000))
#define READERS		4

/* The factorial's own bit is raised by the device, whatever is closed. */
#define FACTORIAL	EDU_INTR_FACTORIAL

static struct device d;
static atomic_uint in_flight, wrong, records;
static atomic_int is_over;
/* Held from a write to the device until it has arrived, and while sizing. */
static pthread_mutex_t window = PTHREAD_MUTEX_INITIALIZER;

static unsigned
next_random(unsigned *seed)
{

	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void
pause_us(unsigned us)
{
	struct timespec ts = { 0, (long)us * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* Something between nothing and a sleep. */
static void
pause_random(unsigned *seed)
{
	unsigned i, n = next_random(seed) % 8;
	volatile unsigned sink = 0;

	if (n == 0)
		pause_us(next_random(seed) % 2000);
	else if (n < 5)
		for (i = next_random(seed) % 5000; i > 0; i--)
			sink = sink + i;
}

/*
 * Readers.
 */

static void
consume(void)
{
	struct edu_event event;
	uint32_t before;
	ssize_t n;

	n = read(d.fd, &event, sizeof(event));
	if (n == -1 && errno == EAGAIN)
		return;		/* another reader was faster */
	if (n != (ssize_t)sizeof(event) || event.status == 0) {
		(void)atomic_fetch_or(&wrong, 1);
		return;
	}
	(void)atomic_fetch_add(&records, 1);
	before = atomic_fetch_and(&in_flight, ~event.status);
	(void)atomic_fetch_or(&wrong, event.status & ~before);
}

static void
wait_by_poll(void)
{
	struct pollfd pfd = { .fd = d.fd, .events = POLLIN };

	(void)poll(&pfd, 1, 50);
}

static void
wait_by_kqueue(void)
{
	struct timespec ts = { 0, 50000000 };
	struct kevent event;
	int kq = kqueue();

	EV_SET(&event, (uintptr_t)d.fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
	(void)kevent(kq, &event, 1, &event, 1, &ts);
	(void)close(kq);
}

/* A reader reads a few, and another takes its place. */
static void *
reader(void *arg)
{
	unsigned i, n, seed = *(unsigned *)arg;

	n = next_random(&seed) % 20;
	for (i = 0; i < n && !atomic_load(&is_over); i++) {
		if (next_random(&seed) % 2)
			wait_by_poll();
		else
			wait_by_kqueue();
		consume();
	}
	return NULL;
}

static void *
reader_place(void *arg)
{
	unsigned seed = *(unsigned *)arg, next;
	pthread_t thread;

	while (!atomic_load(&is_over)) {
		next = next_random(&seed);
		ATF_REQUIRE(pthread_create(&thread, NULL, reader, &next) == 0);
		ATF_REQUIRE(pthread_join(thread, NULL) == 0);
	}
	return NULL;
}

/* One that only ever blocks; a last interrupt ends it. */
static void *
blocking_reader(void *arg)
{
	struct pollfd pfd = { .fd = d.fd, .events = POLLIN };

	(void)arg;
	while (!atomic_load(&is_over)) {
		/* The descriptor does not block, for the others' sake. */
		(void)poll(&pfd, 1, -1);
		consume();
	}
	return NULL;
}

/*
 * Sizing, as libedu does it and as libpciaccess does.
 */

static void
size_carefully(void)
{
	uint32_t bar, csr;

	csr = config_read(&d, CSR) & CSR_COMMAND;
	config_write(&d, CSR, (csr & ~CSR_DECODING) | CSR_NO_INTX);
	bar = config_read(&d, BAR0);
	config_write(&d, BAR0, UINT32_MAX);
	if (config_read(&d, BAR0) != ~(uint32_t)(EDU_BAR0_SIZE - 1))
		(void)atomic_fetch_or(&wrong, 1);
	config_write(&d, BAR0, bar);
	config_write(&d, CSR, csr);
}

static void
size_carelessly(void)
{
	uint32_t bar = config_read(&d, BAR0);

	config_write(&d, BAR0, UINT32_MAX);
	(void)config_read(&d, BAR0);
	config_write(&d, BAR0, bar);
}

struct sizing {
	void	(*size)(void);
	int	rechecks;
};

static void *
sizer(void *arg)
{
	const struct sizing *s = arg;
	struct edu_event event;
	unsigned seed = 99;

	while (!atomic_load(&is_over)) {
		(void)pthread_mutex_lock(&window);
		s->size();
		(void)pthread_mutex_unlock(&window);
		/* Another thread may have closed the window again. */
		if (s->rechecks && ioctl(d.fd, EDU_IOC_RECHECK, &event) == -1 &&
		    errno != EAGAIN)
			(void)atomic_fetch_or(&wrong, 1);
		/* Closed for ever would be another test. */
		if (next_random(&seed) % 2)
			pause_us(next_random(&seed) % 1000);
	}
	return NULL;
}

/*
 * Raising.
 */

/* Wait until a bit may be raised again, and let it fly. */
static void
let_fly(uint32_t bit)
{
	time_t end = time(NULL) + SOON_MS / 1000;

	while (atomic_load(&in_flight) & bit) {
		ATF_REQUIRE_MSG(time(NULL) < end, "0x%x was lost; in flight "
		    "0x%x, command register 0x%x", bit,
		    atomic_load(&in_flight), config_read(&d, CSR));
		pause_us(100);
	}
	(void)atomic_fetch_or(&in_flight, bit);
}

static void
raise_one(unsigned round, unsigned *seed)
{
	uint32_t bit = 1U << (1 + round % 31);

	if (bit == EDU_INTR_DMA || round % 3 == 0) {
		let_fly(FACTORIAL);
		(void)pthread_mutex_lock(&window);
		d.bar0[EDU_STATUS / 4] = EDU_STATUS_IRQFACT;
		d.bar0[EDU_FACTORIAL / 4] = next_random(seed) * 4;
	} else {
		let_fly(bit);
		(void)pthread_mutex_lock(&window);
		raise_bits(&d, bit);
	}
	/* Reading makes sure that the write has arrived. */
	(void)d.bar0[EDU_ID / 4];
	(void)pthread_mutex_unlock(&window);
}

static void
raise_all(void)
{
	unsigned i, round, seed = 1;

	for (round = 0; round < ROUNDS; round++) {
		raise_one(round, &seed);
		pause_random(&seed);
	}
	for (i = 0; atomic_load(&in_flight) != 0 && i < SOON_MS / 10; i++)
		sleep_ms(10);
}

static int
processors(void)
{
	size_t size = sizeof(int);
	int n;

	ATF_REQUIRE(sysctlbyname("hw.ncpuonline", &n, &size, NULL, 0) == 0);
	return n;
}

static void
storm(const struct sizing *sizing)
{
	pthread_t places[READERS], blocked, sizes;
	unsigned i, seeds[READERS];
	uint32_t lost;

	d = open_unit(0);
	ATF_REQUIRE(fcntl(d.fd, F_SETFL, O_NONBLOCK) == 0);
	for (i = 0; i < READERS; i++) {
		seeds[i] = i + 1;
		ATF_REQUIRE(pthread_create(&places[i], NULL, reader_place,
		    &seeds[i]) == 0);
	}
	ATF_REQUIRE(pthread_create(&blocked, NULL, blocking_reader, NULL) ==
	    0);
	if (sizing != NULL)
		ATF_REQUIRE(pthread_create(&sizes, NULL, sizer,
		    __UNCONST(sizing)) == 0);

	raise_all();
	lost = atomic_load(&in_flight);
	atomic_store(&is_over, 1);
	if (sizing != NULL)
		ATF_REQUIRE(pthread_join(sizes, NULL) == 0);
	(void)atomic_fetch_or(&in_flight, BIT_A);
	raise_bits(&d, BIT_A);
	for (i = 0; i < READERS; i++)
		ATF_REQUIRE(pthread_join(places[i], NULL) == 0);
	/* One of them may have taken what was for this one. */
	raise_bits(&d, BIT_B);
	ATF_REQUIRE(pthread_join(blocked, NULL) == 0);
	printf("%u raised, %u records\n", ROUNDS, atomic_load(&records));
	ATF_CHECK_EQ_MSG(lost, 0, "0x%x were lost", lost);
	if (sizing == NULL || processors() == 1)
		ATF_CHECK_EQ_MSG(atomic_load(&wrong) & ~BIT_B, 0,
		    "0x%x came twice or wrong", atomic_load(&wrong));
	close_unit(&d);
}

NODE_TEST(undisturbed, "10,000 interrupts, readers coming and going", "root")
{

	storm(NULL);
}

NODE_TEST(sized, "the same while BAR0 is sized with care", "root")
{
	static const struct sizing sizing = { size_carefully, 1 };

	storm(&sizing);
}

NODE_TEST(sized_silently, "the same, and nobody has the driver check again",
    "root")
{
	static const struct sizing sizing = { size_carefully, 0 };

	storm(&sizing);
}

NODE_TEST(sized_carelessly, "the same, decoding and INTx left enabled", "root")
{
	static const struct sizing sizing = { size_carelessly, 0 };

	storm(&sizing);
}
