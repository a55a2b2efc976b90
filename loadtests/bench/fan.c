// fan: load on chat rooms over WebSocket, the latency of what arrives, and what it costs the servers. Linux (epoll, /proc).
//
//   cc -O2 -o fan fan.c
//   fan --sockets FILE --message TEMPLATE --prefix TEXT [--ack TEXT] [--room-size N] [--window W] [--warmup S] [--seconds S]
//       [--hello TEXT] [--ping TEXT --pong TEXT] [--order any] [--cpu N] [--pid N ...]
//
// FILE has a line `PORT ROOM PATH` per WebSocket connection to 127.0.0.1; all are open before the load begins. Every N lines
// are the members of one room (0, the default: all lines), and the first of them sends: TEMPLATE, in which `%r` becomes ROOM
// and `%d` a number that is unique in this run. It keeps W messages in flight. A message is done when each member has
// received a text frame that begins with --prefix and contains the same number between two `#`, and when, with --ack, the
// sender has received a frame that begins with that. A frame out of order, repeated or missing ends the run with an error:
// what is measured is delivery in the room's order, not bytes. Other protocols than ours may need --hello, which each socket
// says first, and --pong, which is the answer to a text frame that is just --ping; a server that keeps no order needs
// `--order any`: then a frame counts for the message whose number it has, and only what is missing ends the run.
//
// After --warmup seconds the clocks start: for --seconds, messages, deliveries, latencies and the CPU time of each --pid are
// counted. Then nothing more is sent, and everything must arrive within PATIENCE seconds. Latency is from the send to the
// last thing that makes the message done. Memory is read three times: before the first connection, after the first tenth of
// them (which may fill caches), and when all have been open for a second. Prints one line of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BUF = 1 << 16, TEXT = 1 << 14, MAX_WINDOW = 1024, MAX_PIDS = 32, EVENTS = 512, PATIENCE = 10 };

typedef struct {
  int fd, port, first;  // first: whether it is of the first tenth
  size_t room, length;
  long received, deliveries;  // messages so far; those while the clocks ran
  unsigned char *buffer;
} Socket;

typedef struct {
  size_t sender, size;
  char name[64];
  long sent, done, acks;
  struct { double at; int left; } flight[MAX_WINDOW];  // by number of the message modulo `ring`
} Room;

typedef struct { int pid; double cpu; long before, tenth, idle; } Server;

static const char *sockets_file, *template_, *prefix = "", *ack, *hello, *ping, *pong;
static int room_size, window_ = 1, ring, cpu = -1;  // ring: of how many messages one remembers what is left
static double warmup = 1, seconds = 5;
static Server servers[MAX_PIDS];
static size_t socket_count, room_count, server_count;
static Socket *sockets;
static Room *rooms;
static int sending = 1, counting, unfinished, any_order;
static long messages;
static double *latencies;
static size_t latency_count, latency_room;

static void die(const char *format, ...) {
  va_list arguments; va_start(arguments, format);
  fputs("fan: ", stderr); vfprintf(stderr, format, arguments); fputc('\n', stderr);
  exit(1);
}

static void *grow(void *memory, size_t size) {
  void *more = realloc(memory, size);
  if (!more) die("out of memory");
  return more;
}

static double now(void) {
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

// --- servers: CPU seconds and resident KiB -----------------------------------------------------------------------------

static double cpu_seconds(int pid) {  // user and system time of all threads, proc(5)
  char path[64], text[2048]; unsigned long user = 0, kernel = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file) die("process %d is gone", pid);
  size_t n = fread(text, 1, sizeof text - 1, file); text[n] = 0; fclose(file);
  char *after_name = strrchr(text, ')');
  if (!after_name || sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
    die("%s cannot be read", path);
  return (user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static long resident_kib(int pid) {
  char path[64]; long size, resident = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2) die("%s cannot be read", path);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// --- connections -------------------------------------------------------------------------------------------------------

static size_t frame(unsigned char *out, int opcode, const char *text, size_t size) {  // masked with zero (RFC 6455, 5.3)
  size_t n = 0;
  out[n++] = 0x80 | opcode;
  if (size < 126) out[n++] = 0x80 | size; else { out[n++] = 0x80 | 126; out[n++] = size >> 8; out[n++] = size & 255; }
  memset(out + n, 0, 4); n += 4;
  memcpy(out + n, text, size);
  return n + size;
}

static void put(Socket *s, int opcode, const char *text, size_t size) {
  static unsigned char out[TEXT + 16];
  size_t n = frame(out, opcode, text, size);
  if (write(s->fd, out, n) != (ssize_t)n) die("socket %zu does not take a frame: %s", (size_t)(s - sockets), strerror(errno));
}

static void dial(Socket *s, const char *path) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(s->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  s->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (s->fd < 0 || connect(s->fd, (void *)&address, sizeof address)) die("port %d: %s", s->port, strerror(errno));
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char request[TEXT];
  int n = snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, s->port);
  if (n >= (int)sizeof request) die("a path is too long");
  if (write(s->fd, request, n) != n) die("port %d: %s", s->port, strerror(errno));
  s->buffer = grow(NULL, BUF);
  char *end = NULL;
  while (!end) {
    ssize_t got = read(s->fd, s->buffer + s->length, BUF - 1 - s->length);
    if (got <= 0) die("socket %zu was closed in the handshake", (size_t)(s - sockets));
    s->length += got; s->buffer[s->length] = 0;
    end = strstr((char *)s->buffer, "\r\n\r\n");
  }
  if (strncmp((char *)s->buffer, "HTTP/1.1 101", 12)) die("socket %zu was refused: %.300s", (size_t)(s - sockets), s->buffer);
  size_t head = end + 4 - (char *)s->buffer;
  s->length -= head;
  memmove(s->buffer, s->buffer + head, s->length);
  if (hello) put(s, 1, hello, strlen(hello));
  fcntl(s->fd, F_SETFL, O_NONBLOCK);
}

// Opens them all; returns how long connecting took, in seconds.
static double open_sockets(void) {
  FILE *file = fopen(sockets_file, "r");
  if (!file) die("%s: %s", sockets_file, strerror(errno));
  static char line[TEXT], (*paths)[TEXT / 8];
  while (fgets(line, sizeof line, file)) {
    sockets = grow(sockets, (socket_count + 1) * sizeof *sockets);
    paths = grow(paths, (socket_count + 1) * sizeof *paths);
    Socket *s = &sockets[socket_count];
    *s = (Socket){0};
    char name[64];
    if (sscanf(line, "%d %63s %2047s", &s->port, name, paths[socket_count]) != 3) die("line %zu is none", socket_count + 1);
    if (room_size ? socket_count % room_size == 0 : socket_count == 0) {
      rooms = grow(rooms, (room_count + 1) * sizeof *rooms);
      rooms[room_count] = (Room){.sender = socket_count};
      strcpy(rooms[room_count++].name, name);
    }
    s->room = room_count - 1;
    rooms[s->room].size++;
    socket_count++;
  }
  fclose(file);
  if (!socket_count) die("%s is empty", sockets_file);
  double dialing = 0;
  for (size_t i = 0; i < server_count; i++) servers[i].before = resident_kib(servers[i].pid);
  for (size_t n = 0; n < socket_count; n++) {
    sockets[n].first = n < socket_count / 10;
    if (n == socket_count / 10) {
      usleep(500000);
      for (size_t i = 0; i < server_count; i++) servers[i].tenth = resident_kib(servers[i].pid);
    }
    double start = now();
    dial(&sockets[n], paths[n]);
    dialing += now() - start;
  }
  free(paths);
  return dialing;
}

// --- messages ----------------------------------------------------------------------------------------------------------

static void say(Room *room) {
  char text[TEXT]; size_t n = 0;
  for (const char *t = template_; *t; t++) {
    if (n > sizeof text - 128) die("the message is too long");
    if (t[0] == '%' && t[1] == 'd') { n += sprintf(text + n, "%d-%zu-%ld", getpid(), (size_t)(room - rooms), room->sent); t++; }
    else if (t[0] == '%' && t[1] == 'r') { n += sprintf(text + n, "%s", room->name); t++; }
    else text[n++] = *t;
  }
  if (room->flight[room->sent % ring].left) die("one message is %d behind the others", ring);
  room->flight[room->sent % ring].left = room->size + (ack != NULL);
  room->flight[room->sent % ring].at = now();
  room->sent++; unfinished++;
  put(&sockets[room->sender], 1, text, n);
}

static void remember(double latency) {
  if (latency_count == latency_room) latencies = grow(latencies, (latency_room = latency_room * 2 + 4096) * sizeof *latencies);
  latencies[latency_count++] = latency;
}

static void arrived(Room *room, long number) {
  if (--room->flight[number % ring].left) return;
  unfinished--; room->done++;
  if (counting) { messages++; remember(now() - room->flight[number % ring].at); }
  if (sending) say(room);
}

// The number of the message, not yet done, that a frame of this room names; it stands there after `before`.
static long number_in(Room *room, const char *text, size_t size, char before) {
  char mark[64], *at;
  int m = sprintf(mark, "%c%d-%zu-", before, getpid(), (size_t)(room - rooms));
  at = memmem(text, size, mark, m);
  long number = at ? strtol(at + m, NULL, 10) : -1;
  if (number < 0 || number >= room->sent || !room->flight[number % ring].left) die("nobody sent %.*s", (int)size, text);
  return number;
}

static void heard(Socket *s, const char *text, size_t size) {
  Room *room = &rooms[s->room];
  size_t n = strlen(prefix);
  if (size >= n && !memcmp(text, prefix, n)) {
    if (any_order) {
      if (counting) s->deliveries++;
      s->received++;
      arrived(room, number_in(room, text, size, '#'));
      return;
    }
    char mark[64];
    int m = sprintf(mark, "#%d-%zu-%ld#", getpid(), s->room, s->received);
    if (s->received >= room->sent || !memmem(text, size, mark, m))
      die("socket %zu expected message %s and got %.*s", (size_t)(s - sockets), mark, (int)size, text);
    if (counting) s->deliveries++;
    arrived(room, s->received++);
  } else if (ack && s == &sockets[room->sender] && size >= strlen(ack) && !memcmp(text, ack, strlen(ack))) {
    if (room->acks >= room->sent) die("an acknowledgement of nothing: %.*s", (int)size, text);
    arrived(room, any_order ? number_in(room, text, size, '"') : room->acks++);
  } else if (ping && size == strlen(ping) && !memcmp(text, ping, size)) {
    put(s, 1, pong, strlen(pong));
  } else if (memmem(text, size, "\"error\"", 7)) {
    die("socket %zu was told: %.*s", (size_t)(s - sockets), (int)size, text);
  }
}

static void receive(Socket *s) {
  ssize_t got = read(s->fd, s->buffer + s->length, BUF - s->length);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("socket %zu was closed by the server", (size_t)(s - sockets));
  s->length += got;
  size_t at = 0;
  while (s->length - at >= 2) {
    unsigned char *b = s->buffer + at;
    size_t left = s->length - at, head = 2, size = b[1] & 127;
    if (size == 126) { head = 4; if (left < head) break; size = b[2] << 8 | b[3]; }
    else if (size == 127) die("socket %zu got a frame of more than 64 KiB", (size_t)(s - sockets));
    if (head + size > BUF) die("socket %zu got a frame of %zu bytes", (size_t)(s - sockets), size);
    if (left < head + size) break;
    int opcode = b[0] & 15;
    if (opcode == 8) die("socket %zu was closed with %d", (size_t)(s - sockets), size > 1 ? b[head] << 8 | b[head + 1] : 1005);
    if (opcode == 9) put(s, 10, (char *)b + head, size);
    if (opcode == 1) heard(s, (char *)b + head, size);
    at += head + size;
  }
  memmove(s->buffer, s->buffer + at, s->length - at);
  s->length -= at;
}

static void turn(int epoll) {
  static struct epoll_event events[EVENTS];
  int n = epoll_wait(epoll, events, EVENTS, 20);
  for (int i = 0; i < n; i++) receive(&sockets[events[i].data.u64]);
}

static void run_until(int epoll, double end) { while (now() < end) turn(epoll); }

// --- the result --------------------------------------------------------------------------------------------------------

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double percentile(double p) { return latency_count ? latencies[(size_t)(p * (latency_count - 1) + 0.5)] * 1e3 : 0; }

static void print(double measured, double dialing) {
  double sum = 0; long deliveries = 0; int started = 0;
  for (size_t i = 0; i < latency_count; i++) sum += latencies[i];
  for (size_t n = 0; n < socket_count; n++) deliveries += sockets[n].deliveries;
  qsort(latencies, latency_count, sizeof *latencies, by_size);
  printf("{\"seconds\":%.3f,\"messages\":%ld,\"deliveries\":%ld,\"dials_per_s\":%.1f,\"latency_ms\":{\"mean\":%.3f,\"p50\":%.3f,"
         "\"p99\":%.3f,\"max\":%.3f},\"ports\":[", measured, messages, deliveries, socket_count / dialing,
         latency_count ? sum / latency_count * 1e3 : 0, percentile(0.5), percentile(0.99), percentile(1));
  for (size_t n = 0; n < socket_count; n++) {  // each port once, where it comes first
    size_t before = 0, all = 0, first = 0; long here = 0;
    for (size_t m = 0; m < n; m++) before += sockets[m].port == sockets[n].port;
    if (before) continue;
    for (size_t m = n; m < socket_count; m++)
      if (sockets[m].port == sockets[n].port) { all++; first += sockets[m].first; here += sockets[m].deliveries; }
    printf("%s{\"port\":%d,\"sockets\":%zu,\"first\":%zu,\"deliveries\":%ld}", started++ ? "," : "", sockets[n].port, all, first, here);
  }
  printf("],\"processes\":[");
  for (size_t i = 0; i < server_count; i++)
    printf("%s{\"pid\":%d,\"cpu_seconds\":%.3f,\"kib_before\":%ld,\"kib_tenth\":%ld,\"kib_idle\":%ld}", i ? "," : "",
           servers[i].pid, servers[i].cpu, servers[i].before, servers[i].tenth, servers[i].idle);
  printf("]}\n");
}

static void take_arguments(int count, char **words) {
  for (int i = 1; i < count; i += 2) {
    char *name = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
    if (!value) die("%s needs a value", name);
    if (!strcmp(name, "--sockets")) sockets_file = value;
    else if (!strcmp(name, "--message")) template_ = value;
    else if (!strcmp(name, "--prefix")) prefix = value;
    else if (!strcmp(name, "--ack")) ack = value;
    else if (!strcmp(name, "--hello")) hello = value;
    else if (!strcmp(name, "--ping")) ping = value;
    else if (!strcmp(name, "--pong")) pong = value;
    else if (!strcmp(name, "--order")) any_order = !strcmp(value, "any");
    else if (!strcmp(name, "--room-size")) room_size = atoi(value);
    else if (!strcmp(name, "--window")) window_ = atoi(value);
    else if (!strcmp(name, "--warmup")) warmup = atof(value);
    else if (!strcmp(name, "--seconds")) seconds = atof(value);
    else if (!strcmp(name, "--cpu")) cpu = atoi(value);
    else if (!strcmp(name, "--pid") && server_count < MAX_PIDS) servers[server_count++].pid = atoi(value);
    else die("unknown option %s", name);
  }
  if (!sockets_file || !template_) die("--sockets and --message are needed");
  ring = any_order ? MAX_WINDOW : window_;
  if (!ping != !pong) die("--ping and --pong come together");
  if (window_ < 1 || window_ > MAX_WINDOW) die("--window is from 1 to %d", MAX_WINDOW);
}

int main(int count, char **words) {
  take_arguments(count, words);
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
  if (cpu >= 0) { cpu_set_t set; CPU_ZERO(&set); CPU_SET(cpu, &set); sched_setaffinity(0, sizeof set, &set); }
  double dialing = open_sockets();
  usleep(1000000);
  for (size_t i = 0; i < server_count; i++) servers[i].idle = resident_kib(servers[i].pid);

  int epoll = epoll_create1(0);
  for (size_t n = 0; n < socket_count; n++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = n};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[n].fd, &event)) die("epoll: %s", strerror(errno));
  }
  for (size_t r = 0; r < room_count; r++) for (int i = 0; i < window_; i++) say(&rooms[r]);
  run_until(epoll, now() + warmup);
  for (size_t i = 0; i < server_count; i++) servers[i].cpu = -cpu_seconds(servers[i].pid);
  counting = 1;
  double start = now();
  run_until(epoll, start + seconds);
  double measured = now() - start;
  for (size_t i = 0; i < server_count; i++) servers[i].cpu += cpu_seconds(servers[i].pid);
  counting = sending = 0;
  double patience = now() + PATIENCE;
  while (unfinished && now() < patience) turn(epoll);
  if (unfinished) die("%d messages did not arrive everywhere", unfinished);
  if (!messages) die("nothing was delivered");
  print(measured, dialing);
  return 0;
}
