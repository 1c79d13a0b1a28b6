// The checker on the host. Its answer is one line of name=value pairs, its exit status 0 for good, 1 for bad.
//
//   patio check --journal LOG --raw IMAGE [--acked OP] [--upto OP]
//       Is the image exactly the state right after some operation, does that state hold --acked (default: everything
//       that the newest boot saw flushed), and nothing after --upto?
//   patio find --journal LOG --sum SUM         the state that a guest's `verify` saw: op=
//   patio expect --journal LOG --upto OP       what `verify` must see right after that operation: sum=
//   patio seed --raw IMAGE --count N --area A  makes the base image: N operations all over the area; prints its journal
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"

static const char *option(int argc, char **argv, const char *name) {
  for (int i = 2; i + 1 < argc; i++)
    if (!strcmp(argv[i], name)) return argv[i + 1];
  return NULL;
}

static const char *needed(int argc, char **argv, const char *name) {
  const char *value = option(argc, argv, name);
  if (value) return value;
  fprintf(stderr, "patio %s: %s is missing\n", argv[1], name);
  exit(2);
}

struct image {
  u64 *shown; // per block the operation it shows; ~0 for a damaged one
  u64 damaged, nonzero, max_op, sum;
};

static struct image read_image(const char *path, u64 area) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    perror(path);
    exit(2);
  }
  struct image image = {.shown = calloc(area, sizeof(u64))};
  u64 block[BLOCK_WORDS];
  for (u64 i = 0; i < area; i++) {
    off_t data = lseek(fd, i * BLOCK_BYTES, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break; // nothing but holes
    if (data > 0 && (u64)data >= (i + 1) * BLOCK_BYTES) {
      i = data / BLOCK_BYTES - 1;
      continue;
    }
    if (pread(fd, block, BLOCK_BYTES, i * BLOCK_BYTES) != BLOCK_BYTES) {
      fprintf(stderr, "%s: shorter than the area\n", path);
      exit(2);
    }
    u64 op = 0;
    if (block_read(block, i, &op) == BLOCK_DAMAGED) {
      if (image.damaged++ < 5) fprintf(stderr, "block %llu is damaged\n", (ull)i);
      op = ~0ULL;
    } else {
      image.nonzero += op != 0;
      image.sum += block_share(i, op);
      if (op > image.max_op) image.max_op = op;
    }
    image.shown[i] = op;
  }
  close(fd);
  return image;
}

/** For people: where the image differs from the state that it comes closest to. */
static u64 explain(const struct history *h, const struct image *image, u64 op) {
  u64 *state = history_state(h, op), different = 0;
  for (u64 i = 0; i < history_area(h); i++) {
    if (image->shown[i] == state[i] || image->shown[i] == ~0ULL) continue;
    if (different++ < 5)
      fprintf(stderr, "block %llu shows op %llu; right after op %llu it shows %llu\n", (ull)i, (ull)image->shown[i],
              (ull)op, (ull)state[i]);
  }
  free(state);
  return different;
}

static struct history *read_history(int argc, char **argv, u64 seen) {
  struct history *h = history_read(needed(argc, argv, "--journal"));
  if (!h) exit(2);
  u64 boot;
  const char *faults[] = {"", "damaged", "matches_no_state", "lacks_flushed", "misses_rollback"};
  enum boot_fault fault = history_resolve(h, seen, &boot);
  if (fault == BOOT_FINE) return h;
  printf("BAD boot=%llu found=%s\n", (ull)boot, faults[fault]);
  exit(1);
}

static int check(int argc, char **argv) {
  // Twice: how far a killed guest's last phase reached is only known from the image.
  struct history *first = history_read(needed(argc, argv, "--journal"));
  if (!first) return 2;
  struct image image = read_image(needed(argc, argv, "--raw"), history_area(first));
  struct history *h = read_history(argc, argv, image.max_op);

  const char *text = option(argc, argv, "--acked");
  u64 acked = text ? strtoull(text, NULL, 10) : history_acked(h);
  text = option(argc, argv, "--upto");
  u64 upto = text ? strtoull(text, NULL, 10) : ~0ULL;

  u64 op = image.damaged ? 0 : history_find(h, image.sum);
  int exact = !image.damaged && (op != 0 || image.sum == 0);
  u64 different = exact ? explain(h, &image, op) : explain(h, &image, image.max_op);
  int lost = exact && !history_holds(h, op, acked), future = exact && op > upto;
  int good = exact && !different && !lost && !future;
  printf("%s op=%llu exact=%d max_op=%llu acked=%llu lost_acked=%d future=%d damaged=%llu different=%llu nonzero=%llu "
         "sum=%llx\n",
         good ? "GOOD" : "BAD", (ull)op, exact, (ull)image.max_op, (ull)acked, lost, future, (ull)image.damaged,
         (ull)different, (ull)image.nonzero, (ull)image.sum);
  return !good;
}

static int find(int argc, char **argv) {
  u64 sum = strtoull(needed(argc, argv, "--sum"), NULL, 16);
  const char *seen = option(argc, argv, "--max-op");
  struct history *h = read_history(argc, argv, seen ? strtoull(seen, NULL, 10) : 0);
  u64 op = history_find(h, sum);
  int found = op != 0 || sum == 0;
  printf("%s op=%llu\n", found ? "GOOD" : "BAD", (ull)op);
  return !found;
}

static int expect(int argc, char **argv) {
  u64 op = strtoull(needed(argc, argv, "--upto"), NULL, 10);
  struct history *h = read_history(argc, argv, op);
  printf("GOOD op=%llu sum=%llx\n", (ull)op, (ull)history_sum(h, op));
  return 0;
}

static int seed(int argc, char **argv) {
  u64 count = strtoull(needed(argc, argv, "--count"), NULL, 10), area = strtoull(needed(argc, argv, "--area"), NULL, 10);
  int fd = open(needed(argc, argv, "--raw"), O_WRONLY);
  u64 block[BLOCK_WORDS];
  for (u64 op = 1; op <= count; op++) {
    u64 number = block_target(WRITE_RAND, 0, area, 1, op);
    block_make(block, number, op);
    if (pwrite(fd, block, BLOCK_BYTES, number * BLOCK_BYTES) != BLOCK_BYTES) {
      perror("seed");
      return 2;
    }
  }
  if (close(fd) != 0) return 2;
  printf("BOOT 1 0 0 0 %llu;\nP 1 rand 0 %llu;\nE %llu;\nA %llu;\n", (ull)area, (ull)area, (ull)count, (ull)count);
  return 0;
}

int main(int argc, char **argv) {
  const struct {
    const char *name;
    int (*run)(int, char **);
  } commands[] = {{"check", check}, {"find", find}, {"expect", expect}, {"seed", seed}};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (argc > 1 && !strcmp(argv[1], commands[i].name)) return commands[i].run(argc, argv);
  fprintf(stderr, "patio check|find|expect|seed, with the options that the head of patio.c lists\n");
  return 2;
}
