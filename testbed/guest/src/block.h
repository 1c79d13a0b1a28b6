// The blocks that the proving guest writes: each one names the write it came from, so that a subtly wrong disk shows.
//
//   word 0  magic    1  own block number    2  operation number    3..510  pseudo-random body    511  checksum
//
// A block can thus be recognised as torn, foreign, misplaced or of an older operation by looking at it alone.
#pragma once
#include <stdint.h>

typedef uint64_t u64;
typedef unsigned long long ull; // for printf

enum { BLOCK_BYTES = 4096, BLOCK_WORDS = 512 };

enum block_kind { BLOCK_ZERO, BLOCK_GOOD, BLOCK_DAMAGED };

enum write_kind { WRITE_SEQ, WRITE_RAND, WRITE_ZERO };

u64 mix(u64 x);

void block_make(u64 *block, u64 number, u64 op);

/** Stores in *op the operation that wrote the block when it is good. */
enum block_kind block_read(const u64 *block, u64 number, u64 *op);

/** The block that operation `op` writes to, in a phase that began with `first_op`. */
u64 block_target(enum write_kind kind, u64 start, u64 span, u64 first_op, u64 op);

/** What a block adds to the order-independent sum of a disk; 0 for a block of zeros (op 0). */
u64 block_share(u64 number, u64 op);
