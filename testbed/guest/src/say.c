#include "say.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static const char *PORT_NAME = "org.varve.control";
static const char *PIPE = "/run/control";
static int control = -1, answers = -1;
static unsigned long long answering_id;
static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;

int control_open(void) {
  for (int tries = 0; tries < 100 && control < 0; tries++) {
    DIR *ports = opendir("/sys/class/virtio-ports");
    for (struct dirent *port; ports && control < 0 && (port = readdir(ports));) {
      char path[512], name[128] = "";
      snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", port->d_name);
      FILE *file = fopen(path, "r");
      if (!file) continue;
      if (fgets(name, sizeof name, file)) name[strcspn(name, "\n")] = 0;
      fclose(file);
      if (strcmp(name, PORT_NAME) != 0) continue;
      snprintf(path, sizeof path, "/dev/%s", port->d_name);
      control = open(path, O_RDWR | O_NONBLOCK);
    }
    if (ports) closedir(ports);
    if (control < 0) usleep(20000);
  }
  answers = control;
  return control;
}

int control_on_console(void) {
  if (mkfifo(PIPE, 0600) != 0) return -1;
  control = open(PIPE, O_RDWR | O_NONBLOCK); // also for writing, so that it never ends
  answers = STDOUT_FILENO;
  return control;
}

void answering(unsigned long long id) { answering_id = id; }

static void write_all(int fd, const char *text, size_t length, int tries) {
  for (size_t done = 0; done < length && tries > 0;) {
    ssize_t n = write(fd, text + done, length - done);
    if (n > 0) {
      done += n;
    } else { // nobody reads the control port just now
      tries--;
      usleep(10000);
    }
  }
}

static size_t format_line(char *line, size_t size, const char *end, const char *format, va_list args) {
  int n = vsnprintf(line, size - 3, format, args);
  size_t length = n < (int)size - 3 ? (size_t)n : size - 4;
  length += snprintf(line + length, 3, "%s\n", end);
  return length;
}

void say(const char *format, ...) {
  char line[4096];
  va_list args;
  va_start(args, format);
  size_t length = format_line(line, sizeof line, "", format, args);
  va_end(args);
  pthread_mutex_lock(&out);
  write_all(STDOUT_FILENO, line, length, 100);
  pthread_mutex_unlock(&out);
}

void journal(const char *format, ...) {
  char line[4096];
  va_list args;
  va_start(args, format);
  size_t length = format_line(line, sizeof line, ";", format, args);
  va_end(args);
  pthread_mutex_lock(&out);
  write_all(STDOUT_FILENO, line, length, 100);
  tcdrain(STDOUT_FILENO);
  pthread_mutex_unlock(&out);
}

void answer(const char *format, ...) {
  char text[4096], line[4200];
  va_list args;
  va_start(args, format);
  format_line(text, sizeof text, "", format, args);
  va_end(args);
  int length = snprintf(line, sizeof line, "%llu %s", answering_id, text);
  pthread_mutex_lock(&out);
  write_all(answers, line, length, 200);
  pthread_mutex_unlock(&out);
}
