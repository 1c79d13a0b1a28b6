#include "block.h"

#include <string.h>

static const u64 MAGIC = 0x7661727665626c6bULL; // "varveblk"

// splitmix64's finaliser
u64 mix(u64 x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

void block_make(u64 *block, u64 number, u64 op) {
  u64 state = mix(mix(number) ^ op) | 1;
  block[0] = MAGIC;
  block[1] = number;
  block[2] = op;
  for (int i = 3; i < BLOCK_WORDS - 1; i++) { // xorshift64: incompressible
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    block[i] = state;
  }
  u64 checksum = 0;
  for (int i = 0; i < BLOCK_WORDS - 1; i++) checksum = checksum * 31 + block[i];
  block[BLOCK_WORDS - 1] = checksum;
}

static int all_zero(const u64 *block) {
  return block[0] == 0 && memcmp(block, block + 1, BLOCK_BYTES - sizeof *block) == 0;
}

enum block_kind block_read(const u64 *block, u64 number, u64 *op) {
  if (all_zero(block)) return BLOCK_ZERO;
  if (block[0] != MAGIC || block[1] != number) return BLOCK_DAMAGED;
  u64 wanted[BLOCK_WORDS];
  block_make(wanted, number, block[2]);
  if (memcmp(wanted, block, BLOCK_BYTES) != 0) return BLOCK_DAMAGED;
  *op = block[2];
  return BLOCK_GOOD;
}

u64 block_target(enum write_kind kind, u64 start, u64 span, u64 first_op, u64 op) {
  return start + (kind == WRITE_RAND ? mix(op) : op - first_op) % span;
}

u64 block_share(u64 number, u64 op) { return op == 0 ? 0 : mix(mix(number ^ 0x5bd1e995) ^ op); }
