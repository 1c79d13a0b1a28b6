// What the guest's journal says about its disk: a tree of states, one branch per boot.
//
// Lines of the journal, anywhere in the console's log; one that isn't closed by ';' was cut short and doesn't count:
//   BOOT <first op> <max op> <sum> <damaged> <area>;   a boot, and the disk that it found
//   P <first op> seq|rand|zero <start> <span>;         a phase of operations begins (zero: a single one)
//   E <op>;                                            it ended with that operation
//   A <op>;                                            everything up to that operation was flushed
//   R <acked> <upto>;                                  (from the host) the next boot is meant to find an earlier state:
//                                                      one that holds <acked> and nothing after <upto>
//   N;                                                 (from the host) no, it isn't
//
// Operation numbers are unique and rise from boot to boot. A boot goes on from whichever earlier state the disk it found
// equals; a disk that equals none is found out, and so is one that lacks flushed operations of the boot before, unless
// the host has announced a rollback.
#pragma once
#include "block.h"

struct history;

/** @returns NULL when the file can't be read; says why on stderr */
struct history *history_read(const char *journal);

u64 history_area(const struct history *h);

/** What is wrong with the disk that a boot found. */
enum boot_fault { BOOT_FINE, BOOT_DAMAGED, BOOT_MATCHES_NO_STATE, BOOT_LACKS_FLUSHED, BOOT_MISSES_ROLLBACK };

/**
 * Places every boot on the tree. Phases that were cut off by a kill are taken to reach as far as is known from other
 * lines, or up to `seen`: the highest operation found on a disk.
 *
 * @param faulty_boot - the first op of the first boot that isn't fine
 */
enum boot_fault history_resolve(struct history *h, u64 seen, u64 *faulty_boot);

/** The state with that sum, as the last operation it holds: the newest one if there are several; 0 when there is none. */
u64 history_find(const struct history *h, u64 sum);

/** Whether the state right after `op` holds operation `earlier`, even if overwritten since. Both may be 0: the empty disk. */
int history_holds(const struct history *h, u64 op, u64 earlier);

/** For each block of the area the operation that it shows right after `op`. For the caller to free. */
u64 *history_state(const struct history *h, u64 op);

/** The sum of that state. */
u64 history_sum(const struct history *h, u64 op);

/** The last operation known to be flushed, in the newest boot that tells; else the state that boot began from. */
u64 history_acked(const struct history *h);
