// The guest's disk: writes that are journalled and remembered, and a reading back that knows what it must find.
#pragma once
#include "block.h"

struct disk_stat {
  u64 first_op;   // of this boot
  u64 op;         // the last one written
  u64 acked;      // the last one that a completed flush covers
  u64 max_us;     // the slowest write with its flush since the last reset
  u64 errors;
  int running;    // a background load
};

struct disk_view {
  u64 damaged;    // torn, foreign or misplaced blocks
  u64 wrong;      // sound blocks of another operation than the last one written there
  u64 zero;
  u64 max_op;
  u64 sum;        // block_share() of all blocks
};

struct load {
  enum write_kind kind;
  u64 start, span;
  u64 flush_every; // 0: only at the end
  u64 per_second;  // 0: as fast as it goes
  u64 count;       // 0: until stopped
};

/**
 * Opens the disk, reads the area (its first `area` blocks, the only ones that are written) and journals what it found:
 * "BOOT <first op> <max op found> <sum found> <damaged> <area>;".
 *
 * @returns 0, or an errno
 */
int disk_open(const char *device, u64 area);

/** In blocks. */
u64 disk_area(void);

struct disk_stat disk_stat(void);
void disk_reset_latency(void);

/** All give 0 or an errno; EBUSY while a load runs, ERANGE outside the area. */
int disk_fill(u64 start, u64 count);
int disk_clear(u64 start, u64 count, int discard);
int disk_load_start(const struct load *load);
int disk_load_wait(void);
void disk_load_stop(void);
int disk_flush(void);
/** Also while a load runs. */
int disk_verify(u64 start, u64 count, struct disk_view *view);
