/* See cpu.h. From the kernel's accounting, proc(5). */
#include "test/bench/cpu.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fields 4 (parent) and 14 to 15 (user and system ticks) of /proc/PID/stat, proc(5). */
static bool read_stat(int pid, int *parent, uint64_t *ticks)
{
	char path[40], text[1024];
	unsigned long long user, system;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	const char *after = strrchr(text, ')');
	if (!after ||
	    sscanf(after + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", parent, &user, &system) != 3)
		return false;
	*ticks = user + system;
	return true;
}

static bool is_watched(int pid, const int *pids, int n_pids)
{
	uint64_t ticks;

	for (int depth = 0; pid > 1 && depth < 20; depth++) {
		for (int i = 0; i < n_pids; i++)
			if (pids[i] == pid)
				return true;
		if (!read_stat(pid, &pid, &ticks))
			return false;
	}
	return false;
}

double cpu_seconds(const int *pids, int n_pids)
{
	DIR *dir = n_pids ? opendir("/proc") : NULL;
	uint64_t sum = 0;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		int parent, pid = (int)strtol(e->d_name, NULL, 10);
		uint64_t ticks;
		if (pid > 0 && is_watched(pid, pids, n_pids) && read_stat(pid, &parent, &ticks))
			sum += ticks;
	}
	if (dir)
		closedir(dir);
	return (double)sum / (double)sysconf(_SC_CLK_TCK);
}
