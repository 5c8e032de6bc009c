/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What deciding costs: a device's check-in against 20 rollouts, planning a
 * ladder for a million devices, a gate over a million reports, and a day of a
 * million simulated devices. CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"

#include "update-server/sim.h"

#define DAY_MUST  60.0 /* s */
#define MILLION   1000000
#define ROLLOUTS  20
#define DECISIONS 200000

static double cpu_sec(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void bench_decision(void)
{
	struct stage *rollouts = mem_alloc(ROLLOUTS, sizeof(*rollouts));
	static const struct rollout_past past;
	static const struct rollout_word word = { .ordered = true };
	struct sim_world w;
	double from;
	size_t phase, offers = 0;

	sim_world_init(&w);
	for (size_t i = 0; i < ROLLOUTS; i++) {
		rollouts[i] = w.stage;
		rollouts[i].what.digest.bytes[1] = (uint8_t)i;
		rollouts[i].ladder.count = 1;
		rollouts[i].ladder.rungs[0].limit = bucket_limit_of(100);
		rollouts[i].phase_state = PHASE_OPEN;
	}
	from = cpu_sec();
	for (uint32_t n = 0; n < DECISIONS; n++) {
		struct rollout_device d = { .product = "product",
					    .model = "m",
					    .cohort = "all",
					    .has_release = true,
					    .confirmed = true,
					    .seq = 2 };
		struct stage_question q = { .device = &d,
					    .past = &past,
					    .word = &word };

		memcpy(d.id.bytes, &n, sizeof(n));
		for (size_t i = 0; i < ROLLOUTS; i++) {
			const struct stage *s = &rollouts[i];

			offers += stage_decide(s, &q, &phase) == VERDICT_OFFER;
		}
	}
	printf("figure fleet-decision %.2f us (20 rollouts, buckets hashed; "
	       "%zu offers)\n",
	       (cpu_sec() - from) / DECISIONS * 1e6, offers);
	free(rollouts);
}

static void bench_ladder(void)
{
	uint64_t *buckets = mem_alloc(MILLION, sizeof(*buckets));
	struct ladder l;
	struct err e = { 0 };
	double from;

	for (uint32_t i = 0; i < MILLION; i++) {
		struct device_id id = { { 0 } };

		memcpy(id.bytes, &i, sizeof(i));
		buckets[i] = bucket_of(&(struct sha256){ { 1 } }, &id);
	}
	from = cpu_sec();
	if (ladder_choose(MILLION, 149, &l, &e))
		exit(EXIT_FAILURE);
	ladder_measure(&l, buckets, MILLION);
	printf("figure fleet-plan-million %.0f ms\n",
	       (cpu_sec() - from) * 1000);
	free(buckets);
}

static void bench_gate(void)
{
	const struct gate_facts f = { .confirmed = 985000,
				      .bad = 15000,
				      .started = MILLION,
				      .size = MILLION,
				      .dark = { 50000, MILLION, 49000,
						MILLION } };
	double from = cpu_sec();
	size_t passed = 0;

	for (size_t i = 0; i < 100; i++)
		passed += gate_judge(&stage_usual.gate, &f) == GATE_PASS;
	printf("figure fleet-gate %.0f us (a million reports; %zu passed)\n",
	       (cpu_sec() - from) / 100 * 1e6, passed);
}

static void bench_day(void)
{
	static struct sim_result r;
	struct sim_world w;
	struct err e = { 0 };
	double from = cpu_sec();

	sim_world_init(&w);
	w.devices = MILLION;
	w.hours = 24;
	w.night = 500;
	w.stage.urgent = true; /* so that the whole ladder fits in a day */
	if (sim_run(&w, NULL, &r, &e)) {
		(void)fprintf(stderr, "bench_fleet: %s\n", e.msg);
		exit(EXIT_FAILURE);
	}
	printf("figure fleet-day-of-a-million %.1f s (CPU), must %.0f, ratio "
	       "%.2f\n  %llu check-ins, %llu confirmed, %s\n",
	       cpu_sec() - from, DAY_MUST, (cpu_sec() - from) / DAY_MUST,
	       (unsigned long long)r.checkins, (unsigned long long)r.confirmed,
	       stage_status_name(r.stage.status));
}

int main(void)
{
	bench_decision();
	bench_ladder();
	bench_gate();
	bench_day();
	return EXIT_SUCCESS;
}
