// The proving guest: takes commands on the control port and works on its disk. Kernel command line:
//   varve.area=BLOCKS     how many blocks from the disk's start it writes to (65536: 256 MiB)
//   varve.load=START,SPAN,seq|rand,FLUSH_EVERY,PER_SECOND      begins to write by itself
//   varve.disk=DEVICE     another one than /dev/vda
//   varve.control=console where the host gives it no control port: commands are written into /run/control (by the guest
//                         agent, say), and the answers come on the console
//
// A command is "<id> <words>", an answer "<id> ok ..." or "<id> err ..."; numbers are decimal, blocks are of 4096 bytes.
//   ping
//   stat                                  boot= op= acked= max_us= errors= running=
//   reset                                 the same, and begins a new max_us
//   load START SPAN seq|rand FLUSH_EVERY PER_SECOND      writes in the background, without end
//   stop                                  ends that, flushes
//   write COUNT START SPAN seq|rand FLUSH_EVERY          writes COUNT blocks, answers when done
//   fill START COUNT                      sequentially, 1 MiB at a time, one flush
//   zero START COUNT | discard START COUNT               (whole clusters: multiples of 16)
//   sync
//   verify [START COUNT]                  damaged= wrong= zero= max_op= sum=; reads the area, also under load
//   sh COMMAND...                         rc= and the output, '|' for new lines
//   poweroff | reboot                     flush first; the power button does the same
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "disk.h"
#include "say.h"

static void leave(int how) {
  disk_load_stop();
  disk_flush();
  journal("A %llu", (ull)disk_stat().acked);
  sync();
  reboot(how);
}

static void *watch_power_button(void *path) {
  int fd = open(path, O_RDONLY);
  struct input_event event;
  while (fd >= 0 && read(fd, &event, sizeof event) == sizeof event) {
    if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1) leave(RB_POWER_OFF);
  }
  return NULL;
}

static void answer_stat(const char *word) {
  struct disk_stat s = disk_stat();
  answer("ok %s boot=%llu op=%llu acked=%llu max_us=%llu errors=%llu running=%d", word, (ull)s.first_op, (ull)s.op,
         (ull)s.acked, (ull)s.max_us, (ull)s.errors, s.running);
}

static void answer_done(const char *word, int error) {
  if (error) answer("err %s: %s", word, strerror(error));
  else answer_stat(word);
}

static void answer_verify(u64 start, u64 count) {
  struct disk_view v;
  int error = disk_verify(start, count, &v);
  if (error) answer("err verify: %s", strerror(error));
  else
    answer("ok verify damaged=%llu wrong=%llu zero=%llu max_op=%llu sum=%llx", (ull)v.damaged, (ull)v.wrong,
           (ull)v.zero, (ull)v.max_op, (ull)v.sum);
}

static void answer_shell(const char *command) {
  char text[3500];
  snprintf(text, sizeof text, "exec 2>&1; %s", command);
  FILE *pipe = popen(text, "r");
  size_t n = pipe ? fread(text, 1, sizeof text - 1, pipe) : 0;
  while (n > 0 && text[n - 1] == '\n') n--;
  text[n] = 0;
  for (char *c = text; *c; c++)
    if (*c == '\n') *c = '|';
  int status = pipe ? pclose(pipe) : -1;
  answer("ok rc=%d %s", status < 0 ? status : status >> 8, text);
}

static enum write_kind kind_of(const char *word) { return strcmp(word, "rand") == 0 ? WRITE_RAND : WRITE_SEQ; }

static int write_some(struct load load) {
  int error = disk_load_start(&load);
  return error ? error : disk_load_wait();
}

static void obey(char *line, u64 area) {
  ull id = 0, a, b, c, d;
  int skip = 0;
  char kind[8] = "";
  if (sscanf(line, "%llu %n", &id, &skip) < 1 || skip == 0) return;
  answering(id);
  char *words = line + skip;
  if (!strcmp(words, "ping")) answer("ok pong");
  else if (!strcmp(words, "stat")) answer_stat("stat");
  else if (!strcmp(words, "reset")) answer_stat("reset"), disk_reset_latency();
  else if (!strcmp(words, "stop")) disk_load_stop(), answer_stat("stop");
  else if (!strcmp(words, "sync")) answer_done("sync", disk_flush());
  else if (!strcmp(words, "verify")) answer_verify(0, area);
  else if (sscanf(words, "verify %llu %llu", &a, &b) == 2) answer_verify(a, b);
  else if (sscanf(words, "fill %llu %llu", &a, &b) == 2) answer_done("fill", disk_fill(a, b));
  else if (sscanf(words, "zero %llu %llu", &a, &b) == 2) answer_done("zero", disk_clear(a, b, 0));
  else if (sscanf(words, "discard %llu %llu", &a, &b) == 2) answer_done("discard", disk_clear(a, b, 1));
  else if (sscanf(words, "load %llu %llu %7s %llu %llu", &a, &b, kind, &c, &d) == 5)
    answer_done("load", disk_load_start(&(struct load){kind_of(kind), a, b, c, d, 0}));
  else if (sscanf(words, "write %llu %llu %llu %7s %llu", &a, &b, &c, kind, &d) == 5)
    answer_done("write", a ? write_some((struct load){kind_of(kind), b, c, d, 0, a}) : ERANGE);
  else if (!strncmp(words, "sh ", 3)) answer_shell(words + 3);
  else if (!strcmp(words, "poweroff")) disk_load_stop(), answer_stat("poweroff"), leave(RB_POWER_OFF);
  else if (!strcmp(words, "reboot")) disk_load_stop(), answer_stat("reboot"), leave(RB_AUTOBOOT);
  else answer("err unknown command: %s", words);
}

static u64 area_on(const char *command_line) {
  const char *at = strstr(command_line, "varve.area=");
  return at ? strtoull(at + strlen("varve.area="), NULL, 10) : 65536;
}

static void load_on(const char *command_line) {
  const char *at = strstr(command_line, "varve.load=");
  ull start, span, every, rate;
  char kind[8];
  if (!at || sscanf(at, "varve.load=%llu,%llu,%7[a-z],%llu,%llu", &start, &span, kind, &every, &rate) != 5) return;
  disk_load_start(&(struct load){kind_of(kind), start, span, every, rate, 0});
}

static const char *device_on(const char *command_line) {
  static char path[64];
  const char *at = strstr(command_line, "varve.disk=");
  return at && sscanf(at, "varve.disk=%63s", path) == 1 ? path : "/dev/vda";
}

int main(void) {
  char command_line[4096] = "";
  FILE *file = fopen("/proc/cmdline", "r");
  if (!file || !fgets(command_line, sizeof command_line, file)) return 1;
  fclose(file);

  say(" "); // whatever a killed predecessor was saying ends here

  int control = strstr(command_line, "varve.control=console") ? control_on_console() : control_open();
  int error = disk_open(device_on(command_line), area_on(command_line));
  if (control < 0 || error) {
    say("FAILED control=%d disk: %s", control, strerror(error));
    return 1;
  }
  u64 area = disk_area();
  pthread_t buttons[3];
  static char *inputs[] = {"/dev/input/event0", "/dev/input/event1", "/dev/input/event2"};
  for (int i = 0; i < 3; i++) pthread_create(&buttons[i], NULL, watch_power_button, inputs[i]);
  load_on(command_line);
  say("READY");

  char line[1024];
  for (size_t n = 0;;) {
    struct pollfd waiting = {control, POLLIN, 0};
    poll(&waiting, 1, 1000);
    char c;
    if (read(control, &c, 1) != 1) {
      usleep(5000); // nobody is connected: poll says so at once
    } else if (c == '\n') {
      line[n] = 0;
      n = 0;
      obey(line, area);
    } else if (n < sizeof line - 1) {
      line[n++] = c;
    }
  }
}
