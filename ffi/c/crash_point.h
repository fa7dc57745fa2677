/*
 * Labelled points of death. In a normal build they are nothing at all. Built with -DRW_CRASH_POINTS, the environment variable
 * RINGWIRE_CRASH_AT="label[:count]" makes the process die by SIGKILL (or, with RINGWIRE_CRASH_SIGNAL=STOP, stop) when it reaches that
 * label for the count-th time.
 */
#ifndef RW_CRASH_POINT_H
#define RW_CRASH_POINT_H
#ifdef RW_CRASH_POINTS
void rw_crash_point(const char *label);
#define RW_POINT(label) rw_crash_point(label)
#else
#define RW_POINT(label) ((void)0)
#endif
#endif
