/* Two threads write to one number without a lock: what `make check-tsan` must find. */
#include <pthread.h>

static int number;

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		number++;
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, count, NULL) != 0)
		return 1;
	count(NULL);
	return pthread_join(thread, NULL);
}
