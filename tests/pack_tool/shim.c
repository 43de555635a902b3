/* For LD_PRELOAD: what a test can't have of the system, a sync that fails and another time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Each call adds a byte to the file SHIM_SYNCS; with SHIM_FAILS it fails. */
int syncfs(int fd) {
    const char* path = getenv("SHIM_SYNCS");
    if (path) {
        const int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (write(file, "s", 1) != 1) abort();
        close(file);
    }
    if (getenv("SHIM_FAILS")) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_syncfs, fd);
}

/* SHIM_LATER seconds are added to what the clock on the wall shows. */
int clock_gettime(clockid_t clock, struct timespec* to) {
    const int done = (int)syscall(SYS_clock_gettime, clock, to);
    const char* later = getenv("SHIM_LATER");
    if (done == 0 && later && clock == CLOCK_REALTIME) to->tv_sec += atol(later);
    return done;
}
