#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

enum { CHUNK_BLOCKS = 256 };

static const u64 UNKNOWN = ~0ULL;

static int device = -1;
static u64 area;
static u64 *last_op; // per block: the operation it must show, 0 for zeros, or UNKNOWN before the first look
static struct disk_stat stat;
static struct load load;
static volatile int stopping;
static pthread_t writer;
// Held for each write together with its entry in last_op, and for each read that compares with it.
static pthread_mutex_t io = PTHREAD_MUTEX_INITIALIZER;

static u64 now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static void *aligned(size_t bytes) {
  void *memory;
  if (posix_memalign(&memory, BLOCK_BYTES, bytes) != 0) abort();
  return memory;
}

static int in_area(u64 start, u64 count) { return count > 0 && start < area && count <= area - start; }

/** Numbers that no other boot uses, even when the disk was put back in between: the clock, not the disk, says them. */
static u64 first_op_of_this_boot(void) { return (u64)(time(NULL) - 1767225600 /* 2026 */) * 1000000; }

/** What lies behind the area becomes a partition, /dev/vda1, without a table on the disk: room for a file system. */
static void make_partition(u64 disk_bytes) {
  u64 from = (area * BLOCK_BYTES + (1 << 20)) >> 20 << 20;
  if (disk_bytes < from + (16 << 20)) return;
  struct blkpg_partition partition = {.start = from, .length = disk_bytes - from, .pno = 1};
  struct blkpg_ioctl_arg add = {.op = BLKPG_ADD_PARTITION, .datalen = sizeof partition, .data = &partition};
  if (ioctl(device, BLKPG, &add) != 0) say("no partition: %s", strerror(errno));
}

int disk_open(const char *path, u64 blocks) {
  for (int tries = 0; tries < 500 && (device = open(path, O_RDWR | O_DIRECT)) < 0; tries++) usleep(10000);
  if (device < 0) return errno;
  u64 bytes = 0;
  if (ioctl(device, BLKGETSIZE64, &bytes) != 0) return errno;
  area = blocks < bytes / BLOCK_BYTES ? blocks : bytes / BLOCK_BYTES;
  make_partition(bytes);
  last_op = malloc(area * sizeof *last_op);
  if (!last_op) return ENOMEM;
  for (u64 i = 0; i < area; i++) last_op[i] = UNKNOWN;

  struct disk_view view;
  int error = disk_verify(0, area, &view);
  if (error) return error;
  stat.first_op = first_op_of_this_boot();
  stat.op = stat.acked = stat.first_op - 1;
  journal("BOOT %llu %llu %llx %llu %llu", (ull)stat.first_op, (ull)view.max_op, (ull)view.sum, (ull)view.damaged,
          (ull)area);
  return 0;
}

u64 disk_area(void) { return area; }

struct disk_stat disk_stat(void) { return stat; }

void disk_reset_latency(void) { stat.max_us = 0; }

int disk_flush(void) {
  u64 op = stat.op; // what is written while the flush runs isn't covered by it
  if (fdatasync(device) != 0) {
    stat.errors++;
    return errno;
  }
  stat.acked = op;
  return 0;
}

static void begin_phase(const char *kind, u64 start, u64 span) {
  journal("P %llu %s %llu %llu", (ull)(stat.op + 1), kind, (ull)start, (ull)span);
}

static int end_phase(void) {
  int error = disk_flush();
  journal("E %llu", (ull)stat.op);
  if (!error) journal("A %llu", (ull)stat.acked);
  return error;
}

int disk_fill(u64 start, u64 count) {
  if (stat.running) return EBUSY;
  if (!in_area(start, count)) return ERANGE;
  char *chunk = aligned(CHUNK_BLOCKS * BLOCK_BYTES);
  int error = 0;
  begin_phase("seq", start, count);
  for (u64 done = 0; done < count && !error;) {
    u64 n = count - done < CHUNK_BLOCKS ? count - done : CHUNK_BLOCKS;
    for (u64 i = 0; i < n; i++) block_make((u64 *)(chunk + i * BLOCK_BYTES), start + done + i, stat.op + 1 + i);
    if (pwrite(device, chunk, n * BLOCK_BYTES, (start + done) * BLOCK_BYTES) != (ssize_t)(n * BLOCK_BYTES)) {
      error = errno ? errno : EIO;
      break;
    }
    for (u64 i = 0; i < n; i++) last_op[start + done + i] = ++stat.op;
    done += n;
  }
  free(chunk);
  int flush_error = end_phase();
  return error ? error : flush_error;
}

int disk_clear(u64 start, u64 count, int discard) {
  if (stat.running) return EBUSY;
  // qcow2 ignores a discard of less than a cluster, which then still shows the old data.
  if (!in_area(start, count) || (discard && (start % 16 || count % 16))) return ERANGE;
  u64 range[2] = {start * BLOCK_BYTES, count * BLOCK_BYTES};
  begin_phase("zero", start, count);
  int error = ioctl(device, discard ? BLKDISCARD : BLKZEROOUT, range) ? errno : 0;
  stat.op++;
  for (u64 i = 0; i < count; i++) last_op[start + i] = 0;
  int flush_error = end_phase();
  return error ? error : flush_error;
}

static void write_one(u64 *block, u64 phase_op) {
  u64 op = stat.op + 1, number = block_target(load.kind, load.start, load.span, phase_op, op);
  block_make(block, number, op);
  pthread_mutex_lock(&io);
  u64 began = now_us();
  ssize_t n = pwrite(device, block, BLOCK_BYTES, number * BLOCK_BYTES);
  if (n == BLOCK_BYTES) {
    stat.op = op;
    last_op[number] = op;
  }
  pthread_mutex_unlock(&io);
  if (n != BLOCK_BYTES) {
    stat.errors++;
    say("write of op %llu: %s", (ull)op, strerror(errno));
    usleep(100000); // and the same operation again
    return;
  }
  if (load.flush_every && (op - phase_op + 1) % load.flush_every == 0) disk_flush();
  u64 took = now_us() - began;
  if (took > stat.max_us) stat.max_us = took;
}

static void *write_load(void *unused) {
  (void)unused;
  u64 *block = aligned(BLOCK_BYTES), phase_op = stat.op + 1, began = now_us(), told = began;
  while (!stopping && (!load.count || stat.op - phase_op + 1 < load.count)) {
    write_one(block, phase_op);
    u64 now = now_us();
    if (now - told >= 1000000) {
      journal("A %llu", (ull)stat.acked);
      told = now;
    }
    u64 due = load.per_second ? began + (stat.op - phase_op + 1) * 1000000 / load.per_second : 0;
    if (due > now) usleep(due - now);
  }
  free(block);
  end_phase();
  stat.running = 0;
  return NULL;
}

int disk_load_start(const struct load *wanted) {
  if (stat.running) return EBUSY;
  if (!in_area(wanted->start, wanted->span)) return ERANGE;
  disk_load_wait(); // one that ended by itself
  load = *wanted;
  stopping = 0;
  stat.running = 1;
  begin_phase(load.kind == WRITE_RAND ? "rand" : "seq", load.start, load.span);
  return pthread_create(&writer, NULL, write_load, NULL);
}

int disk_load_wait(void) {
  if (!writer) return 0;
  int error = pthread_join(writer, NULL);
  writer = 0;
  return error;
}

void disk_load_stop(void) {
  stopping = 1;
  disk_load_wait();
}

static void compare(const u64 *block, u64 number, struct disk_view *view) {
  u64 op = 0;
  enum block_kind kind = block_read(block, number, &op);
  if (kind == BLOCK_DAMAGED) {
    if (view->damaged++ < 5) say("block %llu is damaged", (ull)number);
    return;
  }
  if (kind == BLOCK_ZERO) view->zero++;
  if (op > view->max_op) view->max_op = op;
  view->sum += block_share(number, op);
  if (last_op[number] == UNKNOWN) last_op[number] = op;
  if (last_op[number] == op) return;
  if (view->wrong++ < 5) say("block %llu shows op %llu, not %llu", (ull)number, (ull)op, (ull)last_op[number]);
}

int disk_verify(u64 start, u64 count, struct disk_view *view) {
  memset(view, 0, sizeof *view);
  if (!in_area(start, count)) return ERANGE;
  char *chunk = aligned(CHUNK_BLOCKS * BLOCK_BYTES);
  int error = 0;
  for (u64 done = 0; done < count && !error;) {
    u64 n = count - done < CHUNK_BLOCKS ? count - done : CHUNK_BLOCKS;
    pthread_mutex_lock(&io);
    if (pread(device, chunk, n * BLOCK_BYTES, (start + done) * BLOCK_BYTES) != (ssize_t)(n * BLOCK_BYTES)) error = errno;
    for (u64 i = 0; i < n && !error; i++) compare((u64 *)(chunk + i * BLOCK_BYTES), start + done + i, view);
    pthread_mutex_unlock(&io);
    done += n;
  }
  free(chunk);
  return error;
}
