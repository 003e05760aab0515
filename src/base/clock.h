/* clock: time that never runs backwards (CLOCK_MONOTONIC), for what is measured or
 * waited for. What depends on the calendar gets it as an argument. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t clock_ms(void);
time_t clock_seconds(void);

#endif
