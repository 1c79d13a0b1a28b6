#include "history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct phase {
  u64 first_op;
  enum write_kind kind;
  u64 start, span;
};

struct boot {
  u64 first_op, found_op, found_sum, damaged;
  struct phase *phases;
  int phase_count;
  u64 reach; // the last operation known to have been begun
  u64 acked; // 0: none in this boot
  u64 from;  // the state it began from
  u64 *sums; // of the states first_op .. reach, once resolved
  int rolled_back;
  u64 must_hold, at_most; // of the state it began from, when rolled_back
};

struct history {
  struct boot *boots;
  int boot_count;
  u64 area;
  struct boot announced; // what an R line says of the next boot
};

static void *grow(void *array, int count, size_t size) {
  if (count & (count - 1)) return array; // room is doubled at the powers of two
  array = realloc(array, (count ? 2 * count : 1) * size);
  if (!array) abort();
  return array;
}

static void *zeroed(u64 count) {
  void *memory = calloc(count ? count : 1, sizeof(u64));
  if (!memory) abort();
  return memory;
}

static void raise_to(u64 *value, u64 least) {
  if (*value < least) *value = least;
}

static struct boot *last_boot(const struct history *h) { return &h->boots[h->boot_count - 1]; }

static void read_line(struct history *h, const char *line) {
  ull a, b, c, d, e;
  char kind[8], end = 0;
  if (sscanf(line, "BOOT %llu %llu %llx %llu %llu%c", &a, &b, &c, &d, &e, &end) == 6 && end == ';') {
    h->boots = grow(h->boots, h->boot_count, sizeof *h->boots);
    struct boot *boot = &h->boots[h->boot_count++];
    *boot = h->announced;
    boot->first_op = a;
    boot->found_op = b;
    boot->found_sum = c;
    boot->damaged = d;
    boot->reach = a - 1;
    h->announced = (struct boot){0};
    h->area = e;
    return;
  }
  if (sscanf(line, "R %llu %llu%c", &a, &b, &end) == 3 && end == ';')
    h->announced = (struct boot){.rolled_back = 1, .must_hold = a, .at_most = b};
  if (!strcmp(line, "N;\n")) h->announced = (struct boot){0};
  if (h->boot_count == 0) return;
  struct boot *boot = last_boot(h);
  if (sscanf(line, "P %llu %7s %llu %llu%c", &a, kind, &b, &c, &end) == 5 && end == ';' && b + c <= h->area) {
    boot->phases = grow(boot->phases, boot->phase_count, sizeof *boot->phases);
    enum write_kind what = !strcmp(kind, "zero") ? WRITE_ZERO : !strcmp(kind, "rand") ? WRITE_RAND : WRITE_SEQ;
    boot->phases[boot->phase_count++] = (struct phase){a, what, b, c};
    raise_to(&boot->reach, a - 1);
  } else if (sscanf(line, "E %llu%c", &a, &end) == 2 && end == ';') {
    raise_to(&boot->reach, a);
  } else if (sscanf(line, "A %llu%c", &a, &end) == 2 && end == ';') {
    raise_to(&boot->reach, a);
    if (a >= boot->first_op) boot->acked = a;
  }
}

struct history *history_read(const char *journal) {
  FILE *file = fopen(journal, "r");
  if (!file) {
    perror(journal);
    return NULL;
  }
  struct history *h = zeroed(sizeof *h / sizeof(u64) + 1);
  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, file) > 0) read_line(h, line);
  free(line);
  fclose(file);
  return h;
}

u64 history_area(const struct history *h) { return h->area; }

/** The boot in which `op` was written; NULL for 0 and for numbers before the first boot. */
static struct boot *boot_of(const struct history *h, u64 op) {
  for (int i = h->boot_count - 1; i >= 0; i--)
    if (op >= h->boots[i].first_op) return &h->boots[i];
  return NULL;
}

/** Applies the boot's operations up to `upto` to `state`; with `sums`, notes the sum after each. */
static void apply(const struct boot *boot, u64 upto, u64 *state, u64 sum, u64 *sums) {
  for (int i = 0; i < boot->phase_count; i++) {
    const struct phase *p = &boot->phases[i];
    u64 end = i + 1 < boot->phase_count ? boot->phases[i + 1].first_op - 1 : boot->reach;
    if (end > upto) end = upto;
    for (u64 op = p->first_op; op <= end; op++) {
      u64 from = p->kind == WRITE_ZERO ? p->start : block_target(p->kind, p->start, p->span, p->first_op, op);
      u64 count = p->kind == WRITE_ZERO ? p->span : 1, shown = p->kind == WRITE_ZERO ? 0 : op;
      for (u64 block = from; block < from + count; block++) {
        sum += block_share(block, shown) - block_share(block, state[block]);
        state[block] = shown;
      }
      if (sums) sums[op - boot->first_op] = sum;
    }
  }
}

u64 *history_state(const struct history *h, u64 op) {
  struct boot *boot = boot_of(h, op);
  if (!boot) return zeroed(h->area);
  u64 *state = history_state(h, boot->from);
  apply(boot, op, state, 0, NULL);
  return state;
}

u64 history_sum(const struct history *h, u64 op) {
  struct boot *boot = boot_of(h, op);
  if (!boot) return 0;
  if (op > boot->reach) op = boot->reach;
  return op < boot->first_op ? history_sum(h, boot->from) : boot->sums[op - boot->first_op];
}

static u64 find_before(const struct history *h, int boots, u64 sum) {
  for (int i = boots - 1; i >= 0; i--) {
    const struct boot *boot = &h->boots[i];
    for (u64 op = boot->reach; op >= boot->first_op; op--)
      if (boot->sums[op - boot->first_op] == sum) return op;
  }
  return 0; // the empty disk, if anything
}

u64 history_find(const struct history *h, u64 sum) { return find_before(h, h->boot_count, sum); }

int history_holds(const struct history *h, u64 op, u64 earlier) {
  for (struct boot *boot = boot_of(h, op); boot; boot = boot_of(h, op)) {
    if (earlier >= boot->first_op) return earlier <= op;
    op = boot->from;
  }
  return earlier == 0;
}

static u64 acked_in(const struct boot *boot) { return boot->acked ? boot->acked : boot->from; }

static enum boot_fault place(struct history *h, int i) {
  struct boot *boot = &h->boots[i];
  if (boot->damaged) return BOOT_DAMAGED;
  boot->from = find_before(h, i, boot->found_sum);
  if (boot->from == 0 && boot->found_sum != 0) return BOOT_MATCHES_NO_STATE;
  boot->sums = zeroed(boot->reach - boot->first_op + 1);
  u64 *state = history_state(h, boot->from);
  apply(boot, boot->reach, state, boot->found_sum, boot->sums);
  free(state);
  if (boot->rolled_back)
    return history_holds(h, boot->from, boot->must_hold) && boot->from <= boot->at_most ? BOOT_FINE
                                                                                       : BOOT_MISSES_ROLLBACK;
  return i == 0 || history_holds(h, boot->from, acked_in(boot - 1)) ? BOOT_FINE : BOOT_LACKS_FLUSHED;
}

enum boot_fault history_resolve(struct history *h, u64 seen, u64 *faulty_boot) {
  for (int i = 0; i <= h->boot_count; i++) { // first what each boot's disk and `seen` say of the boots before
    u64 op = i < h->boot_count ? h->boots[i].found_op : seen;
    struct boot *boot = boot_of(h, op);
    if (boot) raise_to(&boot->reach, op);
  }
  for (int i = 0; i < h->boot_count; i++) {
    enum boot_fault fault = place(h, i);
    *faulty_boot = h->boots[i].first_op;
    if (fault != BOOT_FINE) return fault;
  }
  return BOOT_FINE;
}

u64 history_acked(const struct history *h) { return h->boot_count == 0 ? 0 : acked_in(last_boot(h)); }
