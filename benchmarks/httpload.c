/*
 * httpload - an HTTP load generator: one epoll loop that plays N download clients.
 *
 * Original work of this project, written from RFC 9112 (HTTP/1.1).  Plain C11 + Linux, no library.
 *
 *   cc -O2 -Wall -Wextra -std=gnu11 -o httpload httpload.c
 *   ./httpload --help
 *
 * What it does
 *   - keeps --clients persistent connections busy until --requests answers have come; the number of bytes is the
 *     same for every server, whatever its speed;
 *   - checks status and Content-Length of every answer, and that all of the body came;
 *   - throws bodies away in the kernel (recv with MSG_TRUNC), so that the generator costs less CPU than the server;
 *   - with --slow it reads every body at a fixed rate and holds all connections open for --hold seconds: a room full
 *     of slow machines; the line "holding" on standard output says that every body has begun;
 *   - reports time percentiles, MB/s, requests/s, failures by reason, and (with --pid or --cgroup) the CPU time that
 *     the server used, in the JSON style of tftpload.
 *
 * What it does not do: TLS, chunked bodies, pipelining, IPv6.
 * Every loop is bounded: the whole run ends at --deadline seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, DISCARD = 1 << 20, READS_PER_TURN = 8, EVENTS = 256, MAX_PIDS = 16, TICKS_PER_S = 10 };

/* How a request ended. */
enum outcome { OK, F_CONNECT, F_STATUS, F_LENGTH, F_CLOSED, F_MALFORMED, F_SOCKET, OUTCOMES };
static const char *const outcome_name[OUTCOMES] = {
    "ok", "connect", "bad_status", "wrong_length", "closed_early", "malformed", "socket" };

enum phase { IDLE, CONNECTING, HEAD, BODY, DONE };

/* One connection. */
struct client {
    int fd;
    enum phase phase;
    int close_after;         /* the server said Connection: close */
    size_t head_len;
    uint64_t left;           /* of the body */
    int64_t started, first_byte;             /* ns */
    char *head;              /* HEAD_MAX bytes */
};

static struct {
    const char *host, *path, *label, *cgroup;
    int port, clients, deadline_s, rcvbuf, json, hold_s;
    long requests;
    long long expect, slow;
    int pids[MAX_PIDS], npids;
} opt = { .host = "127.0.0.1", .port = 80, .clients = 1, .deadline_s = 60, .expect = -1, .label = "" };

static struct {
    uint64_t bytes, ended[OUTCOMES], connects;
    long started, finished, held;
} st;

static struct sockaddr_in server;
static struct client *clients;
static char request[2048];
static size_t request_len;
static double *times_ms, *ttfb_ms;
static long ntimes;
static int ep, last_status;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}
static void die(const char *what) { perror(what); exit(2); }

/* CPU seconds of the server: from its control group (version 1: ns, version 2: usage_usec), else of its processes. */
static double cpu_seconds(void) {
    double sum = 0;
    if (opt.cgroup) {
        char buf[64];
        unsigned long long v = 0;
        FILE *f = fopen(opt.cgroup, "r");
        if (!f) die(opt.cgroup);
        int ok = fgets(buf, sizeof buf, f) != NULL;
        fclose(f);
        if (ok && sscanf(buf, "usage_usec %llu", &v) == 1) return (double)v / 1e6;
        if (ok && sscanf(buf, "%llu", &v) == 1) return (double)v / 1e9;
        fprintf(stderr, "httpload: %s: no CPU time in it\n", opt.cgroup);
        exit(2);
    }
    for (int i = 0; i < opt.npids; i++) {
        char path[64], buf[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", opt.pids[i]);
        int fd = open(path, O_RDONLY);
        if (fd < 0) continue;
        ssize_t n = read(fd, buf, sizeof buf - 1);
        close(fd);
        if (n <= 0) continue;
        buf[n] = 0;
        char *p = strrchr(buf, ')');   /* the name may hold spaces */
        unsigned long ut, stm;
        long cut, cst;
        if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
                        &ut, &stm, &cut, &cst) == 4)
            sum += (double)(ut + stm + (unsigned long)(cut + cst)) / (double)sysconf(_SC_CLK_TCK);
    }
    return sum;
}

static void watch(struct client *c, uint32_t events, int how) {
    struct epoll_event ev = { .events = events, .data.ptr = c };
    if (epoll_ctl(ep, how, c->fd, &ev)) die("epoll_ctl");
}

static void hang_up(struct client *c) {
    if (c->fd >= 0) close(c->fd);      /* also leaves the epoll set */
    c->fd = -1;
}

/* The end of one request; what the connection does next is up to next(). */
static void finish(struct client *c, enum outcome why) {
    if (why == OK) {
        times_ms[ntimes] = (double)(now_ns() - c->started) / 1e6;
        ttfb_ms[ntimes++] = (double)(c->first_byte - c->started) / 1e6;
    }
    if (why != OK || c->close_after) hang_up(c);
    st.ended[why]++;
    st.finished++;
    c->phase = IDLE;
}

static void send_request(struct client *c) {
    c->phase = HEAD;
    c->head_len = 0;
    c->close_after = 0;
    ssize_t n = send(c->fd, request, request_len, MSG_NOSIGNAL);
    if (n != (ssize_t)request_len) finish(c, F_CLOSED);   /* an empty socket buffer holds any request */
}

static void open_connection(struct client *c) {
    st.connects++;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (opt.rcvbuf) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &opt.rcvbuf, sizeof opt.rcvbuf);
    c->phase = CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        finish(c, F_CONNECT);
        return;
    }
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* Begins requests on a connection until one has to wait for the network. */
static void next(struct client *c) {
    while (c->phase == IDLE && st.started < opt.requests) {
        st.started++;
        c->started = now_ns();
        if (c->fd < 0) open_connection(c);
        else send_request(c);
    }
    if (c->phase == IDLE) {
        c->phase = DONE;
        hang_up(c);
    }
}

static void connected(struct client *c) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        finish(c, F_CONNECT);
        return;
    }
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    send_request(c);
}

/* The value of a header field within a head that ends with an empty line, or NULL. */
static const char *field(const char *head, const char *name) {
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, n) && line[n] == ':') {
            line += n + 1;
            while (*line == ' ' || *line == '\t') line++;
            return line;
        }
    }
    return NULL;
}

/* Reads the head, and what came of the body with it. Returns 0 when nothing more can be done now. */
static int read_head(struct client *c) {
    ssize_t n = recv(c->fd, c->head + c->head_len, HEAD_MAX - 1 - c->head_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n <= 0) {
        finish(c, F_CLOSED);
        return 0;
    }
    if (!c->head_len) c->first_byte = now_ns();
    c->head_len += (size_t)n;
    c->head[c->head_len] = 0;
    char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (!end) {
        if (c->head_len == HEAD_MAX - 1) finish(c, F_MALFORMED);
        return c->phase == HEAD;
    }
    uint64_t have = c->head_len - (size_t)(end + 4 - c->head);
    end[2] = 0;                        /* the body is no text */
    int status;
    const char *length = field(c->head, "Content-Length"), *connection = field(c->head, "Connection");
    if (sscanf(c->head, "HTTP/1.%*d %d", &status) != 1 || !length || *length < '0' || *length > '9') {
        finish(c, F_MALFORMED);
        return 0;
    }
    if (status != 200) {
        last_status = status;
        c->close_after = 1;
        finish(c, F_STATUS);
        return 0;
    }
    uint64_t size = strtoull(length, NULL, 10);
    c->close_after = connection && !strncasecmp(connection, "close", 5);
    if ((opt.expect >= 0 && size != (uint64_t)opt.expect) || have > size) {
        finish(c, F_LENGTH);
        return 0;
    }
    st.bytes += have;
    c->left = size - have;
    c->phase = BODY;
    if (!c->left) finish(c, OK);
    return c->phase == BODY;
}

/* Discards at most this much of a body. Returns what it discarded; the phase changes at the end and on failure. */
static uint64_t read_body(struct client *c, uint64_t most) {
    size_t want = c->left < most ? (size_t)c->left : (size_t)most;
    ssize_t n = recv(c->fd, NULL, want, MSG_TRUNC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n <= 0) {
        finish(c, n ? F_SOCKET : F_CLOSED);
        return 0;
    }
    st.bytes += (uint64_t)n;
    c->left -= (uint64_t)n;
    if (!c->left) finish(c, OK);
    return (uint64_t)n;
}

static void readable(struct client *c) {
    for (int i = 0; i < READS_PER_TURN && (c->phase == HEAD || c->phase == BODY); i++) {
        if (c->phase == HEAD ? !read_head(c) : !read_body(c, DISCARD)) break;
    }
}

static void run(int64_t t0) {
    int64_t end = t0 + opt.deadline_s * 1000000000ll;
    struct epoll_event evs[EVENTS];
    for (int i = 0; i < opt.clients; i++) next(&clients[i]);
    while (st.finished < opt.requests && now_ns() < end) {
        int n = epoll_wait(ep, evs, EVENTS, 100);
        for (int i = 0; i < n; i++) {
            struct client *c = evs[i].data.ptr;
            if (c->phase == CONNECTING) connected(c);
            else readable(c);
            if (c->phase == IDLE) next(c);
        }
    }
}

/*
 * --slow: one request on each connection. A connection leaves the epoll set once its body begins, and from then on gets
 * its share of every tick; the kernel's receive buffer fills, and the server has to wait for this reader.
 */
static void run_slowly(int64_t t0) {
    int64_t end = t0 + opt.deadline_s * 1000000000ll, release = 0, tick = t0;
    uint64_t share = (uint64_t)opt.slow / TICKS_PER_S;
    struct epoll_event evs[EVENTS];
    for (int i = 0; i < opt.clients; i++) next(&clients[i]);
    while (now_ns() < end && !(release && now_ns() >= release)) {
        int n = epoll_wait(ep, evs, EVENTS, 1000 / TICKS_PER_S / 2);
        for (int i = 0; i < n; i++) {
            struct client *c = evs[i].data.ptr;
            if (c->phase == CONNECTING) connected(c);
            else if (c->phase == HEAD) read_head(c);
            if (c->phase == BODY) epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
        }
        int64_t t = now_ns();
        if (t < tick) continue;
        tick += 1000000000ll / TICKS_PER_S;
        if (tick < t) tick = t;        /* a busy machine: late, never twice as fast */
        long begun = 0;
        for (int i = 0; i < opt.clients; i++) {
            struct client *c = &clients[i];
            if (c->phase == BODY) read_body(c, share);
            if (c->phase != CONNECTING && c->phase != HEAD) begun++;
        }
        if (!release && begun == opt.clients) {
            release = t + opt.hold_s * 1000000000ll;
            puts("holding");
            fflush(stdout);
        }
    }
    for (int i = 0; i < opt.clients; i++)
        if (clients[i].phase == BODY) st.held++;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double pct(const double *v, long n, double q) {
    if (!n) return 0;
    long i = (long)(q / 100 * (double)n + 0.999999) - 1;
    return v[i < 0 ? 0 : i >= n ? n - 1 : i];
}

static void usage(FILE *to) {
    fputs(
"usage: httpload [options] PATH\n"
"  PATH                 what to request, with or without the first /\n"
"  --host ADDR          server address (127.0.0.1); loopback only unless --any-host\n"
"  --port N             server port (80)\n"
"  --clients N          persistent connections (1)\n"
"  --requests N         requests in all (= --clients)\n"
"  --deadline S         end the whole run after this long (60)\n"
"  --expect BYTES       an answer with another Content-Length counts as failed\n"
"  --rcvbuf BYTES       SO_RCVBUF of each connection (system default)\n"
"  --slow BYTES_PER_S   one request on each connection, read at this rate\n"
"  --hold S             with --slow: seconds to go on after every body has begun (10)\n"
"  --pid P              add this server process to the CPU count (repeatable)\n"
"  --cgroup FILE        or: the server's cpuacct.usage (v1) or cpu.stat (v2) file\n"
"  --label TEXT         copied to the output\n"
"  --json               one JSON object on one line instead of text\n"
"exit status: 0 all requests good (with --slow: none failed), 1 some failed,\n"
"2 usage or system error\n", to);
}

static void report(double sec, double cpu, long unfinished) {
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    double mycpu = (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec
                 + (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
    double gb = (double)st.bytes / 1e9;
    qsort(times_ms, (size_t)ntimes, sizeof *times_ms, by_value);
    qsort(ttfb_ms, (size_t)ntimes, sizeof *ttfb_ms, by_value);
    if (opt.json) {
        printf("{\"label\":\"%s\",\"clients\":%d,\"requests\":%ld,\"seconds\":%.4f,\"bytes\":%llu,"
               "\"mb_per_s\":%.2f,\"requests_per_s\":%.1f,", opt.label, opt.clients, opt.requests, sec,
               (unsigned long long)st.bytes, (double)st.bytes / 1e6 / sec, (double)st.ended[OK] / sec);
        printf("\"ms\":{\"min\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f},"
               "\"first_byte_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},",
               pct(times_ms, ntimes, 0), pct(times_ms, ntimes, 50), pct(times_ms, ntimes, 90),
               pct(times_ms, ntimes, 99), pct(times_ms, ntimes, 100),
               pct(ttfb_ms, ntimes, 50), pct(ttfb_ms, ntimes, 99), pct(ttfb_ms, ntimes, 100));
        for (int i = 0; i < OUTCOMES; i++)
            printf("\"%s\":%llu,", outcome_name[i], (unsigned long long)st.ended[i]);
        printf("\"unfinished\":%ld,\"held\":%ld,\"connects\":%llu,\"server_cpu_s\":%.3f,"
               "\"server_cpu_s_per_gb\":%.3f,\"client_cpu_s\":%.2f}\n", unfinished, st.held,
               (unsigned long long)st.connects, cpu, gb > 0 ? cpu / gb : 0, mycpu);
        return;
    }
    printf("%s%s%d clients, %ld requests on %llu connections\n", opt.label, *opt.label ? ": " : "",
           opt.clients, opt.requests, (unsigned long long)st.connects);
    printf("  %.3f s, %.1f MB, %.1f MB/s, %.1f requests/s\n", sec, (double)st.bytes / 1e6,
           (double)st.bytes / 1e6 / sec, (double)st.ended[OK] / sec);
    printf("  request ms: min %.2f p50 %.2f p90 %.2f p99 %.2f max %.2f\n",
           pct(times_ms, ntimes, 0), pct(times_ms, ntimes, 50), pct(times_ms, ntimes, 90),
           pct(times_ms, ntimes, 99), pct(times_ms, ntimes, 100));
    printf(" ");
    for (int i = 0; i < OUTCOMES; i++)
        if (i == OK || st.ended[i])
            printf(" %s %llu", outcome_name[i], (unsigned long long)st.ended[i]);
    printf(" unfinished %ld held %ld", unfinished, st.held);
    if (last_status) printf(", last bad status %d", last_status);
    printf("\n");
    if (opt.npids || opt.cgroup)
        printf("  server CPU %.2f s (%.3f s/GB), client CPU %.2f s\n", cpu, gb > 0 ? cpu / gb : 0, mycpu);
}

int main(int argc, char **argv) {
    enum { HOST = 256, PORT, CLI, REQ, DEADL, EXPECT, RCVBUF, SLOW, HOLD, PID, CGROUP, LABEL, JSON, ANY, HELP };
    static const struct option lo[] = {
        {"host",1,0,HOST},{"port",1,0,PORT},{"clients",1,0,CLI},{"requests",1,0,REQ},{"deadline",1,0,DEADL},
        {"expect",1,0,EXPECT},{"rcvbuf",1,0,RCVBUF},{"slow",1,0,SLOW},{"hold",1,0,HOLD},{"pid",1,0,PID},
        {"cgroup",1,0,CGROUP},{"label",1,0,LABEL},{"json",0,0,JSON},{"any-host",0,0,ANY},{"help",0,0,HELP},
        {0,0,0,0} };
    int o, any_host = 0;
    opt.hold_s = 10;
    while ((o = getopt_long(argc, argv, "h", lo, NULL)) != -1) switch (o) {
        case HOST: opt.host = optarg; break;
        case PORT: opt.port = atoi(optarg); break;
        case CLI: opt.clients = atoi(optarg); break;
        case REQ: opt.requests = atol(optarg); break;
        case DEADL: opt.deadline_s = atoi(optarg); break;
        case EXPECT: opt.expect = atoll(optarg); break;
        case RCVBUF: opt.rcvbuf = atoi(optarg); break;
        case SLOW: opt.slow = atoll(optarg); break;
        case HOLD: opt.hold_s = atoi(optarg); break;
        case PID: if (opt.npids < MAX_PIDS) opt.pids[opt.npids++] = atoi(optarg); break;
        case CGROUP: opt.cgroup = optarg; break;
        case LABEL: opt.label = optarg; break;
        case JSON: opt.json = 1; break;
        case ANY: any_host = 1; break;
        case HELP: case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
    }
    if (optind != argc - 1 || opt.clients < 1 || opt.slow < 0 || (opt.slow && opt.slow < TICKS_PER_S)
        || strlen(argv[optind]) > 1024 || strpbrk(argv[optind], " \r\n")) {
        usage(stderr);
        return 2;
    }
    opt.path = argv[optind];
    if (opt.requests < opt.clients || opt.slow) opt.requests = opt.clients;
    server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
    if (!inet_aton(opt.host, &server.sin_addr)) { fprintf(stderr, "httpload: bad --host\n"); return 2; }
    if (!any_host && ntohl(server.sin_addr.s_addr) >> 24 != 127) {
        fprintf(stderr, "httpload: %s is not a loopback address (see --any-host)\n", opt.host);
        return 2;
    }
    request_len = (size_t)snprintf(request, sizeof request, "GET %s%s HTTP/1.1\r\nHost: %s:%d\r\n\r\n",
                                   *opt.path == '/' ? "" : "/", opt.path, opt.host, opt.port);
    struct rlimit rl;
    if (!getrlimit(RLIMIT_NOFILE, &rl)) { rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl); }
    clients = calloc((size_t)opt.clients, sizeof *clients);
    char *heads = malloc((size_t)opt.clients * HEAD_MAX);
    times_ms = calloc((size_t)opt.requests, sizeof *times_ms);
    ttfb_ms = calloc((size_t)opt.requests, sizeof *ttfb_ms);
    ep = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || !heads || !times_ms || !ttfb_ms || ep < 0) die("setup");
    for (int i = 0; i < opt.clients; i++) {
        clients[i].fd = -1;
        clients[i].head = heads + (size_t)i * HEAD_MAX;
    }

    double cpu0 = cpu_seconds();
    int64_t t0 = now_ns();
    if (opt.slow) run_slowly(t0);
    else run(t0);
    double sec = (double)(now_ns() - t0) / 1e9;
    long unfinished = opt.requests - st.finished - st.held;
    for (int i = 0; i < opt.clients; i++) hang_up(&clients[i]);
    report(sec, cpu_seconds() - cpu0, unfinished);
    uint64_t failed = (uint64_t)unfinished;
    for (int i = F_CONNECT; i < OUTCOMES; i++) failed += st.ended[i];
    close(ep);
    free(heads); free(clients); free(times_ms); free(ttfb_ms);
    return failed ? 1 : 0;
}
