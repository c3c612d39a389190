/* The CPU time of processes. Any thread, no state. */
#ifndef TEST_BENCH_CPU_H
#define TEST_BENCH_CPU_H

/* Seconds of CPU that the processes of `pids` and those beneath them, as far as they live, have used. */
double cpu_seconds(const int *pids, int n_pids);

#endif
