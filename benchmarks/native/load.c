/*
 * A client that sends a message on each of its connections and sends the next one when the whole echo is back.
 *
 *   load ADDRESS [--mode echo|connect|hold] [--type stream|datagram] [--tls 1] [--connections N] [--size BYTES]
 *        [--requests N] [--warmup N] [--idle N] [--processor N]
 *
 * It talks to its parent in lines: it prints {"ready": true} when the connections are there and warm, waits for a line,
 * does the requests, prints the figures as one line of JSON, and waits for a line again before it closes anything.
 *
 *   echo     each connection sends requests one after the other; --idle more connections stay silent
 *   connect  each request is a connection of its own: connect, one echo, close
 *   hold     a request is to open a connection (and to echo once), which then stays open
 *
 * Every reply is compared with what was sent.
 */
#include "common.h"

typedef struct {
    int fd;
    SSL *tls;
    int handshaking, busy, waits_to_write;
    size_t sent, received;
    long started;
} Connection;

enum { ECHO_MODE, CONNECT_MODE, HOLD_MODE };

static Address address;
static int mode, socket_type, poller;
static size_t size;
static char *message, reply[1 << 18];
static SSL_CTX *context;
static Connection *connections;
static long to_issue, outstanding, repeated; /* of the present phase */
static long *latencies, recorded;

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void open_connection(Connection *c) {
    memset(c, 0, sizeof *c);
    c->started = now();
    c->fd = socket(address.name.any.sa_family, socket_type, 0);
    if (c->fd < 0) die("socket");
    if (connect(c->fd, &address.name.any, address.length) < 0) die("connect");
    set_nonblocking(c->fd);
    no_delay(c->fd);
    c->tls = new_tls(context, c->fd);
    c->handshaking = c->tls != NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl");
}

static void watch_writing(Connection *c, int wanted) {
    if (c->waits_to_write == wanted) return;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) < 0) die("epoll_ctl");
    c->waits_to_write = wanted;
}

/* Returns 0 when the handshake has to wait for the server. */
static int handshake(Connection *c) {
#ifdef WITH_TLS
    ERR_clear_error();
    int result = SSL_connect(c->tls);
    if (result != 1) {
        if (!would_block(c->tls, result)) die("TLS handshake");
        return 0;
    }
#endif
    c->handshaking = 0;
    return 1;
}

static void send_message(Connection *c) {
    while (c->sent < size) {
        ssize_t n = put(c->fd, c->tls, message + c->sent, size - c->sent);
        if (n <= 0) {
            if (!would_block(c->tls, n)) die("send");
            watch_writing(c, 1);
            return;
        }
        c->sent += (size_t)n;
    }
    watch_writing(c, 0);
}

static void begin(Connection *c) {
    to_issue--;
    outstanding++;
    if (mode == CONNECT_MODE)
        open_connection(c);
    else
        c->started = now();
    c->busy = 1;
    c->sent = c->received = 0;
    if (!c->handshaking || handshake(c)) send_message(c);
}

static void finish(Connection *c) {
    outstanding--;
    c->busy = 0;
    if (latencies) latencies[recorded++] = now() - c->started;
    if (mode == CONNECT_MODE) close_connection(c->fd, c->tls);
    if (to_issue > 0 && mode != HOLD_MODE) begin(c);
}

static void receive(Connection *c) {
    while (c->busy) {
        ssize_t n = get(c->fd, c->tls, reply, sizeof reply);
        if (n <= 0) {
            if (n < 0 && would_block(c->tls, n)) return;
            errno = n ? errno : 0;
            die("the server closed a connection");
        }
        if (c->received + (size_t)n > size) die("reply longer than the message");
        if (memcmp(reply, message + c->received, (size_t)n)) die("reply differs from the message");
        c->received += (size_t)n;
        if (c->received == size) {
            finish(c);
            return;
        }
        if (!c->tls && (size_t)n < sizeof reply) return; /* the socket is empty: spare the call that says so */
    }
}

static void advance(Connection *c) {
    if (c->handshaking) {
        if (!handshake(c)) return;
        send_message(c);
    }
    if (c->busy && c->sent < size) send_message(c);
    if (c->busy) {
        receive(c);
    } else { /* session tickets, and the end of the stream */
        ssize_t n = get(c->fd, c->tls, reply, sizeof reply);
        if (n == 0 || (n < 0 && !would_block(c->tls, n))) die("the server closed an idle connection");
    }
}

/* A datagram may be lost: send again what has had no answer. */
static void repeat(long count) {
    for (Connection *c = connections; c < connections + count; c++)
        if (c->busy) {
            repeated++;
            c->sent = 0;
            send_message(c);
        }
}

static void wait_for_all(long count) {
    struct epoll_event events[512];
    while (outstanding > 0) {
        int ready = epoll_wait(poller, events, 512, socket_type == SOCK_DGRAM ? 250 : 60000);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        if (ready == 0 && socket_type == SOCK_DGRAM) repeat(count);
        if (ready == 0 && socket_type == SOCK_STREAM) die("no reply within 60 seconds");
        for (int i = 0; i < ready; i++) advance(events[i].data.ptr);
    }
}

/* Connections are opened in groups, each with one echo, so that no queue of the server overflows. */
static void open_all(long count) {
    for (long first = 0; first < count; first += 64) {
        long last = first + 64 < count ? first + 64 : count;
        to_issue = last - first;
        for (long i = first; i < last; i++) open_connection(&connections[i]);
        int was = mode;
        mode = HOLD_MODE; /* one request each */
        for (long i = first; i < last; i++) begin(&connections[i]);
        wait_for_all(last);
        mode = was;
    }
}

static void close_all(long count) {
    for (long i = 0; i < count; i++) close_connection(connections[i].fd, connections[i].tls);
}

static void request(long count, long requests) {
    to_issue = requests;
    for (long i = 0; i < count && to_issue > 0; i++) begin(&connections[i]);
    wait_for_all(count);
}

static int ascending(const void *left, const void *right) {
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

static void report(long requests, long took) {
    qsort(latencies, (size_t)recorded, sizeof *latencies, ascending);
    long last = recorded - 1;
    printf("{\"requests\": %ld, \"seconds\": %.9f, \"p50\": %.3f, \"p99\": %.3f, \"repeated\": %ld}\n", requests,
           (double)took / 1e9, (double)latencies[last / 2] / 1e3, (double)latencies[last - last / 100] / 1e3, repeated);
    fflush(stdout);
}

static void wait_for_line(void) {
    char line[64];
    if (!fgets(line, sizeof line, stdin)) exit(0);
}

static SSL_CTX *client_context(void) {
#ifdef WITH_TLS
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (!made) die("SSL_CTX_new");
    SSL_CTX_set_verify(made, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    return made;
#else
    die("built without TLS");
    return NULL;
#endif
}

int main(int argc, char **argv) {
    if (argc < 2) die("no address");
    address = parse_address(argv[1]);
    const char *how = option(argc, argv, "--mode", "echo");
    mode = !strcmp(how, "connect") ? CONNECT_MODE : !strcmp(how, "hold") ? HOLD_MODE : ECHO_MODE;
    socket_type = !strcmp(option(argc, argv, "--type", "stream"), "datagram") ? SOCK_DGRAM : SOCK_STREAM;
    long count = number(argc, argv, "--connections", 1), requests = number(argc, argv, "--requests", 1000);
    long warmup = number(argc, argv, "--warmup", 0), idle = number(argc, argv, "--idle", 0);
    size = (size_t)number(argc, argv, "--size", 1024);
    pin((int)number(argc, argv, "--processor", 0));
    raise_descriptor_limit();
    if (number(argc, argv, "--tls", 0)) context = client_context();

    message = malloc(size);
    for (size_t i = 0; i < size; i++) message[i] = (char)(i * 31 + i / 251);
    connections = calloc((size_t)(count + idle), sizeof *connections);
    poller = epoll_create1(0);
    if (mode == ECHO_MODE) {
        open_all(count + idle);
        if (warmup > 0) request(count, warmup);
    } else if (mode == CONNECT_MODE) {
        if (warmup > 0) request(count, warmup);
    } else {
        open_all(warmup < count ? warmup : count);
        close_all(warmup < count ? warmup : count);
    }
    puts("{\"ready\": true}");
    fflush(stdout);
    wait_for_line();

    if (mode == HOLD_MODE) requests = count;
    latencies = malloc((size_t)requests * sizeof *latencies);
    long started = now();
    if (mode == HOLD_MODE)
        open_all(count);
    else
        request(count, requests);
    report(requests, now() - started);
    wait_for_line();
    if (mode != CONNECT_MODE) close_all(count + idle);
    return 0;
}
