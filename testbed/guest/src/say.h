// The two ways out of the guest: the serial console, which is the journal, and the control port, which answers.
#pragma once

/** Opens the control port (virtio-serial port `org.varve.control`); gives its descriptor, -1 when there is none. */
int control_open(void);

/** Instead of that: a pipe, /run/control, for commands; answers go to the console. */
int control_on_console(void);

/** A line for people on the console. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * A line of the journal, closed by ';' so that one cut short is known as such. Has left the machine when this returns:
 * a journal that lags behind the disk would make a killed guest's last writes look foreign.
 */
void journal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The answer to the command that is being done. */
void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Which command the next answers belong to. */
void answering(unsigned long long id);
